//! What became of what was sent. Reports come in any order and more than once.

use impresario_messages::{Delivery, Fault, StatusUpdate};
use serde_json::json;

use super::draft::Draft;
use crate::Event;
use crate::message::clip;

/// The platform's ids of one message that are remembered.
const PLATFORM_IDS_KEPT: usize = 20;

pub(super) fn sent(draft: &mut Draft<'_>, outgoing: String, platform_ids: Vec<String>) {
    let known = draft.state.sent.iter().find(|sent| sent.outgoing == outgoing);
    let Some(known) = known else { return };
    let mut platform_ids: Vec<String> =
        platform_ids.into_iter().take(PLATFORM_IDS_KEPT).map(|id| clip(id, 256)).collect();
    if platform_ids.is_empty() {
        platform_ids.clone_from(&known.platform_ids);
    }
    if known.status.is_none() || known.platform_ids != platform_ids {
        draft.record(Event::Sent { outgoing, platform_ids, at: draft.now });
    }
}

pub(super) fn unsent(draft: &mut Draft<'_>, outgoing: String, code: String) {
    let fault = Fault { code: clip(code, 100), detail: String::new() };
    advance(draft, &outgoing, Delivery::Failed, Some(fault));
}

pub(super) fn status(draft: &mut Draft<'_>, update: &StatusUpdate) {
    let by_ours = |outgoing: &str| update.outgoing_id.as_deref() == Some(outgoing);
    let known =
        draft.state.sent.iter().find(|sent| {
            by_ours(&sent.outgoing) || sent.platform_ids.contains(&update.platform_id)
        });
    let Some(outgoing) = known.map(|sent| sent.outgoing.clone()) else { return };
    let fault = update.error.as_ref().map(|fault| Fault {
        code: clip(fault.code.clone(), 100),
        detail: clip(fault.detail.clone(), 500),
    });
    advance(draft, &outgoing, update.status, fault);
}

fn advance(draft: &mut Draft<'_>, outgoing: &str, status: Delivery, error: Option<Fault>) {
    let Some(known) = draft.state.sent.iter().find(|sent| sent.outgoing == outgoing) else {
        return;
    };
    let next = known.status.map_or(status, |known| known.advance(status));
    if known.status == Some(next) {
        return;
    }
    let code = error.as_ref().map(|fault| fault.code.clone());
    let (outgoing, at) = (outgoing.to_owned(), draft.now);
    draft.record(Event::Delivered { outgoing: outgoing.clone(), status, error, at });
    if next == Delivery::Failed {
        draft.notify("conversation.undelivered", json!({ "message_id": outgoing, "code": code }));
    }
}
