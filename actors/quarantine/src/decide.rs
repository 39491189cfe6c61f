use std::collections::BTreeMap;

use impresario_kernel::{Ctx, Decision, IndexOp, IndexRow};

use crate::{
    BATCH_MAX, COUNTS, Command, Event, Quarantine, RAW_BYTES_MAX, Refused, Rejection, Reply, State,
};

const REASON_BYTES_MAX: usize = 64;
const DETAIL_BYTES_MAX: usize = 1_000;
const SOURCE_BYTES_MAX: usize = 200;

pub(crate) fn decide(
    state: &State,
    command: Command,
    ctx: &Ctx<'_, (), Event>,
) -> Result<Decision<Quarantine>, Rejection> {
    match command {
        Command::Refuse { items } => refuse(state, items, ctx),
        Command::Discard { seqs } => Ok(discard(state, seqs)),
    }
}

fn refuse(
    state: &State,
    mut items: Vec<Refused>,
    ctx: &Ctx<'_, (), Event>,
) -> Result<Decision<Quarantine>, Rejection> {
    if items.len() > BATCH_MAX {
        return Err(Rejection::TooMany);
    }
    if items.is_empty() {
        return Ok(Decision::unchanged(Reply { count: 0 }));
    }
    let mut reasons: BTreeMap<String, i64> = BTreeMap::new();
    for item in &mut items {
        cut(&mut item.reason, REASON_BYTES_MAX);
        cut(&mut item.detail.0, DETAIL_BYTES_MAX);
        cut(&mut item.source, SOURCE_BYTES_MAX);
        item.raw.0.truncate(RAW_BYTES_MAX);
        *reasons.entry(item.reason.clone()).or_default() += 1;
    }
    let reply = Reply { count: items.len() as u64 };
    let event = Event::Refused { first: state.last_seq() + 1, items };
    let mut decision = Decision::events(vec![event], reply);
    // Before 1970 and after the year 11 million there are no days to count by.
    let day = u32::try_from(ctx.now.day()).unwrap_or_default().to_be_bytes();
    for (reason, count) in reasons {
        let term = [&day[..], reason.as_bytes()].concat();
        decision.index.push(IndexRow {
            index: COUNTS,
            personal: None,
            term,
            op: IndexOp::Add(count),
        });
    }
    Ok(decision)
}

fn discard(state: &State, mut seqs: Vec<u64>) -> Decision<Quarantine> {
    seqs.retain(|seq| state.has(*seq));
    seqs.sort_unstable();
    seqs.dedup();
    let reply = Reply { count: seqs.len() as u64 };
    if seqs.is_empty() {
        return Decision::unchanged(reply);
    }
    Decision::events(vec![Event::Discarded { seqs }], reply)
}

/// Cuts at a character's border.
fn cut(text: &mut String, bytes_max: usize) {
    text.truncate(text.floor_char_boundary(bytes_max));
}
