//! How likely a slip turns one word into another: the kinds of edits on the cheapest way between them,
//! weighed by what people really mistype (neighbouring keys) and mishear (letters that sound alike).

use super::sound;

/// The number of kinds of evidence.
pub const KINDS: usize = 22;

/// How often each kind of evidence occurs between a typed word and a candidate.
pub type Features = [f32; KINDS];

const SUB_VOWEL: usize = 0;
const SUB_SOUND: usize = 1;
const SUB_KEY: usize = 2;
const SUB_OTHER: usize = 3;
const SWAP: usize = 4;
const MISSED_DOUBLE: usize = 5;
const EXTRA_DOUBLE: usize = 6;
const MISSED_VOWEL: usize = 7;
const MISSED_CONSONANT: usize = 8;
const MISSED_SILENT: usize = 9;
const EXTRA_VOWEL: usize = 10;
const EXTRA_CONSONANT: usize = 11;
const EXTRA_KEY: usize = 12;
const DIGRAPH: usize = 13;
const FIRST_LETTER: usize = 14;
const SAME_SOUND: usize = 15;
const LAST_LETTER: usize = 16;
const MISSED_LAST: usize = 17;
const SAME_SKELETON: usize = 18;
const EXTRA_LAST: usize = 19;
const APOSTROPHE: usize = 20;
const SHORT: usize = 21;

/// Weight of each kind, fitted (see `spelling`).
const WEIGHTS: Features = [
    -4.585, -3.57, -4.951, -6.74, -2.558, -1.685, -3.751, -2.776, -2.805, -1.271, -5.033, -5.031,
    -4.923, -4.204, -2.011, 1.108, -0.986, -3.41, 0.25, -4.832, -0.74, -0.649,
];
/// Weight of the natural logarithm of the word's probability, fitted.
const LN_PROBABILITY: f32 = 0.529;
/// The score of "this is a word, only not one that is known": what two plain slips of a word that is
/// neither rare nor common score.
pub(super) const NOT_A_SLIP: f32 = -17.0;

/// The score of a candidate: higher is likelier.
#[must_use]
pub fn score(features: &Features, ln_probability: f32) -> f32 {
    dot(&WEIGHTS, features) + LN_PROBABILITY * ln_probability
}

/// The fitted weights, that of the logarithm of the probability last.
#[must_use]
pub fn weights() -> [f32; KINDS + 1] {
    let mut all = [LN_PROBABILITY; KINDS + 1];
    all[..KINDS].copy_from_slice(&WEIGHTS);
    all
}

/// The evidence between what was typed and a word, under the fitted weights.
#[must_use]
pub fn features(typed: &[char], word: &str) -> Features {
    features_under(&WEIGHTS, typed, word)
}

fn dot(weights: &Features, features: &Features) -> f32 {
    weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum()
}

/// The evidence under other weights; the cheapest way depends on them. For fitting.
#[must_use]
pub fn features_under(weights: &Features, typed: &[char], word: &str) -> Features {
    let word_letters: Vec<char> = word.chars().collect();
    let mut features = Table::new(weights, typed, &word_letters).best();
    let typed_text: String = typed.iter().collect();
    let mut note = |kind: usize, holds: bool| features[kind] = if holds { 1.0 } else { 0.0 };
    note(FIRST_LETTER, typed.first() != word_letters.first());
    note(LAST_LETTER, typed.last() != word_letters.last());
    note(SAME_SOUND, sound::key(&typed_text) == sound::key(word));
    note(SAME_SKELETON, skeleton(typed) == skeleton(&word_letters));
    note(SHORT, word_letters.len() <= 3);
    features
}

/// The consonants, doubles once.
fn skeleton(letters: &[char]) -> Vec<char> {
    let mut bones: Vec<char> = letters.iter().copied().filter(|&c| !is_vowel(c)).collect();
    bones.dedup();
    bones
}

/// One way to get from the typed word's letters to the candidate's.
#[derive(Clone, Copy)]
struct Step {
    cost: f32,
    kind: Option<usize>,
    /// Letters of the typed word and of the candidate that this step uses.
    used: (usize, usize),
}

struct Table<'a> {
    weights: &'a Features,
    typed: &'a [char],
    word: &'a [char],
    steps: Vec<Step>,
}

