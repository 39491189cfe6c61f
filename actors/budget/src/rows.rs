use impresario_kernel::{IndexId, IndexOp, IndexRow};

use crate::{
    CALLS, COST_BY_AGENT, COST_BY_MODEL, COST_BY_SCOPE, Path, Reservation, TOKENS_BY_MODEL, Tokens,
};

/// The stored byte of a class of tokens in [`TOKENS_BY_MODEL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TokenClass {
    /// [`Tokens::input`].
    Input = 0,
    /// [`Tokens::cached_input`].
    CachedInput = 1,
    /// [`Tokens::cache_write`].
    CacheWrite = 2,
    /// [`Tokens::output`].
    Output = 3,
    /// [`Tokens::reasoning`].
    Reasoning = 4,
}

/// The stored byte of how a call ended, in [`CALLS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    Settled = 0,
    Released = 1,
    GivenUp = 2,
    Denied = 3,
}

/// A row of [`COST_BY_SCOPE`], read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostRow {
    /// Days since 1970.
    pub day: u32,
    /// 0 tenant, 1 campaign, 2 class.
    pub scope: u8,
    /// The campaign's or the class's name; empty for the tenant.
    pub name: String,
}

impl CostRow {
    /// Reads a term of [`COST_BY_SCOPE`].
    #[must_use]
    pub fn read(term: &[u8]) -> Option<Self> {
        let (day, rest) = row_day(term)?;
        let (scope, name) = rest.split_first()?;
        Some(Self { day, scope: *scope, name: std::str::from_utf8(name).ok()?.to_owned() })
    }
}

/// The day and the rest of any of this entity's terms.
#[must_use]
pub fn row_day(term: &[u8]) -> Option<(u32, &[u8])> {
    let (day, rest) = term.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*day), rest))
}

/// The rows for `micros` more (or, as a correction, less) than was counted before.
pub(crate) fn costs(held: &Reservation, micros: i64) -> Vec<IndexRow> {
    if micros == 0 {
        return Vec::new();
    }
    let day = day_of(held);
    let path = &held.path;
    let mut rows = vec![row(COST_BY_SCOPE, day, &[&[0]], micros)];
    let named = [(1, &path.campaign), (2, &path.class)];
    for (code, name) in named {
        if let Some(name) = name {
            rows.push(row(COST_BY_SCOPE, day, &[&[code], name.as_bytes()], micros));
        }
    }
    rows.push(row(COST_BY_MODEL, day, &[path.model.as_bytes()], micros));
    if !path.agent.is_empty() {
        rows.push(row(COST_BY_AGENT, day, &[path.agent.as_bytes()], micros));
    }
    rows
}

pub(crate) fn tokens(held: &Reservation, tokens: &Tokens) -> Vec<IndexRow> {
    let classes = [
        (TokenClass::Input, tokens.input),
        (TokenClass::CachedInput, tokens.cached_input),
        (TokenClass::CacheWrite, tokens.cache_write),
        (TokenClass::Output, tokens.output),
        (TokenClass::Reasoning, tokens.reasoning),
    ];
    let used = classes.into_iter().filter(|(_, count)| *count > 0);
    used.map(|(class, count)| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let parts: [&[u8]; 2] = [&[class as u8], held.path.model.as_bytes()];
        row(TOKENS_BY_MODEL, day_of(held), &parts, count)
    })
    .collect()
}

pub(crate) fn call(day: i64, path: &Path, outcome: Outcome, count: i64) -> IndexRow {
    row(CALLS, day_bytes(day), &[&[outcome as u8], path.model.as_bytes()], count)
}

fn row(index: IndexId, day: [u8; 4], parts: &[&[u8]], add: i64) -> IndexRow {
    let mut term = day.to_vec();
    parts.iter().for_each(|part| term.extend_from_slice(part));
    IndexRow { index, personal: None, term, op: IndexOp::Add(add) }
}

fn day_of(held: &Reservation) -> [u8; 4] {
    day_bytes(held.at.day())
}

/// Before 1970 and after the year 11 million there are no days to count by.
fn day_bytes(day: i64) -> [u8; 4] {
    u32::try_from(day).unwrap_or_default().to_be_bytes()
}
