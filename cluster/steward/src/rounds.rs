//! The planner: looks, plans, has steps carried out. Only where the system group is led.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use impresario_journal::Term;
use impresario_placement::{ClusterState, GroupId, Observations, Step, plan};
use tokio::time::Instant;

use crate::carry::{order_of, target_of};
use crate::message::{Ask, WorkReport};
use crate::observe::Seen;
use crate::reason::{kind, reason};
use crate::steward::Inner;

const TRANSFER: &str = "transfer_leader";

impl Inner {
    /// Plans whenever there may be a reason to, while this node leads the system group, until the
    /// steward stops.
    pub(crate) async fn plan_on(self: Arc<Self>) {
        let every = Duration::from_millis(self.options.plan_ms);
        let pause = Duration::from_millis(self.options.plan_pause_ms);
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = self.poke.notified() => {}
                () = self.stop.cancelled() => return,
            }
            let Some(term) = self.reigns() else { continue };
            tokio::select! {
                () = self.round(term) => {}
                () = self.stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// The term under which this node leads the system group, if it does.
    fn reigns(&self) -> Option<Term> {
        let now = self.system.journal().leadership();
        let mut reign = self.reign.lock();
        if !now.is_leader() {
            *reign = None;
            return None;
        }
        if reign.is_none_or(|(term, _)| term != now.term.0) {
            *reign = Some((now.term.0, Instant::now()));
            tracing::info!(term = now.term.0, "this node plans for the cluster");
        }
        Some(now.term)
    }

    async fn round(self: &Arc<Self>, term: Term) {
        metrics::counter!("impresario_steward_rounds_total").increment(1);
        let seen = self.observe(&BTreeSet::new()).await;
        let Some(state) = self.planned_for() else { return };
        let first = plan(&state, &self.with_works(&seen.view));
        self.count(&state, &seen);
        if first.is_empty() {
            return;
        }
        // Something is to be done: now from what a quorum confirms, the own leadership included.
        let finishing = first.iter().any(|step| matches!(step, Step::FinishLeave { .. }));
        let groups: BTreeSet<GroupId> = if finishing {
            state.map().map(|(group, _)| group).collect()
        } else {
            first.iter().filter_map(Step::group).collect()
        };
        if let Err(error) = self.system.journal().confirm(term).await {
            tracing::warn!(term = term.0, error = %error, "this node may lead no more, nothing is planned");
            return;
        }
        let seen = self.observe(&groups).await;
        let Some(state) = self.planned_for() else { return };
        let everything = state.map().all(|(group, _)| seen.confirmed.contains(&group));
        for step in plan(&state, &self.with_works(&seen.view)) {
            let certain = match step.group() {
                Some(group) => seen.confirmed.contains(&group),
                None => everything || !matches!(step, Step::FinishLeave { .. }),
            };
            let leads = self.system.journal().leadership();
            if certain && leads.is_leader() && leads.term == term {
                self.begin(step, &state, &seen).await;
            }
        }
    }

    /// The state as it is stored: the leader has all of it.
    fn planned_for(&self) -> Option<ClusterState> {
        match self.system.stored() {
            Ok(state) => state.filter(|state| state.cluster().is_some()),
            Err(error) => {
                tracing::error!(error = %error, "the state of the cluster cannot be read");
                None
            }
        }
    }

    /// A group that a step is under way in is changing, whatever its leader says by now.
    fn with_works(&self, view: &Observations) -> Observations {
        let mut view = view.clone();
        for group in self.works.lock().keys() {
            if let Some(group) = view.groups.get_mut(group) {
                group.changing = true;
            }
        }
        view
    }

    async fn begin(self: &Arc<Self>, step: Step, state: &ClusterState, seen: &Seen) {
        let (kind, why) = (kind(&step), reason(&step, state, &seen.view));
        if let Some(command) = step.command() {
            tracing::info!(step = ?step, why = %why, "the cluster is told");
            let told = self.system.command(&command, self.now_ms()).await;
            let outcome = if told.is_ok() { "done" } else { "failed" };
            if let Err(trouble) = told {
                tracing::warn!(step = ?step, why = %trouble, "the cluster could not be told");
            }
            metrics::counter!("impresario_steward_steps_total", "step" => kind, "outcome" => outcome)
                .increment(1);
            return;
        }
        let Some(group) = step.group() else { return };
        let transfers_max = state.settings().map_or(0, |settings| settings.leader_transfers_max);
        {
            let mut works = self.works.lock();
            let transfers = works.values().filter(|work| work.step.starts_with(TRANSFER)).count();
            let full = kind == TRANSFER && transfers >= usize::from(transfers_max);
            if works.contains_key(&group) || full {
                return;
            }
            let since_ms = self.now_ms();
            let name = format!("{kind}: {}", crate::reason::named(&step));
            let work = WorkReport { step: name, group: Some(group), why: why.clone(), since_ms };
            works.insert(group, work);
        }
        let leader = seen.view.groups.get(&group).and_then(|view| view.leader);
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::select! {
                () = this.see_through(step, group, leader, why) => {}
                () = this.stop.cancelled() => {}
            }
        });
    }

    /// Has one step carried out by whoever must take it.
    async fn see_through(
        self: &Arc<Self>,
        step: Step,
        group: GroupId,
        leader: Option<impresario_ids::NodeId>,
        why: String,
    ) {
        let kind = kind(&step);
        if let (Some(order), Some(target)) = (order_of(&step), target_of(&step, leader)) {
            tracing::info!(step = ?step, by = %target, why = %why, "a step begins");
            let within = Duration::from_millis(self.options.step_ms);
            let taken = self.ask(target, Ask::Order(order), within).await;
            let outcome = if taken.is_ok() { "done" } else { "failed" };
            metrics::counter!("impresario_steward_steps_total", "step" => kind, "outcome" => outcome)
                .increment(1);
            match taken {
                Ok(_) => tracing::info!(step = ?step, by = %target, "a step is done"),
                Err(trouble) => {
                    tracing::warn!(step = ?step, by = %target, why = %trouble, "a step failed, it is planned anew");
                }
            }
            self.works.lock().remove(&group);
            // After a failure the next regular look is soon enough.
            if outcome == "done" {
                self.poke.notify_one();
            }
        } else {
            self.works.lock().remove(&group);
        }
    }

    fn count(&self, state: &ClusterState, seen: &Seen) {
        let unled = state.map().filter(|(group, _)| !seen.view.groups.contains_key(group)).count();
        let silent = seen.view.nodes.values().filter(|view| !view.alive).count();
        let off = state.map().filter(|(group, want)| {
            seen.view.groups.get(group).is_some_and(|is| is.voters != want.voters)
        });
        metrics::gauge!("impresario_cluster_groups_without_leader").set(unled as f64);
        metrics::gauge!("impresario_cluster_nodes_silent").set(silent as f64);
        metrics::gauge!("impresario_cluster_groups_to_move").set(off.count() as f64);
    }
}
