use serde::{Deserialize, Serialize};

/// Tokens that a price names.
const TOKENS_PER_PRICE: i128 = 1_000_000;

/// What a call used, in tokens. The classes do not overlap, whatever the provider's own counts do.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    minicbor::Encode,
    minicbor::Decode,
)]
#[serde(default)]
pub struct Usage {
    /// Input that was neither read from nor written to a cache.
    #[n(0)]
    pub input: u64,
    /// Input read from the provider's cache.
    #[n(1)]
    pub cached_input: u64,
    /// Input written to the provider's cache.
    #[n(2)]
    pub cache_write: u64,
    /// Output that was not reasoning.
    #[n(3)]
    pub output: u64,
    /// Output that was reasoning.
    #[n(4)]
    pub reasoning: u64,
}

impl Usage {
    /// Everything that went in.
    #[must_use]
    pub const fn total_input(&self) -> u64 {
        self.input.saturating_add(self.cached_input).saturating_add(self.cache_write)
    }

    /// Everything that came out.
    #[must_use]
    pub const fn total_output(&self) -> u64 {
        self.output.saturating_add(self.reasoning)
    }

    /// The tokens of a class.
    #[must_use]
    pub const fn of(&self, class: TokenClass) -> u64 {
        match class {
            TokenClass::Input => self.input,
            TokenClass::CachedInput => self.cached_input,
            TokenClass::CacheWrite => self.cache_write,
            TokenClass::Output => self.output,
            TokenClass::Reasoning => self.reasoning,
        }
    }

    /// The sum of two calls.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached_input: self.cached_input.saturating_add(other.cached_input),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }
}

/// The classes that tokens are charged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenClass {
    /// [`Usage::input`].
    Input,
    /// [`Usage::cached_input`].
    CachedInput,
    /// [`Usage::cache_write`].
    CacheWrite,
    /// [`Usage::output`].
    Output,
    /// [`Usage::reasoning`].
    Reasoning,
}

impl TokenClass {
    /// All of them, in the order of [`Usage`].
    pub const ALL: [Self; 5] =
        [Self::Input, Self::CachedInput, Self::CacheWrite, Self::Output, Self::Reasoning];

    /// A stable word for metrics and listings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CachedInput => "cached_input",
            Self::CacheWrite => "cache_write",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
        }
    }
}

/// Micro-units per million tokens, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// For [`Usage::input`].
    pub input: i64,
    /// For [`Usage::cached_input`]; as `input` if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<i64>,
    /// For [`Usage::cache_write`]; as `input` if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<i64>,
    /// For [`Usage::output`].
    #[serde(default)]
    pub output: i64,
    /// For [`Usage::reasoning`]; as `output` if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<i64>,
}

impl Rates {
    /// The rate of a class.
    #[must_use]
    pub fn of(&self, class: TokenClass) -> i64 {
        match class {
            TokenClass::Input => self.input,
            TokenClass::CachedInput => self.cached_input.unwrap_or(self.input),
            TokenClass::CacheWrite => self.cache_write.unwrap_or(self.input),
            TokenClass::Output => self.output,
            TokenClass::Reasoning => self.reasoning.unwrap_or(self.output),
        }
    }

    fn highest_input(&self) -> i64 {
        let [input, cached, write, ..] = TokenClass::ALL.map(|class| self.of(class));
        input.max(cached).max(write)
    }

    fn highest_output(&self) -> i64 {
        self.of(TokenClass::Output).max(self.of(TokenClass::Reasoning))
    }
}

/// What a model costs over a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// The first moment, in milliseconds since 1970; `None`: since ever.
    pub from_ms: Option<i64>,
    /// The first moment when it does not count any more; `None`: until further notice.
    pub to_ms: Option<i64>,
    /// The rates.
    pub rates: Rates,
    /// Other rates for the whole call if its input has more tokens than this.
    pub long: Option<(u64, Rates)>,
    /// Micro-units for each call, whatever its tokens (reranking is sold so).
    pub per_call: i64,
}

impl Price {
    /// Whether the price counts at a moment.
    #[must_use]
    pub fn counts_at(&self, now_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| from <= now_ms) && self.to_ms.is_none_or(|to| now_ms < to)
    }

    /// The exact cost of a call in micro-units, rounded up once; never negative.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> i64 {
        let rates = self.rates_for(usage.total_input());
        let sum = TokenClass::ALL
            .into_iter()
            .map(|class| i128::from(usage.of(class)) * i128::from(rates.of(class)))
            .sum::<i128>();
        self.rounded(sum)
    }

    /// The most that a call with at most so many tokens can cost, in micro-units.
    #[must_use]
    pub fn upper_bound(&self, input_tokens: u64, output_tokens_max: u64) -> i64 {
        let bound = |rates: &Rates| {
            i128::from(input_tokens) * i128::from(rates.highest_input())
                + i128::from(output_tokens_max) * i128::from(rates.highest_output())
        };
        // Shorter calls are charged by the other rates, so both count if the long ones may.
        let long = self.long.filter(|(over, _)| input_tokens > *over);
        let sum = long.map_or(0, |(_, rates)| bound(&rates)).max(bound(&self.rates));
        self.rounded(sum)
    }

    fn rates_for(&self, input_tokens: u64) -> &Rates {
        match &self.long {
            Some((over, rates)) if input_tokens > *over => rates,
            Some(_) | None => &self.rates,
        }
    }

    fn rounded(&self, sum: i128) -> i64 {
        let sum = sum.max(0);
        let rounded = sum / TOKENS_PER_PRICE + i128::from(sum % TOKENS_PER_PRICE != 0);
        let micros = rounded + i128::from(self.per_call.max(0));
        i64::try_from(micros).unwrap_or(i64::MAX)
    }
}
