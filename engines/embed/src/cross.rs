//! Pair scores: a question and a passage read together.

use std::fmt;

use ndarray::Array2;

use crate::bert::{Bert, Input, Linear};
use crate::config::Config;
use crate::model::{check, identity};
use crate::tensors::Tensors;
use crate::wordpiece::WordPiece;
use crate::{BATCH_TOKENS_MAX, LoadError, PAIR_TOKENS_MAX};

/// A BERT with a head of one number, of the kind of the ms-marco MiniLM cross-encoders.
pub struct CrossEncoder {
    bert: Bert,
    words: WordPiece,
    pooler: Linear,
    classifier: Linear,
    id: String,
}

impl fmt::Debug for CrossEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrossEncoder").field("id", &self.id).finish_non_exhaustive()
    }
}

impl CrossEncoder {
    /// Makes one of the same three files as [`crate::Model::load`]; the weights must hold a pooler and
    /// a classifier of one output.
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
        check(&bert, &words, 2)?;
        let hidden = bert.config.hidden;
        let pooler = Linear::load(&tensors, "pooler.dense", hidden, hidden)?;
        let classifier = Linear::load(&tensors, "classifier", 1, hidden)?;
        let id = identity(name, &[weights, &words.fingerprint, config]);
        Ok(Self { bert, words, pooler, classifier, id })
    }

    /// How well each passage answers the question, from 0 to 1, in their order.
    #[must_use]
    pub fn score(&self, question: &str, passages: &[&str]) -> Vec<f32> {
        let mut scores = Vec::with_capacity(passages.len());
        let mut batch = Vec::new();
        let mut tokens = 0;
        for passage in passages {
            let input = self.pair(question, passage);
            if tokens + input.tokens.len() > BATCH_TOKENS_MAX && !batch.is_empty() {
                self.flush(&mut batch, &mut scores);
                tokens = 0;
            }
            tokens += input.tokens.len();
            batch.push(input);
        }
        self.flush(&mut batch, &mut scores);
        scores
    }

    /// `[CLS] question [SEP] passage [SEP]`; of the longer part, what is too long is cut.
    fn pair(&self, question: &str, passage: &str) -> Input {
        let max = PAIR_TOKENS_MAX.min(self.bert.config.positions).saturating_sub(3);
        let mut first = self.words.pieces(question, max);
        let mut second = self.words.pieces(passage, max);
        let excess = (first.len() + second.len()).saturating_sub(max);
        for _ in 0..excess {
            if first.len() > second.len() {
                first.pop();
            } else {
                second.pop();
            }
        }
        let mut tokens = vec![self.words.begin];
        tokens.extend(first);
        tokens.push(self.words.end);
        let second_from = tokens.len();
        tokens.extend(second);
        tokens.push(self.words.end);
        Input { tokens, second_from }
    }

    fn flush(&self, batch: &mut Vec<Input>, scores: &mut Vec<f32>) {
        if batch.is_empty() {
            return;
        }
        let (state, ranges) = self.bert.forward(batch);
        let mut heads = Array2::zeros((ranges.len(), self.bert.config.hidden));
        for (number, range) in ranges.iter().enumerate() {
            heads.row_mut(number).assign(&state.row(range.start));
        }
        let mut pooled = self.pooler.apply(heads.view());
        pooled.mapv_inplace(f32::tanh);
        let logits = self.classifier.apply(pooled.view());
        scores.extend(logits.column(0).iter().map(|logit| 1.0 / (1.0 + (-logit).exp())));
        batch.clear();
    }

    /// The name and a fingerprint of the files.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}
