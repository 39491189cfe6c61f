//! Multinomial logistic regression over dense rows, with L2, by L-BFGS.

use serde::{Deserialize, Serialize};

use super::minimise::minimise;

/// A trained model: one weight per class and column, and one constant per class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Softmax {
    columns: usize,
    /// Per class: the weights of the columns, then the constant.
    weights: Vec<f32>,
}

/// How to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Trust in the examples against plain weights: the inverse of the regularisation, as `C` elsewhere.
    pub trust: f32,
    /// Most steps of the minimisation.
    pub steps: usize,
}

impl Softmax {
    /// Fits to rows of equal length and the class of each row (below `classes`).
    #[must_use]
    pub fn train(rows: &[&[f32]], class_of: &[usize], classes: usize, training: Training) -> Self {
        let columns = rows.first().map_or(0, |row| row.len());
        let mut weights = vec![0.0; classes * (columns + 1)];
        if rows.is_empty() {
            return Self { columns, weights };
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of examples")]
        let share = 1.0 / rows.len() as f32;
        let mut logits = vec![0.0; classes];
        minimise(&mut weights, training.steps, &mut |weights, slope| {
            slope.fill(0.0);
            let mut loss = 0.0;
            for (row, &class) in rows.iter().zip(class_of) {
                fill_logits(weights, columns, row, &mut logits);
                let log_total = normalise(&mut logits);
                loss += f64::from(-log_total[class.min(classes - 1)].ln().max(-80.0))
                    * f64::from(share);
                for (at, probability) in log_total.iter().enumerate() {
                    let miss = (probability - if at == class { 1.0 } else { 0.0 }) * share;
                    if miss.abs() > 1e-9 {
                        let own = &mut slope[at * (columns + 1)..(at + 1) * (columns + 1)];
                        for (slope, value) in own.iter_mut().zip(row.iter()) {
                            *slope += miss * value;
                        }
                        own[columns] += miss;
                    }
                }
            }
            loss + penalty(weights, slope, columns, share / training.trust)
        });
        Self { columns, weights }
    }

    /// The unnormalised log-probability of each class.
    #[must_use]
    pub fn logits(&self, row: &[f32]) -> Vec<f32> {
        let mut logits = vec![0.0; self.classes()];
        if row.len() == self.columns {
            fill_logits(&self.weights, self.columns, row, &mut logits);
        }
        logits
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.weights.len() / (self.columns + 1)
    }

    /// The weights of a class, its constant last.
    #[must_use]
    pub fn weights(&self, class: usize) -> &[f32] {
        &self.weights[class * (self.columns + 1)..(class + 1) * (self.columns + 1)]
    }
}

/// Half the squared weights (constants are free), added to the slope.
fn penalty(weights: &[f32], slope: &mut [f32], columns: usize, strength: f32) -> f64 {
    let mut squares = 0.0;
    for (own, slope) in weights.chunks(columns + 1).zip(slope.chunks_mut(columns + 1)) {
        for (weight, slope) in own.iter().zip(slope).take(columns) {
            squares += f64::from(weight * weight);
            *slope += strength * weight;
        }
    }
    0.5 * f64::from(strength) * squares
}

fn fill_logits(weights: &[f32], columns: usize, row: &[f32], logits: &mut [f32]) {
    for (logit, own) in logits.iter_mut().zip(weights.chunks(columns + 1)) {
        *logit = dot(&own[..columns], row) + own[columns];
    }
}

/// Turns logits into probabilities in place.
pub(super) fn normalise(logits: &mut [f32]) -> &[f32] {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let mut total = 0.0;
    for logit in logits.iter_mut() {
        *logit = (*logit - most).exp();
        total += *logit;
    }
    for logit in logits.iter_mut() {
        *logit /= total;
    }
    logits
}

/// Eight sums side by side, so that the compiler can use wide registers.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_wide, b_wide) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_wide.remainder().iter().zip(b_wide.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_wide.zip(b_wide) {
        for at in 0..8 {
            sums[at] += a[at] * b[at];
        }
    }
    sums.iter().sum::<f32>() + rest
}
