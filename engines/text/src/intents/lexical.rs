//! Intents by words: TF-IDF over words, pairs of words and pieces of words, and one linear separator per
//! intent (L2-loss support vectors by dual coordinate descent).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Features are hashed into this many places; what collides shares a weight.
const PLACES: u32 = 1 << 16;
/// Passes over the examples; the separators hardly move after that.
const PASSES: usize = 12;
/// Trust in an example against a plain separator.
const TRUST: f32 = 1.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Lexical {
    classes: usize,
    /// Place of a feature, column; sorted by place.
    columns: Vec<(u32, u32)>,
    /// Rarity of each column.
    idf: Vec<f32>,
    /// Per column, one weight per class.
    weights: Vec<f32>,
    /// One constant per class.
    constants: Vec<f32>,
}

/// Columns with values, of length one.
pub(super) type Row = Vec<(u32, f32)>;

impl Lexical {
    pub(super) fn train(texts: &[&str], class_of: &[usize], classes: usize) -> Self {
        let counted: Vec<BTreeMap<u32, f32>> = texts.iter().map(|text| places(text)).collect();
        let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
        for place in counted.iter().flat_map(BTreeMap::keys) {
            *seen.entry(*place).or_default() += 1;
        }
        // What occurs once in a large collection is noise and most of the size.
        let least = if texts.len() > 1000 { 2 } else { 1 };
        seen.retain(|_, count| *count >= least);
        #[expect(clippy::cast_precision_loss, reason = "counts of examples")]
        let idf = seen
            .values()
            .map(|count| ((1.0 + texts.len() as f32) / (1.0 + *count as f32)).ln() + 1.0)
            .collect();
        let columns: Vec<(u32, u32)> = seen.keys().copied().zip(0..).collect();
        let mut model = Self {
            classes,
            weights: vec![0.0; columns.len() * classes],
            constants: vec![0.0; classes],
            columns,
            idf,
        };
        let rows: Vec<Row> = counted.iter().map(|counted| model.weigh(counted).0).collect();
        for class in 0..classes {
            let (weights, constant) = separate(&rows, class_of, class, model.columns.len());
            for (column, weight) in weights.iter().enumerate() {
                model.weights[column * classes + class] = *weight;
            }
            model.constants[class] = constant;
        }
        model
    }

    /// How far the text lies on the side of each class, and the share of the text that is known.
    pub(super) fn margins(&self, text: &str) -> (Vec<f32>, f32) {
        let (row, known) = self.weigh(&places(text));
        let mut margins = self.constants.clone();
        for (column, value) in row {
            let start = column as usize * self.classes;
            for (margin, weight) in
                margins.iter_mut().zip(&self.weights[start..start + self.classes])
            {
                *margin += weight * value;
            }
        }
        (margins, known)
    }

    /// TF-IDF of length one, and the share of the words (by weight) that training has seen.
    fn weigh(&self, counted: &BTreeMap<u32, f32>) -> (Row, f32) {
        let mut unseen = 0.0;
        let mut row = Row::with_capacity(counted.len());
        for (place, count) in counted {
            match self.columns.binary_search_by_key(place, |(place, _)| *place) {
                Ok(at) => row.push((self.columns[at].1, (1.0 + count.ln()) * self.idf[at])),
                Err(_) => unseen += count,
            }
        }
        let length = row.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
        for (_, value) in &mut row {
            *value /= length.max(1e-9);
        }
        let seen: f32 = counted.values().sum::<f32>() - unseen;
        (row, seen / (seen + unseen).max(1.0))
    }
}

/// One class against all others.
#[expect(clippy::cast_precision_loss, reason = "a count of examples")]
fn separate(rows: &[Row], class_of: &[usize], class: usize, columns: usize) -> (Vec<f32>, f32) {
    let own = class_of.iter().filter(|other| **other == class).count().max(1);
    // Rare intents count as much as common ones would with a tenth of the others.
    let raise = ((rows.len() as f32 / own as f32) / 20.0).clamp(1.0, 4.0);
    let mut weights = vec![0.0_f32; columns];
    let mut constant = 0.0_f32;
    let mut pulls = vec![0.0_f32; rows.len()];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..PASSES {
        shuffle(&mut order, &mut random);
        let mut moved = 0.0_f32;
        for &at in &order {
            let side = if class_of[at] == class { 1.0 } else { -1.0 };
            let slack = 1.0 / (2.0 * TRUST * if side > 0.0 { raise } else { 1.0 });
            let margin = rows[at]
                .iter()
                .map(|(column, value)| weights[*column as usize] * value)
                .sum::<f32>()
                + constant;
            let slope = side * margin - 1.0 + slack * pulls[at];
            // Rows have length one and the constant's column is one: the diagonal is two.
            let pull = (pulls[at] - slope / (2.0 + slack)).max(0.0);
            let change = (pull - pulls[at]) * side;
            if change != 0.0 {
                pulls[at] = pull;
                moved = moved.max(change.abs());
                constant += change;
                for (column, value) in &rows[at] {
                    weights[*column as usize] += change * value;
                }
            }
        }
        if moved < 1e-3 {
            break;
        }
    }
    (weights, constant)
}

fn shuffle(order: &mut [usize], random: &mut u64) {
    for last in (1..order.len()).rev() {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let at = usize::try_from(*random % (last as u64 + 1)).unwrap_or(0);
        order.swap(last, at);
    }
}

/// The places of a text's features with their counts.
fn places(text: &str) -> BTreeMap<u32, f32> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    let mut counts: BTreeMap<u32, f32> = BTreeMap::new();
    let mut add = |hash: u32, weight: f32| *counts.entry(hash % PLACES).or_default() += weight;
    for (at, word) in words.iter().enumerate() {
        add(hash(b'w', word.as_bytes()), 1.0);
        if let Some(next) = words.get(at + 1) {
            add(hash(b'p', format!("{word} {next}").as_bytes()), 1.0);
        }
        let padded: Vec<char> = format!("<{word}>").chars().collect();
        for size in 3..=5 {
            for piece in padded.windows(size) {
                let piece: String = piece.iter().collect();
                add(hash(b'c', piece.as_bytes()), 1.0);
            }
        }
    }
    counts.into_iter().collect()
}

fn hash(kind: u8, bytes: &[u8]) -> u32 {
    let start = (2_166_136_261_u32 ^ u32::from(kind)).wrapping_mul(16_777_619);
    let mixed =
        bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619));
    // The low bits of FNV are weak; fold the high ones in.
    mixed ^ (mixed >> 15)
}
