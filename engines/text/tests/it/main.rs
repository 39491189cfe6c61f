//! The engines through their public surface: golden values, corpora, laws.

mod injection;
mod intents;
mod laws;
mod matching;
mod personal;
mod reading;
mod sentiment;
mod spelling;
