//! How likely it is that the first passage answers the question.

/// What the confidence is computed from. All lie between 0 and about 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    /// The best fused score.
    pub top: f32,
    /// The best cosine among the first three; 0 without vectors.
    pub cosine: f32,
    /// The best share of the possible BM25 score among the first three.
    pub lexical: f32,
    /// How far the first stands above the mean of the next nine.
    pub margin: f32,
    /// Share of the question's words (rare ones count more) in one of the first three passages.
    pub coverage: f32,
    /// Share of the first ten hits that both searches agree on.
    pub agreement: f32,
}

/// Weights of a logistic function: the constant, then one per feature in the order of [`Features`].
/// Fitted by `cargo run --release -p impresario-retrieval --example bench -- calibrate MODEL DIR...`, which
/// takes the right documents of half of the questions away, so that "it is not here" is half of what
/// it learns from. First with vectors, then without.
pub const WEIGHTS: [[f32; 7]; 2] =
    [[-7.72, 2.22, 7.13, 0.0, 3.15, 0.0, 2.38], [-2.53, 1.93, 0.0, 1.85, 1.06, 1.03, 0.0]];

/// Below this confidence it is better to say nothing.
pub const ABSTAIN_BELOW: f32 = 0.35;

impl Features {
    /// In the order of the weights.
    #[must_use]
    pub fn values(&self) -> [f32; 6] {
        [self.top, self.cosine, self.lexical, self.margin, self.coverage, self.agreement]
    }
}

/// The probability, from 0 to 1, that the first passage is right.
#[must_use]
pub fn confidence(features: &Features) -> f32 {
    let [with_vectors, without] = &WEIGHTS;
    let weights = if features.cosine > 0.0 { with_vectors } else { without };
    let [constant, factors @ ..] = weights;
    let sum: f32 =
        factors.iter().zip(features.values()).map(|(factor, value)| factor * value).sum();
    1.0 / (1.0 + (-(constant + sum)).exp())
}
