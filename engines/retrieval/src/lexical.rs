//! BM25F over two fields, the text and its head (title, headings, keywords). Postings change with
//! each document; the statistics are always those of the documents that are there (T1).

use std::collections::BTreeMap;

/// How fast further occurrences of a word count less.
const K1: f32 = 1.2;
/// How much longer texts are held back, in the body and in the head.
const B_BODY: f32 = 0.75;
const B_HEAD: f32 = 0.5;
/// What an occurrence in the head counts.
const HEAD_WEIGHT: f32 = 2.0;

/// Occurrences of one term, ordered by slot.
#[derive(Debug, Default)]
struct Postings {
    slots: Vec<u32>,
    /// In the body, in the head; 255 stands for more.
    counts: Vec<[u8; 2]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    body: u32,
    head: u32,
}

/// The words of one chunk.
#[derive(Debug, Default)]
pub(crate) struct Bag {
    pub(crate) body: Vec<String>,
    pub(crate) head: Vec<String>,
}

/// One thing that is asked for: a word in its forms.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Forms and synonyms with their weights; the best one counts.
    pub(crate) forms: Vec<(String, f32)>,
    /// How often the question says it.
    pub(crate) count: f32,
    /// How rare the best form is.
    pub(crate) idf: f32,
}

/// Scores of all chunks for one question, as shares of the best score that is possible.
#[derive(Debug)]
pub(crate) struct Scores {
    pub(crate) by_slot: Vec<f32>,
    /// The slots with a score, in no order.
    pub(crate) touched: Vec<u32>,
}

#[derive(Debug, Default)]
pub(crate) struct Lexical {
    terms: BTreeMap<Box<str>, u32>,
    postings: Vec<Postings>,
    lengths: Vec<Lengths>,
    live: usize,
    body_total: u64,
    head_total: u64,
}

impl Lexical {
    pub(crate) fn add(&mut self, slot: u32, bag: &Bag) {
        let at = slot as usize;
        if self.lengths.len() <= at {
            self.lengths.resize(at + 1, Lengths::default());
        }
        let lengths = lengths(bag);
        self.lengths[at] = lengths;
        self.live += 1;
        self.body_total += u64::from(lengths.body);
        self.head_total += u64::from(lengths.head);
        for (term, counts) in count(bag) {
            let number = self.number(term);
            let postings = &mut self.postings[number];
            // New slots are mostly the highest.
            let place = if postings.slots.last().is_none_or(|last| *last < slot) {
                postings.slots.len()
            } else {
                postings.slots.partition_point(|other| *other < slot)
            };
            postings.slots.insert(place, slot);
            postings.counts.insert(place, counts);
        }
    }

    pub(crate) fn remove(&mut self, slot: u32, bag: &Bag) {
        let lengths = std::mem::take(&mut self.lengths[slot as usize]);
        self.live -= 1;
        self.body_total -= u64::from(lengths.body);
        self.head_total -= u64::from(lengths.head);
        for term in count(bag).into_keys() {
            let Some(number) = self.terms.get(term) else { continue };
            let postings = &mut self.postings[*number as usize];
            if let Ok(place) = postings.slots.binary_search(&slot) {
                postings.slots.remove(place);
                postings.counts.remove(place);
            }
        }
    }

    fn number(&mut self, term: &str) -> usize {
        if let Some(number) = self.terms.get(term) {
            return *number as usize;
        }
        let number = self.postings.len();
        self.terms.insert(Box::from(term), u32::try_from(number).unwrap_or(u32::MAX));
        self.postings.push(Postings::default());
        number
    }

    fn of(&self, term: &str) -> Option<&Postings> {
        self.terms.get(term).map(|number| &self.postings[*number as usize])
    }

    /// How rare a term is; of one that nobody has, the highest.
    pub(crate) fn idf(&self, term: &str) -> f32 {
        let with = ratio(self.of(term).map_or(0, |postings| postings.slots.len()), 1);
        let all = ratio(self.live, 1);
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }

    pub(crate) fn has(&self, term: &str) -> bool {
        self.of(term).is_some_and(|postings| !postings.slots.is_empty())
    }