const START: Step = Step { cost: 0.0, kind: None, used: (0, 0) };

impl<'a> Table<'a> {
    fn new(weights: &'a Features, typed: &'a [char], word: &'a [char]) -> Self {
        let steps = vec![START; (typed.len() + 1) * (word.len() + 1)];
        Self { weights, typed, word, steps }
    }

    fn at(&self, i: usize, j: usize) -> usize {
        i * (self.word.len() + 1) + j
    }

    /// Fills the table and counts the kinds of steps on the cheapest way.
    fn best(mut self) -> Features {
        for i in 0..=self.typed.len() {
            for j in 0..=self.word.len() {
                if i + j > 0 {
                    let cell = self.at(i, j);
                    self.steps[cell] = self.step(i, j);
                }
            }
        }
        let mut features = [0.0; KINDS];
        let (mut i, mut j) = (self.typed.len(), self.word.len());
        while i + j > 0 {
            let step = self.steps[self.at(i, j)];
            if let Some(kind) = step.kind {
                features[kind] += 1.0;
            }
            i -= step.used.0;
            j -= step.used.1;
        }
        features
    }

    fn step(&self, i: usize, j: usize) -> Step {
        let mut best = Step { cost: f32::INFINITY, kind: None, used: (i.min(1), j.min(1)) };
        let mut offer = |kind: Option<usize>, used: (usize, usize)| {
            let before = self.steps[self.at(i - used.0, j - used.1)].cost;
            let cost = before + kind.map_or(0.0, |kind| (-self.weights[kind]).max(0.05));
            if cost < best.cost {
                best = Step { cost, kind, used };
            }
        };
        if i > 0 && j > 0 {
            offer(self.substituted(i, j), (1, 1));
        }
        if j > 0 {
            offer(Some(self.missed(i, j)), (0, 1));
        }
        if i > 0 {
            offer(Some(self.extra(i, j)), (1, 0));
        }
        if i > 1 && j > 1 {
            let (a, b) = (self.typed[i - 2], self.typed[i - 1]);
            if a != b && a == self.word[j - 1] && b == self.word[j - 2] {
                offer(Some(SWAP), (2, 2));
            }
        }
        if i > 0 && j > 1 && sounds_as([self.word[j - 2], self.word[j - 1]], self.typed[i - 1]) {
            offer(Some(DIGRAPH), (1, 2));
        }
        if i > 1 && j > 0 && sounds_as([self.typed[i - 2], self.typed[i - 1]], self.word[j - 1]) {
            offer(Some(DIGRAPH), (2, 1));
        }
        best
    }

    fn substituted(&self, i: usize, j: usize) -> Option<usize> {
        let (typed, meant) = (self.typed[i - 1], self.word[j - 1]);
        if typed == meant {
            None
        } else if is_vowel(typed) && is_vowel(meant) {
            Some(SUB_VOWEL)
        } else if sound_alike(typed, meant) {
            Some(SUB_SOUND)
        } else if neighbours(typed, meant) {
            Some(SUB_KEY)
        } else {
            Some(SUB_OTHER)
        }
    }

    /// The typed word lacks the candidate's letter before `j`.
    fn missed(&self, i: usize, j: usize) -> usize {
        let letter = self.word[j - 1];
        let before = j.checked_sub(2).map(|at| self.word[at]);
        let after = self.word.get(j).copied();
        let last = j == self.word.len();
        if before == Some(letter) || after == Some(letter) {
            MISSED_DOUBLE
        } else if letter == '\'' {
            APOSTROPHE
        } else if silent(before, letter, after, last) {
            MISSED_SILENT
        } else if last && i == self.typed.len() {
            MISSED_LAST
        } else if is_vowel(letter) {
            MISSED_VOWEL
        } else {
            MISSED_CONSONANT
        }
    }

    /// The typed word has a letter before `i` that the candidate lacks.
    fn extra(&self, i: usize, j: usize) -> usize {
        let letter = self.typed[i - 1];
        let before = i.checked_sub(2).map(|at| self.typed[at]);
        let after = self.typed.get(i).copied();
        if before == Some(letter) || after == Some(letter) {
            EXTRA_DOUBLE
        } else if letter == '\'' {
            APOSTROPHE
        } else if i == self.typed.len() && j == self.word.len() {
            EXTRA_LAST
        } else if is_vowel(letter) {
            EXTRA_VOWEL
        } else if [before, after].into_iter().flatten().any(|other| neighbours(letter, other)) {
            EXTRA_KEY
        } else {
            EXTRA_CONSONANT
        }
    }
}

