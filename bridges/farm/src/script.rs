use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// When something goes wrong, and how. As JSON, for example
/// `{"provider":"openai","times":2,"fault":{"kind":"rate_limited","retry_after_s":7}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The first part of the path; empty matches every provider.
    #[serde(default)]
    pub provider: String,
    /// Only paths that contain this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only requests whose body contains this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// How many matching requests pass untouched before the rule is used.
    #[serde(default)]
    pub skip: u32,
    /// How often the rule is used; then it is forgotten.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens.
    pub fault: Fault,
}

const fn once() -> u32 {
    1
}

impl Rule {
    /// This fault for the next request to `provider`.
    #[must_use]
    pub fn next(provider: &str, fault: Fault) -> Self {
        Self { provider: provider.to_owned(), path: None, contains: None, skip: 0, times: 1, fault }
    }

    /// Only for paths that contain `path`.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Used `times` times instead of once.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn matches(&self, provider: &str, path: &str, body: &str) -> bool {
        (self.provider.is_empty() || self.provider == provider)
            && self.path.as_ref().is_none_or(|part| path.contains(part.as_str()))
            && self.contains.as_ref().is_none_or(|part| body.contains(part.as_str()))
    }
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// 429 in the provider's own shape.
    RateLimited {
        /// The `retry-after` header in seconds; without it there is none.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// The provider's own way to say that it is overloaded: 529 or 503.
    Overloaded,
    /// The provider's own way to say that the account is out of money.
    QuotaExhausted,
    /// 401 in the provider's own shape.
    Unauthorized,
    /// 400: more tokens than the model takes, in the provider's own shape.
    ContextTooLong,
    /// Exactly this answer, instead of the provider's.
    Answer {
        /// The status.
        #[serde(default = "ok")]
        status: u16,
        /// Header names and values.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body: a JSON string is sent as its text, anything else as JSON.
        #[serde(default)]
        body: serde_json::Value,
    },
    /// The true answer, its first byte (and head) this much later.
    SlowFirstByte {
        /// Milliseconds.
        ms: u64,
    },
    /// The true answer in pieces of so many bytes with a pause between them; splits characters and
    /// lines wherever they fall.
    Drip {
        /// Bytes of a piece, at least 1.
        bytes: usize,
        /// Milliseconds between two pieces; 0: none.
        #[serde(default)]
        ms: u64,
    },
    /// The true answer up to so many bytes; then the stream ends.
    Cut {
        /// Bytes that still arrive.
        after_bytes: usize,
        /// Whether it ends as if it were complete; otherwise the connection breaks.
        #[serde(default)]
        clean: bool,
    },
    /// The true answer up to the piece that has this in it; then nothing more, and no end.
    Stall {
        /// The text.
        at: String,
    },
    /// The request is read; then the connection breaks without an answer. Counts as charged.
    Close,
    /// The request is read, and nothing is ever answered.
    Hang,
    /// 200 with an error in the body, in the provider's own shape.
    ErrorBody,
    /// 200 with a body that is not JSON.
    Malformed,
    /// A language model says exactly this, in the provider's own shape.
    Say {
        /// The text.
        text: String,
        /// Input tokens said to come from the cache.
        #[serde(default)]
        cached_tokens: u64,
        /// Output tokens said to be reasoning.
        #[serde(default)]
        reasoning_tokens: u64,
        /// Why it ended, in the words of OpenAI: `stop`, `length`, `content_filter`.
        #[serde(default)]
        finish: Option<String>,
    },
    /// A language model calls this tool, in the provider's own shape.
    CallTool {
        /// The tool's name.
        name: String,
        /// Its arguments.
        arguments: serde_json::Value,
    },
    /// Something that only one provider knows; its handler finds it in the request's extensions
    /// ([`crate::Fate`]).
    Named {
        /// The handler's word for it.
        name: String,
        /// What else it needs to know.
        #[serde(default)]
        data: serde_json::Value,
    },
}

const fn ok() -> u16 {
    200
}

/// The rules that are still to be used, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Script {
    rules: Mutex<VecDeque<Rule>>,
}

impl Script {
    pub(crate) fn add(&self, rules: impl IntoIterator<Item = Rule>) {
        self.rules.lock().extend(rules.into_iter().filter(|rule| rule.times > 0));
    }

    pub(crate) fn clear(&self) {
        self.rules.lock().clear();
    }

    pub(crate) fn rules(&self) -> Vec<Rule> {
        self.rules.lock().iter().cloned().collect()
    }

    /// The fault for this request, if a rule has one.
    pub(crate) fn take(&self, provider: &str, path: &str, body: &str) -> Option<Fault> {
        let mut rules = self.rules.lock();
        let place = rules.iter().position(|rule| rule.matches(provider, path, body))?;
        let rule = rules.get_mut(place)?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times -= 1;
        let fault = rule.fault.clone();
        if rule.times == 0 {
            rules.remove(place);
        }
        Some(fault)
    }
}
