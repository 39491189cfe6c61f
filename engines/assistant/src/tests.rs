//! What the house promises.

mod config;
mod hours;
mod prompts;
mod words;
