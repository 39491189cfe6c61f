//! The net splits.

use std::time::Duration;

use impresario_ids::NodeId;
use impresario_placement::{Command, SettingsPatch, Status, Zone};

use crate::cluster::Cluster;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_minority_does_nothing() {
    let cluster = Cluster::of(3, 3);
    let lonely = cluster.planner();
    let near = cluster.node(lonely);
    let patch = SettingsPatch { dead_after_ms: Some(900), ..SettingsPatch::default() };
    near.run(near.steward.execute(Command::Configure { patch })).expect("a setting");
    cluster.net.cut_off(NodeId(lonely));
    let before = near.steward.state().version();
    let zone = |name: &str| Zone::new(name).expect("a zone");
    let other = lonely % 3 + 1;
    let far = cluster.node(other);
    // The majority declares the lonely one dead; the lonely one declares nobody anything, although
    // it has long not heard of them.
    let dead = far.steward.await_status(NodeId(lonely), Status::Dead, LONG);
    far.run(dead).expect("found dead");
    let set = Command::SetZone { node: NodeId(other), zone: zone("lonely") };
    let alone = near.run(near.steward.execute(set));
    assert!(alone.is_err(), "{alone:?}");
    let set = Command::SetZone { node: NodeId(other), zone: zone("many") };
    far.run(far.steward.execute(set)).expect("a majority decides");
    assert_eq!(near.steward.state().version(), before);
    cluster.net.heal();
    cluster.await_settled(3);
    let member = near.steward.state().member(NodeId(other)).cloned().expect("a member");
    assert_eq!(member.intro.zone, zone("many"));
}
