use impresario_ids::NodeId;

use crate::state::{Founding, RECOVERIES_KEPT};
use crate::{ClusterState, Event, Introduction, Member, Status};

impl ClusterState {
    /// Changes the state as the event says. Never fails: what the event names and the state does
    /// not have is passed over.
    pub fn apply(&mut self, event: &Event) {
        self.version += 1;
        match event {
            Event::Founded { cluster, settings, at_ms } => {
                let settings = settings.clone();
                self.founded = Some(Founding { cluster: *cluster, settings, at_ms: *at_ms });
            }
            Event::Joined { node, intro, at_ms } => self.apply_joined(*node, intro, *at_ms),
            Event::Introduced { node, intro } => {
                if let Some(member) = self.members.get_mut(node) {
                    let zone = member.intro.zone.clone();
                    member.intro = intro.clone();
                    if member.zone_pinned {
                        member.intro.zone = zone;
                    }
                }
            }
            Event::StatusSet { node, status, at_ms } => {
                if let Some(member) = self.members.get_mut(node) {
                    let died = *status == Status::Dead && member.status != Status::Dead;
                    member.before_death = died.then_some(member.status);
                    member.status = *status;
                    member.since_ms = *at_ms;
                }
            }
            Event::ZoneSet { node, zone } => {
                if let Some(member) = self.members.get_mut(node) {
                    member.intro.zone = zone.clone();
                    member.zone_pinned = true;
                }
            }
            Event::Configured { settings } => {
                if let Some(founding) = &mut self.founded {
                    founding.settings = settings.clone();
                }
            }
            Event::Hinted { tenant, hint } => {
                match hint {
                    Some(hint) => self.hints.insert(*tenant, hint.clone()),
                    None => self.hints.remove(tenant),
                };
            }
            Event::Mapped { groups } => {
                self.map.extend(groups.iter().map(|(group, to)| (*group, to.clone())));
            }
            Event::Recovered { recovery } => {
                self.recoveries.push(recovery.clone());
                let excess = self.recoveries.len().saturating_sub(RECOVERIES_KEPT);
                self.recoveries.drain(..excess);
            }
        }
    }

    fn apply_joined(&mut self, node: NodeId, intro: &Introduction, at_ms: i64) {
        self.next_node = self.next_node.max(node.0 + 1);
        self.stores.insert(intro.store, node);
        let member = Member {
            node,
            intro: intro.clone(),
            status: Status::Joining,
            since_ms: at_ms,
            joined_ms: at_ms,
            zone_pinned: false,
            before_death: None,
        };
        self.members.insert(node, member);
    }
}
