//! A decision in the making, and the state that it would lead to.

use impresario_ids::{MessageId, ProfileId};
use impresario_kernel::{Decision, IndexId, IndexOp, IndexRow, Personal, TimerOp, Timestamp};
use serde_json::{Map, Value};

use super::Context;
use crate::event::Event;
use crate::facts::Facts;
use crate::index::{self, Grain, Meter};
use crate::policy::Policy;
use crate::state::State;
use crate::{Effect, Profile, Reply};

pub(super) struct Draft<'d> {
    before: &'d State,
    pub(super) ctx: &'d Context<'d>,
    pub(super) me: ProfileId,
    /// The state after the events so far; made when first asked for, because most messages matter
    /// to no segment.
    after: Option<Box<State>>,
    decision: Decision<Profile>,
    webhooks: u64,
    /// The merge that the decision began with is taken back in it.
    revived: bool,
    /// Whether the index of all profiles has this one, after the rows so far.
    listed: bool,
}

impl<'d> Draft<'d> {
    pub(super) fn new(before: &'d State, ctx: &'d Context<'d>) -> Self {
        let decision = Decision::unchanged(Reply::Unchanged);
        Self {
            before,
            ctx,
            me: ctx.key.typed_id(),
            after: None,
            decision,
            webhooks: 0,
            revived: false,
            listed: before.listed,
        }
    }

    /// The state that the decision began with.
    pub(super) fn before(&self) -> &'d State {
        self.before
    }

    /// The state after the events so far.
    pub(super) fn after(&mut self) -> &State {
        let (before, events) = (self.before, &self.decision.events);
        self.after.get_or_insert_with(|| {
            let mut state = Box::new(before.clone());
            events.iter().for_each(|event| state.apply(event));
            state
        })
    }

    pub(super) fn policy(&self) -> &'d Policy {
        self.ctx.policy
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ctx.now
    }

    pub(super) fn event(&mut self, event: Event) {
        if let Some(after) = &mut self.after {
            after.apply(&event);
        }
        self.decision.events.push(event);
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.decision.effects.push(effect);
    }

    pub(super) fn timer(&mut self, op: TimerOp) {
        self.decision.timers.push(op);
    }

    pub(super) fn row(&mut self, index: IndexId, term: Vec<u8>, op: IndexOp) {
        self.decision.index.push(IndexRow { index, personal: None, term, op });
    }

    pub(super) fn personal_row(&mut self, index: IndexId, personal: Vec<u8>, op: IndexOp) {
        let term = index::profile_term(self.me);
        self.decision.index.push(IndexRow { index, personal: Some(personal), term, op });
    }

    pub(super) fn meter(&mut self, meter: Meter, grain: Grain, at: Timestamp, amount: i64) {
        let term = index::usage_term(meter, grain, index::period(grain, at));
        self.row(index::USAGE, term, IndexOp::Add(amount));
    }

    /// Puts the profile into the index of all profiles, if it is not there.
    pub(super) fn list(&mut self) {
        let alive = self.before.merged_into.is_none() || self.revived;
        if alive && !self.listed {
            let (term, value) = (index::profile_term(self.me), index::time_value(self.now()));
            self.row(index::PROFILES, term, IndexOp::Put(value));
            self.row(index::PROFILE_COUNT, Vec::new(), IndexOp::Add(1));
            self.listed = true;
        }
    }

    /// The plan's limit of profiles, if it is reached and this would be another one (TEN-08).
    pub(super) fn refusing_limit(&self) -> Option<u64> {
        let new = !self.before.listed && self.before.merged_into.is_none();
        self.policy().profiles_full().filter(|_| new)
    }

    /// The profile is one of its own again.
    pub(super) fn revive(&mut self) {
        self.revived = true;
        self.list();
    }

    /// Reads the state after the events so far beside the draft. The reader adds no events.
    pub(super) fn with_after(&mut self, read: impl FnOnce(&mut Self, &State)) {
        self.after();
        if let Some(after) = self.after.take() {
            read(self, &after);
            self.after = Some(after);
        }
    }

    pub(super) fn unlist(&mut self) {
        if self.listed {
            self.row(index::PROFILES, index::profile_term(self.me), IndexOp::Delete);
            self.row(index::PROFILE_COUNT, Vec::new(), IndexOp::Add(-1));
            self.listed = false;
        }
    }

    /// Tells the endpoints that want this type of message. `data` is completed with the ids.
    pub(super) fn webhook(
        &mut self,
        kind: &'static str,
        facts: &Facts,
        mut data: Map<String, Value>,
    ) {
        let wants =
            |kinds: &[String]| kinds.is_empty() || kinds.iter().any(|wanted| wanted == kind);
        let policy = self.policy();
        for endpoint in policy.endpoints().iter().filter(|endpoint| wants(&endpoint.kinds)) {
            if !data.contains_key("profile_id") {
                complete(&mut data, self.me, facts);
            }
            let number = self.webhooks;
            self.webhooks += 1;
            self.effect(Effect::Webhook {
                endpoint: endpoint.id,
                message: MessageId::derived(&[
                    self.me.as_bytes(),
                    &self.ctx.next_seq.to_be_bytes(),
                    &number.to_be_bytes(),
                ]),
                kind: kind.to_owned(),
                at: self.now(),
                data: Personal(Value::Object(data.clone()).to_string()),
            });
        }
    }

    pub(super) fn finish(mut self, reply: Reply) -> Decision<Profile> {
        if self.webhooks > 0 {
            let amount = i64::try_from(self.webhooks).unwrap_or(i64::MAX);
            self.meter(Meter::Messages, Grain::Day, self.now(), amount);
            self.meter(Meter::Messages, Grain::Month, self.now(), amount);
        }
        self.decision.reply = reply;
        self.decision
    }
}

fn complete(data: &mut Map<String, Value>, me: ProfileId, facts: &Facts) {
    let first = |ids: &[crate::facts::Text]| match ids.first() {
        Some(id) => Value::from(&*id.0),
        None => Value::Null,
    };
    data.insert("profile_id".to_owned(), me.to_string().into());
    data.insert("user_id".to_owned(), first(&facts.user_ids));
    data.insert("anonymous_id".to_owned(), first(&facts.anonymous_ids));
}
