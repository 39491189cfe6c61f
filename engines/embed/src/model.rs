//! Sentence vectors.

use std::fmt;

use crate::bert::{Bert, Input};
use crate::config::Config;
use crate::tensors::Tensors;
use crate::wordpiece::WordPiece;
use crate::{BATCH_TOKENS_MAX, LoadError, TOKENS_MAX, math};

/// A sentence encoder: texts to vectors of unit length, near each other when they mean the same.
pub struct Model {
    bert: Bert,
    words: WordPiece,
    id: String,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("id", &self.id).field("dimension", &self.dimension()).finish()
    }
}

impl Model {
    /// Makes a model of the bytes of `model.safetensors`, of `vocab.txt` or `tokenizer.json`, and of
    /// `config.json`. `name` becomes part of [`Model::id`].
    ///
    /// # Errors
    /// [`LoadError`] says which file is wrong and how.
    pub fn load(
        name: &str,
        weights: &[u8],
        tokenizer: &[u8],
        config: &[u8],
    ) -> Result<Self, LoadError> {
        let tensors = Tensors::parse(weights)?;
        let bert = Bert::load(&tensors, Config::parse(config)?)?;
        let words = WordPiece::parse(tokenizer)?;
        check(&bert, &words, 1)?;
        let id = identity(name, &[weights, &words.fingerprint, config]);
        Ok(Self { bert, words, id })
    }

    /// The vectors of the texts, in their order.
    #[must_use]
    pub fn embed(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let max = TOKENS_MAX.min(self.bert.config.positions);
        let mut vectors = Vec::with_capacity(texts.len());
        let mut batch: Vec<Input> = Vec::new();
        let mut tokens = 0;
        for text in texts {
            let input = Input { tokens: self.words.encode(text, max), second_from: usize::MAX };
            if tokens + input.tokens.len() > BATCH_TOKENS_MAX && !batch.is_empty() {
                self.flush(&mut batch, &mut vectors);
                tokens = 0;
            }
            tokens += input.tokens.len();
            batch.push(input);
        }
        self.flush(&mut batch, &mut vectors);
        vectors
    }

    fn flush(&self, batch: &mut Vec<Input>, vectors: &mut Vec<Vec<f32>>) {
        let (state, ranges) = self.bert.forward(batch);
        for range in ranges {
            let mut vector = vec![0f32; self.dimension()];
            for row in range {
                for (total, value) in vector.iter_mut().zip(state.row(row)) {
                    *total += value;
                }
            }
            // The mean has the direction of the sum.
            math::normalise(&mut vector);
            vectors.push(vector);
        }
        batch.clear();
    }

    /// How many numbers a vector has.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.bert.config.hidden
    }

    /// The name and a fingerprint of the files, as `all-minilm-l6-v2@0123456789abcdef`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many tokens a text has, the two that frame it included, without the cut.
    #[must_use]
    pub fn tokens(&self, text: &str) -> usize {
        self.words.pieces(text, usize::MAX).len() + 2
    }
}

/// The vocabulary must not name a word that the weights do not have.
pub(crate) fn check(bert: &Bert, words: &WordPiece, kinds: usize) -> Result<(), LoadError> {
    let (known, known_kinds) = bert.vocabulary();
    if words.size > known {
        return Err(LoadError::Vocabulary(format!(
            "{} pieces, but the weights know {known}",
            words.size
        )));
    }
    if known_kinds < kinds {
        return Err(LoadError::Weights("no kinds of segment".to_owned()));
    }
    Ok(())
}

/// `name@` and the first 64 bits of BLAKE3 over the files, each preceded by its length.
pub(crate) fn identity(name: &str, files: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&(file.len() as u64).to_le_bytes());
        hasher.update(file);
    }
    let hash = hasher.finalize().to_hex();
    format!("{name}@{}", &hash[..16])
}
