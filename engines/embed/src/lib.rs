//! Sentence vectors and pair scores of BERT models, computed in process from weights handed in.
//!
//! [`Model`] is a sentence encoder of the all-MiniLM-L6-v2 kind: WordPiece, BERT, mean of the tokens,
//! unit length. [`CrossEncoder`] reads a question and a passage together and says how well they fit.
//! Both take three files as bytes (`model.safetensors`, `vocab.txt` or `tokenizer.json`,
//! `config.json`) and any size of BERT that the config describes.
//!
//! - E1: the same text gives the same vector, to the bit, whatever else is in the batch.
//! - E2: a vector has unit length and [`Model::dimension`] finite numbers, also of an empty text.
//! - E3: of a text, the first [`TOKENS_MAX`] tokens count (fewer if the model has fewer positions), the
//!   two that frame it included; nothing is padded, whatever a packaged `tokenizer.json` says.
//! - E4: [`Model::id`] names the weights, the vocabulary and the config: equal ids, equal vectors.
//! - E5: a text is data: the names of special tokens in it (`[SEP]`) are only letters and brackets.
//! - E6: loading never panics, whatever the bytes; what does not fit is a [`LoadError`].
//!
//! What it is not: it reads no files, fetches nothing, keeps no cache and starts no threads. A question
//! of twenty tokens costs about ten milliseconds of one core, so callers on an executor hand the work
//! to a blocking thread.

mod bert;
mod config;
mod cross;
mod error;
mod math;
mod model;
mod product;
mod tensors;
mod wordpiece;

#[cfg(test)]
mod tests;

pub use cross::CrossEncoder;
pub use error::LoadError;
pub use model::Model;
pub use wordpiece::WordPiece;

/// Most tokens of one text that [`Model`] reads, the two that frame it included.
pub const TOKENS_MAX: usize = 256;
/// Most tokens of one question and passage that [`CrossEncoder`] reads together.
pub const PAIR_TOKENS_MAX: usize = 512;
/// Most tokens that are computed at once; longer batches are cut. Bounds the scratch memory.
pub const BATCH_TOKENS_MAX: usize = 2_048;
