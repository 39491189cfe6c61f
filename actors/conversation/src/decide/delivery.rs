//! What became of what was sent. Reports come in any order and more than once.

use impresario_messages::{Delivery, Fault, StatusUpdate};
use serde_json::json;

use super::draft::Draft;
use crate::message::clip;
use crate::{Event, Outcome, PARTS_KEPT, Sending, SentMessage, SentPart};

/// The platform's ids of one message that are remembered.
const PLATFORM_IDS_KEPT: usize = 20;

/// Nobody can say whether the message arrived, and it was tried often enough.
const UNKNOWN: &str = "outcome_unknown";

fn known<'a>(draft: &'a Draft<'_>, outgoing: &str) -> Option<&'a SentMessage> {
    draft.state.sent.iter().find(|sent| sent.outgoing == outgoing)
}

pub(super) fn sent(draft: &mut Draft<'_>, outgoing: String, platform_ids: Vec<String>) {
    let Some(known) = known(draft, &outgoing) else { return };
    let mut platform_ids: Vec<String> =
        platform_ids.into_iter().take(PLATFORM_IDS_KEPT).map(|id| clip(id, 256)).collect();
    if platform_ids.is_empty() {
        platform_ids.clone_from(&known.platform_ids);
    }
    let is_news = known.sending.is_some() || known.platform_ids != platform_ids;
    if known.status.is_none() || is_news {
        draft.record(Event::Sent { outgoing, platform_ids, at: draft.now });
    }
}

pub(super) fn unsent(draft: &mut Draft<'_>, outgoing: &str, code: String) {
    let fault = Fault { code: clip(code, 100), detail: String::new() };
    advance(draft, outgoing, Delivery::Failed, Some(fault), None);
}

/// Whether a message may be given to its platform now.
pub(super) fn begin(
    draft: &mut Draft<'_>,
    outgoing: String,
    parts: u32,
    wait_ms: i64,
    tries_max: u8,
) {
    // So many were said since then that it would be out of place.
    draft.outcome = Outcome::Stale;
    let Some(known) = known(draft, &outgoing).cloned() else { return };
    let at = draft.now;
    let (tries, again) = match known.sending {
        None if known.status.is_some() => {
            draft.outcome = Outcome::Unchanged;
            return;
        }
        None => (1, false),
        Some(sending) if !sending.unknown => (sending.tries, true),
        Some(sending) if at.since_ms(sending.at) < wait_ms => {
            draft.outcome = Outcome::AlreadyBegun;
            return;
        }
        Some(sending) if sending.tries >= tries_max => {
            unsent(draft, &outgoing, UNKNOWN.to_owned());
            draft.outcome = Outcome::Unchanged;
            return;
        }
        Some(sending) => (sending.tries.saturating_add(1), true),
    };
    draft.record(Event::SendBegun { outgoing, of: parts, tries, at });
    draft.outcome = if again { Outcome::GrantedAgain } else { Outcome::Granted };
}

/// A try ended before its end.
pub(super) fn pause(draft: &mut Draft<'_>, outgoing: String, sent: Vec<String>, unknown: bool) {
    let Some(known) = known(draft, &outgoing) else { return };
    let Some(sending) = &known.sending else { return };
    let parts = (0..).zip(sent).take(PARTS_KEPT);
    let parts: Vec<SentPart> = parts
        .filter(|(_, id)| !id.is_empty())
        .map(|(part, id)| SentPart { part, id: clip(id, 256) })
        .collect();
    let is_news = parts.iter().any(|part| !sending.parts.contains(part));
    if is_news || sending.unknown != unknown {
        let at = draft.now;
        draft.record(Event::SendPaused { outgoing: outgoing.clone(), parts, unknown, at });
        settle(draft, &outgoing);
    }
}

pub(super) fn status(draft: &mut Draft<'_>, update: &StatusUpdate) {
    let by_ours = |outgoing: &str| update.outgoing_id.as_deref() == Some(outgoing);
    let by_theirs = |sent: &SentMessage| {
        let sending = sent.sending.iter().flat_map(|sending| &sending.parts);
        sent.platform_ids.contains(&update.platform_id)
            || sending.into_iter().any(|part| part.id == update.platform_id)
    };
    let known = draft.state.sent.iter().find(|sent| by_ours(&sent.outgoing) || by_theirs(sent));
    let Some(outgoing) = known.map(|sent| sent.outgoing.clone()) else { return };
    let fault = update.error.as_ref().map(|fault| Fault {
        code: clip(fault.code.clone(), 100),
        detail: clip(fault.detail.clone(), 500),
    });
    let part = update.part.map(|part| SentPart { part, id: clip(update.platform_id.clone(), 256) });
    advance(draft, &outgoing, update.status, fault, part);
    settle(draft, &outgoing);
}

fn advance(
    draft: &mut Draft<'_>,
    outgoing: &str,
    status: Delivery,
    error: Option<Fault>,
    part: Option<SentPart>,
) {
    let Some(known) = known(draft, outgoing) else { return };
    let next = known.status.map_or(status, |known| known.advance(status));
    let has_come_further = known.status != Some(next);
    // Which parts there are matters only while that is not known.
    let is_missing = |sending: &Sending, part: &SentPart| {
        sending.parts.len() < PARTS_KEPT && !sending.parts.iter().any(|k| k.part == part.part)
    };
    let part = part.filter(|part| known.sending.as_ref().is_some_and(|s| is_missing(s, part)));
    if !has_come_further && part.is_none() {
        return;
    }
    let code = error.as_ref().map(|fault| fault.code.clone());
    let (outgoing, at) = (outgoing.to_owned(), draft.now);
    draft.record(Event::Delivered { outgoing: outgoing.clone(), status, error, at, part });
    if has_come_further && next == Delivery::Failed {
        draft.notify("conversation.undelivered", json!({ "message_id": outgoing, "code": code }));
    }
}

/// Every part is known to have left: so has the message.
fn settle(draft: &mut Draft<'_>, outgoing: &str) {
    let Some(sending) = known(draft, outgoing).and_then(|known| known.sending.as_ref()) else {
        return;
    };
    if sending.of > 0 && sending.next_part() >= sending.of {
        let ids = sending.ids().into_iter().filter(|id| !id.is_empty()).collect();
        sent(draft, outgoing.to_owned(), ids);
    }
}
