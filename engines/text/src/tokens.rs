//! Counting and cutting text in a model's own tokens.
//!
//! The tables are unpacked at the first use of a family (about 0.15 s and 25 MB, once per process);
//! `warm` takes that cost at a time of the caller's choosing. Special tokens in a text count as the
//! plain characters they are written with, because that is how they are sent.

use serde::{Deserialize, Serialize};
use tiktoken::CoreBpe;

/// How a group of models cuts text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `o200k_base`: GPT-4o and later, and our estimate for every model we know nothing of.
    O200k,
    /// `cl100k_base`: GPT-4, GPT-3.5, `text-embedding-3`.
    Cl100k,
}

impl Family {
    /// The family of a model by its name. Models of other vendors have tables of their own; for them the
    /// count is an estimate, usually within a fifth.
    #[must_use]
    pub fn of_model(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let old = ["gpt-4-", "gpt-3.5", "gpt-35", "text-embedding-3", "text-embedding-ada"];
        let older = name == "gpt-4" || old.iter().any(|start| name.starts_with(start));
        if older { Self::Cl100k } else { Self::O200k }
    }

    fn table(self) -> Option<&'static CoreBpe> {
        tiktoken::get_encoding(match self {
            Self::O200k => "o200k_base",
            Self::Cl100k => "cl100k_base",
        })
    }
}

/// Loads the family's table now instead of at the first count.
pub fn warm(family: Family) {
    let _ = count("", family);
}

/// The number of tokens of a text.
#[must_use]
pub fn count(text: &str, family: Family) -> usize {
    // Without its table (impossible with the features this crate asks for) a safe over-count: bytes.
    family.table().map_or(text.len(), |table| table.count(text))
}

/// The longest beginning of `text` that is at most `budget` tokens long; whole characters only.
#[must_use]
pub fn truncate(text: &str, family: Family, budget: usize) -> &str {
    cut(text, family, budget, |tokens, keep| (0, tokens.iter().take(keep).sum()))
}

/// The longest end of `text` that is at most `budget` tokens long; whole characters only.
#[must_use]
pub fn truncate_start(text: &str, family: Family, budget: usize) -> &str {
    cut(text, family, budget, |tokens, keep| {
        let dropped = tokens.iter().take(tokens.len().saturating_sub(keep)).sum();
        (dropped, tokens.iter().sum())
    })
}

/// Keeps `budget` tokens; fewer when the cut itself makes the rest fall into more tokens than before.
fn cut(
    text: &str,
    family: Family,
    budget: usize,
    range: impl Fn(&[usize], usize) -> (usize, usize),
) -> &str {
    // A token is at least a byte, so a text that short always fits.
    if text.len() <= budget {
        return text;
    }
    let Some(table) = family.table() else { return "" };
    let lengths: Vec<usize> =
        table.encode(text).iter().map(|&token| table.decode(&[token]).len()).collect();
    if lengths.len() <= budget {
        return text;
    }
    let mut keep = budget;
    loop {
        let (start, end) = range(&lengths, keep);
        let kept = &text[text.ceil_char_boundary(start)
            ..text.floor_char_boundary(end).max(text.ceil_char_boundary(start))];
        if keep == 0 || count(kept, family) <= budget {
            return if keep == 0 { "" } else { kept };
        }
        keep -= 1;
    }
}
