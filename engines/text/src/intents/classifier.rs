//! The classifier of a tenant's intents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lexical::Lexical;
use super::semantic::{Semantic, log_shares};
use super::softmax::normalise;

/// A message that shows an intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The intent's name.
    pub intent: String,
    /// What somebody wrote.
    pub text: String,
    /// The sentence vector of the text, where there is a model.
    pub vector: Option<Vec<f32>>,
}

/// How to train and when to say "none".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// A best intent below this probability is no intent.
    pub least_probability: f32,
    /// A text whose nearest example is further than this cosine is no intent.
    pub least_cosine: f32,
    /// A text of which training has seen less than this share is no intent (where vectors are missing).
    pub least_known: f32,
    /// Most steps of the regression over vectors.
    pub steps: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { least_probability: 0.4, least_cosine: 0.35, least_known: 0.2, steps: 60 }
    }
}

/// Why there is nothing to train.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// Fewer than two intents.
    #[error("a classifier needs examples of at least two intents, there are {0}")]
    TooFewIntents(usize),
    /// Vectors of different lengths, or a number that is not finite.
    #[error("the vector of example {0} is not like the others")]
    BadVector(usize),
}

/// Why no intent was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoneBecause {
    /// Several intents are about as likely.
    Unsure,
    /// The text is like none of the examples.
    Unlike,
}

/// One intent with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The intent's name.
    pub intent: String,
    /// 0 to 1; all intents sum to one.
    pub probability: f32,
}

/// What a text asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The intent, unless there is none.
    pub intent: Option<String>,
    /// Probability of the best intent.
    pub probability: f32,
    /// The five likeliest intents, best first.
    pub ranked: Vec<Ranked>,
    /// Why `intent` is missing.
    pub none_because: Option<NoneBecause>,
}

/// A tenant's trained intents. About 300 bytes per intent and feature seen; serialisable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classifier {
    options: Options,
    intents: Vec<String>,
    lexical: Lexical,
    semantic: Option<Semantic>,
    /// How many times steeper margins are read as probabilities; fitted on examples left out.
    steepness: f32,
}

const DEFAULT_STEEPNESS: f32 = 4.0;
/// From this many examples on, some can be left out to fit the steepness.
const ENOUGH_TO_FIT: usize = 300;
/// Share of the sentence vectors where both can speak.
const SEMANTIC_SHARE: f32 = 0.8;

impl Classifier {
    /// Trains on examples. Vectors are used when every example has one.
    ///
    /// # Errors
    ///
    /// When there are fewer than two intents, or vectors that do not fit together.
    pub fn train(examples: &[Example], options: &Options) -> Result<Self, TrainError> {
        let names: BTreeMap<&str, ()> =
            examples.iter().map(|example| (example.intent.as_str(), ())).collect();
        let intents: Vec<String> = names.into_keys().map(str::to_owned).collect();
        if intents.len() < 2 {
            return Err(TrainError::TooFewIntents(intents.len()));
        }
        let class_of: Vec<usize> = examples
            .iter()
            .filter_map(|example| intents.binary_search(&example.intent).ok())
            .collect();
        let texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
        let semantic = vectors(examples)?
            .map(|vectors| Semantic::train(&vectors, &class_of, intents.len(), options.steps));
        let steepness = steepness(&texts, &class_of, intents.len());
        let lexical = Lexical::train(&texts, &class_of, intents.len());
        Ok(Self { options: *options, intents, lexical, semantic, steepness })
    }

    /// The names of the intents, sorted.
    #[must_use]
    pub fn intents(&self) -> &[String] {
        &self.intents
    }

    /// What a text asks for; `vector` is its sentence vector by the model of the examples.
    #[must_use]
    pub fn predict(&self, text: &str, vector: Option<&[f32]>) -> Prediction {
        let (probabilities, unlike) = self.probabilities(text, vector);
        let mut ranked: Vec<Ranked> = self
            .intents
            .iter()
            .zip(&probabilities)
            .map(|(intent, &probability)| Ranked { intent: intent.clone(), probability })
            .collect();
        ranked.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        ranked.truncate(5);
        let (best, probability) = ranked
            .first()
            .map_or((None, 0.0), |best| (Some(best.intent.clone()), best.probability));
        let none_because = if unlike {
            Some(NoneBecause::Unlike)
        } else if probability < self.options.least_probability {
            Some(NoneBecause::Unsure)
        } else {
            None
        };
        Prediction {
            intent: best.filter(|_| none_because.is_none()),
            probability,
            ranked,
            none_because,
        }
    }

    /// A probability per intent, and whether the text is like no example.
    fn probabilities(&self, text: &str, vector: Option<&[f32]>) -> (Vec<f32>, bool) {
        let (margins, known) = self.lexical.margins(text);
        let steep = margins.iter().map(|margin| margin * self.steepness).collect();
        let said = log_shares(steep);
        let (mut logits, unlike) = match (&self.semantic, vector) {
            (Some(semantic), Some(vector)) => {
                let (meant, nearest) = semantic.logits(vector);
                let blend = meant.iter().zip(&said);
                let logits = blend
                    .map(|(meant, said)| SEMANTIC_SHARE * meant + (1.0 - SEMANTIC_SHARE) * said);
                (logits.collect(), nearest < self.options.least_cosine)
            }
            _ => (said, known < self.options.least_known),
        };
        normalise(&mut logits);
        (logits, unlike)
    }
}

/// The vectors of all examples, nothing when one lacks it.
fn vectors(examples: &[Example]) -> Result<Option<Vec<Vec<f32>>>, TrainError> {
    let Some(vectors) =
        examples.iter().map(|example| example.vector.clone()).collect::<Option<Vec<_>>>()
    else {
        return Ok(None);
    };
    let columns = vectors.first().map_or(0, Vec::len);
    let bad = |vector: &Vec<f32>| {
        vector.len() != columns || columns == 0 || vector.iter().any(|value| !value.is_finite())
    };
    match vectors.iter().position(bad) {
        Some(at) => Err(TrainError::BadVector(at)),
        None => Ok(Some(vectors)),
    }
}

/// How steep margins must be read to be honest probabilities, learnt on every fifth example while
/// training on the others.
fn steepness(texts: &[&str], class_of: &[usize], classes: usize) -> f32 {
    if texts.len() < ENOUGH_TO_FIT {
        return DEFAULT_STEEPNESS;
    }
    let part = |left_out: bool| -> (Vec<&str>, Vec<usize>) {
        let chosen =
            texts.iter().zip(class_of).enumerate().filter(|(at, _)| (at % 5 == 0) == left_out);
        chosen.map(|(_, (text, class))| (*text, *class)).unzip()
    };
    let (texts, class_of) = part(false);
    let model = Lexical::train(&texts, &class_of, classes);
    let (texts, class_of) = part(true);
    let margins: Vec<Vec<f32>> = texts.iter().map(|text| model.margins(text).0).collect();
    let surprise = |steepness: f32| -> f32 {
        let losses = margins.iter().zip(&class_of).map(|(margins, class)| {
            -log_shares(margins.iter().map(|margin| margin * steepness).collect())[*class]
        });
        losses.sum()
    };
    let tried = (4_u8..=40).map(|at| f32::from(at) * 0.25);
    tried
        .map(|steepness| (surprise(steepness), steepness))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(DEFAULT_STEEPNESS, |best| best.1)
}
