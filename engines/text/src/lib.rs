//! Reading what people write to a company: in which language, in what mood, with which slips, about
//! which product, asking for what, and whether it hides something that should not go further.
//!
//! | module | answers |
//! |---|---|
//! | [`language`] | which language, how surely |
//! | [`sentiment`] | VADER's polarity of English text, to its last digit |
//! | [`spelling`] | corrections towards a tenant's words and English |
//! | [`matching`] | which catalogue item a phrase means; whether two records are the same |
//! | [`intents`] | what a burst asks, by a tenant's few examples, how urgently, in which order |
//! | [`tokens`] | how many tokens, and the longest text that fits a budget |
//! | [`personal`] | e-mail, telephone, card, IBAN and secrets, taken out |
//! | [`injection`] | how much a text looks like orders to the assistant |
//! | [`eval`] | how good all that is, on labelled data |
//!
//! - X1: everything is pure and total: the same input gives the same output on every machine, and no
//!   text, however odd, makes a function fail or panic. Training is deterministic too.
//! - X2: spans are byte ranges of the text handed in, on character boundaries, in order, without overlap.
//! - X3: scores, probabilities and confidences lie between 0 and 1, VADER's `compound` between -1 and 1.
//! - X4: sentiment equals `vaderSentiment` 3.3.2 in every digit it gives.
//! - X5: spelling never changes a known word, a number, an id, a link or an address.
//! - X6: a truncated text is at most as many tokens long as its budget.
//! - X7: a redacted text holds nothing that redaction would find.
//!
//! What it is not: a store, a clock, a language model. Dictionaries and lexicons are files in `data/`
//! with their licences beside them. What is built (`Analyzer`, `Dictionary`, `Catalogue`, `Classifier`)
//! is immutable and meant to be shared by `Arc`.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod eval;
pub mod injection;
pub mod intents;
pub mod language;
pub mod matching;
pub mod personal;
pub mod sentiment;
pub mod spelling;
pub mod tokens;