    /// Scores every chunk. A score is a share of the highest that this question can give, so that
    /// scores of different questions compare, and a question whose words are nowhere does not count
    /// as much as one that is answered word by word.
    pub(crate) fn score(&self, groups: &[Group], allowed: Option<&[bool]>) -> Scores {
        let mut by_slot = vec![0f32; self.lengths.len()];
        let mut touched = Vec::new();
        let bound: f32 = groups.iter().map(|group| group.count * group.idf * (K1 + 1.0)).sum();
        if bound <= 0.0 {
            return Scores { by_slot, touched };
        }
        let mut add = |slot: u32, score: f32| {
            if allowed.is_some_and(|allowed| !allowed.get(slot as usize).copied().unwrap_or(false))
            {
                return;
            }
            let total = &mut by_slot[slot as usize];
            if *total == 0.0 {
                touched.push(slot);
            }
            *total += score;
        };
        for group in groups {
            let most = group.count * group.idf / bound;
            if let [(term, weight)] = group.forms.as_slice() {
                self.each(term, |slot, part| add(slot, most * weight * part));
                continue;
            }
            let mut best: BTreeMap<u32, f32> = BTreeMap::new();
            for (term, weight) in &group.forms {
                self.each(term, |slot, part| {
                    let entry = best.entry(slot).or_default();
                    *entry = entry.max(weight * part);
                });
            }
            for (slot, part) in best {
                add(slot, most * part);
            }
        }
        Scores { by_slot, touched }
    }

    /// The part of a term's score that depends on the chunk, from 0 to `K1 + 1`.
    fn each(&self, term: &str, mut take: impl FnMut(u32, f32)) {
        let Some(postings) = self.of(term) else { return };
        let body_slope = B_BODY / mean(self.body_total, self.live);
        let head_slope = B_HEAD / mean(self.head_total, self.live);
        for (slot, [body, head]) in postings.slots.iter().zip(&postings.counts) {
            let lengths = self.lengths[*slot as usize];
            let body_norm = 1.0 - B_BODY + body_slope * length(lengths.body);
            let mut weight = f32::from(*body) / body_norm;
            if *head > 0 {
                let head_norm = 1.0 - B_HEAD + head_slope * length(lengths.head);
                weight += HEAD_WEIGHT * f32::from(*head) / head_norm;
            }
            take(*slot, (K1 + 1.0) * weight / (K1 + weight));
        }
    }

    /// Bytes on the heap, nearly.
    pub(crate) fn memory_bytes(&self) -> usize {
        let postings: usize = self
            .postings
            .iter()
            .map(|one| one.slots.capacity() * 4 + one.counts.capacity() * 2 + 48)
            .sum();
        let terms: usize = self.terms.keys().map(|term| term.len() + 40).sum();
        postings + terms + self.lengths.capacity() * 8
    }

    /// Gives back what growing reserved.
    pub(crate) fn shrink(&mut self) {
        for postings in &mut self.postings {
            postings.slots.shrink_to_fit();
            postings.counts.shrink_to_fit();
        }
    }
}

fn lengths(bag: &Bag) -> Lengths {
    let length = |words: &[String]| u32::try_from(words.len()).unwrap_or(u32::MAX);
    Lengths { body: length(&bag.body), head: length(&bag.head) }
}

fn count(bag: &Bag) -> BTreeMap<&str, [u8; 2]> {
    let mut counts: BTreeMap<&str, [u8; 2]> = BTreeMap::new();
    for (field, words) in [&bag.body, &bag.head].into_iter().enumerate() {
        for word in words {
            let entry = counts.entry(word).or_default();
            entry[field] = entry[field].saturating_add(1);
        }
    }
    counts
}

#[expect(clippy::cast_precision_loss, reason = "a score needs no more digits")]
fn ratio(part: usize, whole: usize) -> f32 {
    part as f32 / whole as f32
}

#[expect(clippy::cast_precision_loss, reason = "a score needs no more digits")]
fn length(words: u32) -> f32 {
    words as f32
}

#[expect(clippy::cast_precision_loss, reason = "a score needs no more digits")]
fn mean(total: u64, count: usize) -> f32 {
    (total as f32 / count.max(1) as f32).max(1.0)
}