fn is_vowel(c: char) -> bool {
    matches!(
        c,
        'a' | 'e'
            | 'i'
            | 'o'
            | 'u'
            | 'y'
            | 'ä'
            | 'ö'
            | 'ü'
            | 'é'
            | 'è'
            | 'à'
            | 'á'
            | 'í'
            | 'ó'
            | 'ú'
    )
}

/// Letters that stand for sounds that are often confused.
fn sound_alike(a: char, b: char) -> bool {
    const GROUPS: [&str; 12] =
        ["ck", "cs", "sz", "gj", "fv", "dt", "bp", "mn", "kq", "cq", "sx", "uw"];
    GROUPS.iter().any(|group| group.contains(a) && group.contains(b))
}

/// Two letters that sound like one.
fn sounds_as(two: [char; 2], one: char) -> bool {
    matches!(
        (two, one),
        (['p', 'h'] | ['g', 'h'], 'f')
            | (['c', 'k'] | ['c', 'h'] | ['q', 'u'], 'k')
            | (['c', 'k'] | ['k', 'k'], 'c')
            | (['s', 'c'] | ['p', 's'] | ['c', 'c'], 's')
            | (['s', 's'] | ['s', 't'], 'c')
            | (['s', 's'], 'z')
            | (['c', 's'] | ['c', 'c'] | ['k', 's'], 'x')
            | (['d', 'g'] | ['d', 'j'] | ['g', 'g'], 'j' | 'g')
            | (['k', 'n'] | ['g', 'n'], 'n')
            | (['w', 'r'] | ['r', 'h'], 'r')
            | (['m', 'b'] | ['m', 'n'], 'm')
            | (['t', 'h'], 'f' | 'd')
            | (['e', 'a'] | ['e', 'e'] | ['i', 'e'] | ['e', 'i'] | ['e', 'y'], 'e' | 'i' | 'y')
            | (['o', 'u'] | ['o', 'a'] | ['o', 'w'] | ['a', 'u'], 'o' | 'u')
            | (['a', 'i'] | ['a', 'y'] | ['a', 'u'] | ['e', 'a'], 'a')
            | (['u', 'i'] | ['o', 'o'] | ['e', 'w'] | ['u', 'e'], 'u')
    )
}

/// A letter that is written and hardly heard.
fn silent(before: Option<char>, letter: char, after: Option<char>, last: bool) -> bool {
    match letter {
        'e' => {
            last || after == Some('d') || after == Some('l') && before.is_some_and(|c| !is_vowel(c))
        }
        'h' => before.is_some_and(|c| matches!(c, 'c' | 'g' | 'r' | 't' | 'w' | 'x')),
        'u' => before.is_some_and(|c| matches!(c, 'q' | 'g' | 'o')),
        'c' => before == Some('s') || after.is_some_and(|c| matches!(c, 'k' | 'q')),
        'k' | 'g' => {
            before.is_none() && after == Some('n') || after == Some('h') || after == Some('n')
        }
        't' => before == Some('s') || after == Some('c'),
        'd' => after.is_some_and(|c| matches!(c, 'g' | 'j')),
        'b' => before == Some('m') || after == Some('t'),
        'n' => before == Some('m'),
        'w' => before.is_none() && after.is_some_and(|c| matches!(c, 'r' | 'h')),
        'p' => before.is_none() && after == Some('s') || after == Some('t'),
        _ => false,
    }
}

/// Keys beside each other on a QWERTY keyboard.
fn neighbours(a: char, b: char) -> bool {
    const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
    let place = |c: char| {
        ROWS.iter().zip([0_i32, 1, 2]).find_map(|(row, y)| {
            let x = row.find(c)?;
            // Half keys: each row starts further right than the one above.
            Some((i32::try_from(x).ok()? * 4 + y * 2, y))
        })
    };
    match (place(a), place(b)) {
        (Some((ax, ay)), Some((bx, by))) => a != b && (ax - bx).abs() <= 4 && (ay - by).abs() <= 1,
        _ => false,
    }
}
