//! Time has passed: whatever is due is done, whichever timer fired.

use impresario_kernel::Timestamp;
use serde_json::json;

use super::draft::{Draft, dues};
use super::turns;
use crate::Event;

pub(super) fn tick(draft: &mut Draft<'_>) {
    draft.ticked = true;
    let now = draft.now;
    let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
    let [burst, turn, _, sla, retention] = dues(&draft.state, draft.config);
    if is_due(retention) {
        draft.forget();
        return;
    }
    draft.expire_memory();
    if is_due(burst) {
        turns::begin(draft);
    }
    if is_due(turn) {
        turns::wait_no_longer(draft);
    }
    if let Some(due) = sla.filter(|_| is_due(sla)) {
        draft.record(Event::SlaMissed { due, at: now });
        let due = impresario_rules::format_time(due.as_ms());
        draft.notify("conversation.sla_missed", json!({ "due_at": due }));
    }
}
