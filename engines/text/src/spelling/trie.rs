//! All words within some edits of another, by one walk: rows of the distance table are shared by all
//! words with the same beginning, and a beginning that is already too far away is left.

const NO_WORD: u32 = u32::MAX;

#[derive(Debug, Clone)]
struct Node {
    letter: char,
    /// The first child; children stand together.
    child: u32,
    children: u32,
    /// The word that ends here, by its place in the sorted list.
    word: u32,
}

/// A trie over a sorted list of words.
#[derive(Debug, Clone)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

impl Trie {
    pub(super) fn new(sorted: &[&str]) -> Self {
        let words: Vec<Vec<char>> = sorted.iter().map(|word| word.chars().collect()).collect();
        let mut nodes = vec![Node { letter: '\0', child: 0, children: 0, word: NO_WORD }];
        // Breadth first: (node, the words below it, how deep).
        let mut queue = std::collections::VecDeque::from([(0_usize, 0..words.len(), 0_usize)]);
        while let Some((node, mut range, depth)) = queue.pop_front() {
            if range.start < range.end && words[range.start].len() == depth {
                nodes[node].word = u32::try_from(range.start).unwrap_or(NO_WORD);
                range.start += 1;
            }
            nodes[node].child = u32::try_from(nodes.len()).unwrap_or(NO_WORD);
            let mut start = range.start;
            while start < range.end {
                let letter = words[start][depth];
                let same = words[start..range.end].partition_point(|word| word[depth] <= letter);
                nodes[node].children += 1;
                queue.push_back((nodes.len(), start..start + same, depth + 1));
                nodes.push(Node { letter, child: 0, children: 0, word: NO_WORD });
                start += same;
            }
        }
        Self { nodes }
    }

    /// Places of the words at most `reach` edits away, with their distance (insert, delete, substitute,
    /// swap neighbours; no letter edited twice).
    pub(super) fn near(&self, typed: &[char], reach: usize) -> Vec<(usize, usize)> {
        let first: Vec<usize> = (0..=typed.len()).collect();
        let mut walk = Walk {
            trie: self,
            typed,
            reach,
            rows: vec![first],
            path: Vec::new(),
            found: Vec::new(),
        };
        walk.descend(0);
        walk.found
    }
}

struct Walk<'a> {
    trie: &'a Trie,
    typed: &'a [char],
    reach: usize,
    /// One row of the distance table per letter of the path, and the one of the empty word.
    rows: Vec<Vec<usize>>,
    path: Vec<char>,
    found: Vec<(usize, usize)>,
}

impl Walk<'_> {
    /// Depth is bounded by the typed word's length and the reach: deeper rows are all too far.
    fn descend(&mut self, node: usize) {
        let Node { child, children, .. } = self.trie.nodes[node];
        for at in child as usize..(child + children) as usize {
            let letter = self.trie.nodes[at].letter;
            let row = self.row(letter);
            let distance = row[self.typed.len()];
            let word = self.trie.nodes[at].word;
            if word != NO_WORD && distance <= self.reach {
                self.found.push((word as usize, distance));
            }
            // A swap may still repair the last two rows, so both must be too far.
            let alive = |row: &[usize]| row.iter().any(|&cost| cost <= self.reach);
            if alive(&row)
                || self.rows.last().is_some_and(|last| {
                    alive(last) && !self.path.is_empty() && swaps(&row, self.reach)
                })
            {
                self.rows.push(row);
                self.path.push(letter);
                self.descend(at);
                self.path.pop();
                self.rows.pop();
            }
        }
    }

    fn row(&self, letter: char) -> Vec<usize> {
        let above = &self.rows[self.rows.len() - 1];
        let two_above = self.rows.len().checked_sub(2).map(|at| &self.rows[at]);
        let mut row = Vec::with_capacity(above.len());
        row.push(above[0] + 1);
        for at in 1..above.len() {
            let typed = self.typed[at - 1];
            let substituted = above[at - 1] + usize::from(typed != letter);
            let mut best = substituted.min(above[at] + 1).min(row[at - 1] + 1);
            if let (Some(two_above), Some(&last)) = (two_above, self.path.last())
                && at > 1
                && typed == last
                && self.typed[at - 2] == letter
            {
                best = best.min(two_above[at - 2] + 1);
            }
            row.push(best);
        }
        row
    }
}

/// Whether a swap that ends in the next row could come back into reach.
fn swaps(row: &[usize], reach: usize) -> bool {
    row.iter().any(|&cost| cost <= reach + 1)
}
