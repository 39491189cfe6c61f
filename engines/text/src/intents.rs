//! What a person asks for: a burst of messages split into askings, each asking classified by a tenant's
//! few examples, and the found intents put in order.
//!
//! The classifier works with sentence vectors handed in, with words alone, or with both; training is
//! deterministic. It answers with calibrated probabilities and says "none" where it should.

mod classifier;
mod lexical;
mod minimise;
mod order;
mod semantic;
pub mod softmax;
mod split;
mod urgency;

pub use classifier::{Classifier, Example, NoneBecause, Options, Prediction, Ranked, TrainError};
pub use order::{Declared, Found, order};
pub use split::{Asking, Kind, split};
pub use urgency::{Urgency, urgency};
