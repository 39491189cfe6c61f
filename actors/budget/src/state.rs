use std::collections::{BTreeMap, VecDeque};

use impresario_ids::CallId;
use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::ledger::{Booked, month};
use crate::{CLOSED_MAX, Event, GIVEN_UP_MAX, Ledger, Limit, Path, Period, SCOPES_MAX, Scope};

/// Money held for one call.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reservation {
    /// Whom it is charged to.
    #[n(0)]
    pub path: Path,
    /// How much.
    #[n(1)]
    pub micros: i64,
    /// When it was made.
    #[n(2)]
    pub at: Timestamp,
}

impl Reservation {
    pub(crate) fn booked(&self) -> Booked {
        Booked { day: self.at.day(), month: month(self.at) }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum End {
    #[n(0)]
    Settled,
    #[n(1)]
    Released,
}

/// Limits, ledgers, and what is held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct State {
    #[n(0)]
    pub(crate) limits: Vec<Limit>,
    #[n(1)]
    pub(crate) tenant: Ledger,
    /// Campaigns and classes, by [`Scope`].
    #[n(2)]
    pub(crate) scopes: BTreeMap<Scope, Ledger>,
    #[n(3)]
    pub(crate) held: BTreeMap<CallId, Reservation>,
    /// What conversations hold, while they do.
    #[n(4)]
    pub(crate) conversations: BTreeMap<String, i64>,
    /// What runs hold, while they do.
    #[n(5)]
    pub(crate) runs: BTreeMap<String, i64>,
    /// Reservations that were given up, oldest first.
    #[n(6)]
    pub(crate) given_up: VecDeque<(CallId, Reservation)>,
    /// Calls that have ended, oldest first.
    #[n(7)]
    pub(crate) closed: VecDeque<(CallId, End)>,
}

impl State {
    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Reservations under way.
    #[must_use]
    pub const fn held(&self) -> &BTreeMap<CallId, Reservation> {
        &self.held
    }

    /// What the tenant has committed over a period.
    #[must_use]
    pub fn committed(&self, period: Period, now: Timestamp) -> i64 {
        self.tenant.committed(period, now)
    }

    pub(crate) fn end_of(&self, call: CallId) -> Option<End> {
        self.closed.iter().rev().find(|(known, _)| *known == call).map(|(_, end)| *end)
    }

    /// A reservation that is held, or was given up and can be corrected.
    pub(crate) fn reservation(&self, call: CallId) -> Option<&Reservation> {
        self.held.get(&call).or_else(|| self.given_up(call))
    }

    pub(crate) fn given_up(&self, call: CallId) -> Option<&Reservation> {
        self.given_up.iter().find(|(known, _)| *known == call).map(|(_, held)| held)
    }

    /// Only what one call on one path can touch, to see what its events would lead to.
    pub(crate) fn part(&self, call: CallId, path: &Path) -> Self {
        let scopes: Vec<Scope> = scopes_of(path).collect();
        let limit_counts = |limit: &&Limit| {
            matches!(limit.scope, Scope::Tenant | Scope::EachCampaign)
                || scopes.contains(&limit.scope)
        };
        let ledgers = scopes.iter().filter_map(|scope| self.scopes.get_key_value(scope));
        Self {
            limits: self.limits.iter().filter(limit_counts).cloned().collect(),
            tenant: self.tenant.clone(),
            scopes: ledgers.map(|(scope, ledger)| (scope.clone(), ledger.clone())).collect(),
            held: self.held.get(&call).map(|held| (call, held.clone())).into_iter().collect(),
            given_up: self.given_up(call).map(|held| (call, held.clone())).into_iter().collect(),
            ..Self::default()
        }
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::LimitsSet { limits, .. } => self.set_limits(limits),
            Event::Reserved { call, path, micros, at } => {
                let held = Reservation { path: path.clone(), micros: *micros, at: *at };
                self.book(&held, *micros, true);
                self.hold(&held, *micros);
                self.held.insert(*call, held);
            }
            Event::Denied { .. } => {}
            Event::Settled { call, micros, .. } => self.close(*call, *micros, End::Settled),
            Event::Released { call, .. } => self.close(*call, 0, End::Released),
            Event::GivenUp { call, .. } => {
                if let Some(held) = self.held.remove(call) {
                    self.hold(&held, -held.micros);
                    self.given_up.push_back((*call, held));
                    let surplus = self.given_up.len().saturating_sub(GIVEN_UP_MAX);
                    self.given_up.drain(..surplus);
                }
            }
            Event::ThresholdReached { scope, period, percent, at } => {
                if let Some(ledger) = self.ledger_mut(scope) {
                    ledger.turn(*at);
                    ledger.tell(*period, *percent);
                }
            }
        }
    }

