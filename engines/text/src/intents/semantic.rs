//! Intents by sentence vectors: logistic regression where there are examples enough, nearness to the
//! examples' centre and to the nearest example where there are few.

use serde::{Deserialize, Serialize};

use super::softmax::{Softmax, Training, dot};

/// Turns cosines into logits: a tenth of cosine is a factor of e^2.
const COSINE_SCALE: f32 = 20.0;
/// With this many examples an intent's regression and its prototype weigh the same.
const EXAMPLES_TO_TRUST: f32 = 6.0;
/// Examples kept per intent for the nearest-example measure; the first ones.
const KEPT_EXAMPLES: usize = 64;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Semantic {
    model: Softmax,
    /// The mean direction of each intent's examples.
    centres: Vec<Vec<f32>>,
    kept: Vec<Vec<Vec<f32>>>,
    /// Share of the regression in the blend, per intent.
    trust: Vec<f32>,
}

impl Semantic {
    pub(super) fn train(
        vectors: &[Vec<f32>],
        class_of: &[usize],
        classes: usize,
        steps: usize,
    ) -> Self {
        let unit: Vec<Vec<f32>> = vectors.iter().map(|vector| to_unit(vector)).collect();
        let rows: Vec<&[f32]> = unit.iter().map(Vec::as_slice).collect();
        let model = Softmax::train(&rows, class_of, classes, Training { trust: 30.0, steps });
        let columns = rows.first().map_or(0, |row| row.len());
        let mut centres = vec![vec![0.0; columns]; classes];
        let mut kept: Vec<Vec<Vec<f32>>> = vec![Vec::new(); classes];
        let mut counts = vec![0.0_f32; classes];
        for (row, &class) in unit.iter().zip(class_of) {
            counts[class] += 1.0;
            for (sum, value) in centres[class].iter_mut().zip(row) {
                *sum += value;
            }
            if kept[class].len() < KEPT_EXAMPLES {
                kept[class].push(row.clone());
            }
        }
        let centres = centres.iter().map(|centre| to_unit(centre)).collect();
        let trust = counts.iter().map(|count| count / (count + EXAMPLES_TO_TRUST)).collect();
        Self { model, centres, kept, trust }
    }

    /// A logit per intent and the cosine to the nearest example of all.
    pub(super) fn logits(&self, vector: &[f32]) -> (Vec<f32>, f32) {
        let vector = to_unit(vector);
        let mut nearest = -1.0_f32;
        let learnt = log_shares(self.model.logits(&vector));
        let shown = self.centres.iter().zip(&self.kept).map(|(centre, kept)| {
            let best = kept.iter().map(|example| dot(example, &vector)).fold(-1.0, f32::max);
            nearest = nearest.max(best);
            COSINE_SCALE * 0.5 * (dot(centre, &vector) + best)
        });
        let shown = log_shares(shown.collect());
        let blend = learnt.iter().zip(&shown).zip(&self.trust);
        let logits =
            blend.map(|((learnt, shown), trust)| trust * learnt + (1.0 - trust) * shown).collect();
        (logits, nearest)
    }
}

/// Logits as logarithms of probabilities, so that models can be blended.
pub(super) fn log_shares(logits: Vec<f32>) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let total: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
    logits.iter().map(|logit| logit - most - total.ln()).collect()
}

fn to_unit(vector: &[f32]) -> Vec<f32> {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 { vector.iter().map(|value| value / length).collect() } else { vector.to_vec() }
}
