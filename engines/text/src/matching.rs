//! Which item of a catalogue is meant by a phrase, and whether two records are the same thing.
//!
//! `Catalogue` answers phrases ("ip15 pro", "samsng galxy s24") out of thousands of items: pieces of
//! three letters find the candidates, words, numbers and abbreviations judge them, and a similarity of
//! meaning may be handed in. `pairs` judges two whole records.

mod catalogue;
mod normal;
pub mod pairs;
mod similar;

pub use catalogue::{Candidate, Catalogue, Item, Outcome, Verdict};