    fn set_limits(&mut self, limits: &[Limit]) {
        let changed = |limit: &&Limit| !self.limits.contains(limit);
        let fresh: Vec<Limit> = limits.iter().filter(changed).cloned().collect();
        for limit in fresh {
            match &limit.scope {
                Scope::EachCampaign => {
                    let campaigns = self
                        .scopes
                        .iter_mut()
                        .filter(|(scope, _)| matches!(scope, Scope::Campaign(_)));
                    campaigns.for_each(|(_, ledger)| ledger.forget(limit.period));
                }
                scope @ (Scope::Tenant
                | Scope::Campaign(_)
                | Scope::Class(_)
                | Scope::EachConversation
                | Scope::EachRun) => {
                    if let Some(ledger) = self.ledger_mut(scope) {
                        ledger.forget(limit.period);
                    }
                }
            }
        }
        self.limits = limits.to_vec();
    }

    /// Adds to, or corrects, every ledger on the path.
    fn book(&mut self, held: &Reservation, micros: i64, fresh: bool) {
        let booked = held.booked();
        // A clock that went back must not count into a day that has passed.
        let turned = |ledger: &Ledger| Booked {
            day: if fresh { booked.day.max(ledger.day) } else { booked.day },
            month: if fresh { booked.month.max(ledger.month) } else { booked.month },
        };
        if fresh {
            self.tenant.turn(held.at);
        }
        let place = turned(&self.tenant);
        self.tenant.add(micros, place);
        for scope in scopes_of(&held.path) {
            if fresh {
                self.make_room(&scope);
                self.scopes.entry(scope.clone()).or_default().turn(held.at);
            }
            if let Some(ledger) = self.scopes.get_mut(&scope) {
                let place = turned(ledger);
                ledger.add(micros, place);
            }
        }
    }

    /// Keeps what conversations and runs hold, only while they hold anything.
    fn hold(&mut self, held: &Reservation, micros: i64) {
        let pairs =
            [(&mut self.conversations, &held.path.conversation), (&mut self.runs, &held.path.run)];
        for (amounts, spend) in pairs {
            let Some(spend) = spend else { continue };
            let amount = amounts.entry(spend.id.clone()).or_default();
            *amount = amount.saturating_add(micros);
            if *amount <= 0 {
                amounts.remove(&spend.id);
            }
        }
    }

    fn close(&mut self, call: CallId, micros: i64, end: End) {
        if let Some(held) = self.held.remove(&call) {
            self.hold(&held, -held.micros);
            self.book(&held, micros.saturating_sub(held.micros), false);
        } else if let Some(place) = self.given_up.iter().position(|(known, _)| *known == call)
            && let Some((_, held)) = self.given_up.remove(place)
        {
            self.book(&held, micros.saturating_sub(held.micros), false);
        }
        self.closed.push_back((call, end));
        let surplus = self.closed.len().saturating_sub(CLOSED_MAX);
        self.closed.drain(..surplus);
    }

    /// Forgets the scope that was not used for longest and has no limit, if there are too many.
    fn make_room(&mut self, wanted: &Scope) {
        if self.scopes.len() < SCOPES_MAX || self.scopes.contains_key(wanted) {
            return;
        }
        let limited = |scope: &Scope| self.limits.iter().any(|limit| limit.scope == *scope);
        let oldest = self
            .scopes
            .iter()
            .filter(|(scope, _)| !limited(scope))
            .min_by_key(|(_, ledger)| ledger.day)
            .map(|(scope, _)| scope.clone());
        if let Some(scope) = oldest {
            self.scopes.remove(&scope);
        }
    }

    /// The ledger of a scope that has one.
    pub(crate) fn ledger(&self, scope: &Scope) -> Option<&Ledger> {
        match scope {
            Scope::Tenant => Some(&self.tenant),
            Scope::Campaign(_) | Scope::Class(_) => self.scopes.get(scope),
            Scope::EachCampaign | Scope::EachConversation | Scope::EachRun => None,
        }
    }

    fn ledger_mut(&mut self, scope: &Scope) -> Option<&mut Ledger> {
        match scope {
            Scope::Tenant => Some(&mut self.tenant),
            Scope::Campaign(_) | Scope::Class(_) => self.scopes.get_mut(scope),
            Scope::EachCampaign | Scope::EachConversation | Scope::EachRun => None,
        }
    }
}

/// The scopes of a path that have ledgers of their own, beside the tenant.
pub(crate) fn scopes_of(path: &Path) -> impl Iterator<Item = Scope> {
    let campaign = path.campaign.clone().map(Scope::Campaign);
    let class = path.class.clone().map(Scope::Class);
    campaign.into_iter().chain(class)
}
