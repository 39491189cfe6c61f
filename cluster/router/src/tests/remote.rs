//! What callers see from a node that does not decide.

use std::sync::atomic::Ordering;
use std::time::Duration;

use impresario_ids::NodeId;
use impresario_kernel::EntityKey;
use impresario_wire::{
    Answer, Call, CallHandler, CallKind, Failed, Handled, Item, Outcome, Target,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::town::*;
use super::*;
use crate::{Direction, Directions};

fn failed<T: std::fmt::Debug>(answer: Result<T, AskError<Refused>>) -> Failure {
    match answer {
        Err(AskError::Failed(failure)) => failure,
        other => panic!("it did not fail: {other:?}"),
    }
}

/// RT7.
#[tokio::test(start_paused = true)]
async fn every_node_gives_the_answer_of_the_leader() {
    let town = Town::new(&Options::default()).await;
    for (number, node) in (1..).zip(&town.nodes) {
        let trace = TraceId::from_bytes([9; 16]);
        let envelope = Envelope { trace, ..node.envelope(None, 1_000) };
        let reply = node.ask(1, Command::Add(1), envelope).await;
        assert_eq!(reply, Ok(Reply { total: number, trace, stuffing: String::new() }));
        let total = node.router.query::<Sum>(sum(1), (), node.envelope(None, 1_000)).await;
        assert_eq!(total, Ok(number));
        let refused = node.ask(1, Command::AddUpTo(0), node.envelope(None, 1_000)).await;
        let over = Refused::Over { total: number, limit: 0 };
        assert_eq!(refused, Err(AskError::Rejected(over)), "typed");
    }
    let unknown = EntityKey { tenant: TENANTS[1], ..sum(1) };
    for node in &town.nodes {
        let envelope = node.envelope(None, 1_000);
        let asked = node.router.ask::<Sum>(unknown, Command::Add(1), envelope).await;
        assert_eq!(failed(asked), Failure::UnknownTenant);
        let asked = node.router.query::<Sum>(unknown, (), envelope).await;
        assert_eq!(asked, Err(Failure::UnknownTenant));
    }
    assert_eq!(town.nodes[0].calls(), 0, "the leader asks nobody");
    assert!(town.nodes.iter().all(|node| node.router.under_way() == 0));
}

#[tokio::test(start_paused = true)]
async fn a_group_is_answered_in_its_order() {
    let town = Town::new(&Options::default()).await;
    let node = &town.nodes[2];
    let envelope = node.envelope(None, 1_000);
    let commands = [Command::Add(2), Command::AddUpTo(2), Command::AddUpTo(3), Command::Add(5)];
    let group = commands.into_iter().map(|command| (command, envelope)).collect();
    let answers = node.router.ask_many::<Sum>(sum(1), group).await;
    let reply = |total| Ok(Reply { total, trace: TraceId::NIL, stuffing: String::new() });
    let over = Refused::Over { total: 2, limit: 2 };
    assert_eq!(answers, [reply(2), Err(AskError::Rejected(over)), reply(3), reply(8)]);
    assert_eq!(node.calls(), 1, "one call for all");
    assert!(node.router.ask_many::<Sum>(sum(1), Vec::new()).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn keys_mean_the_same_from_every_node() {
    let town = Town::new(&Options::default()).await;
    let ask = async |node: &Node, content: &[u8]| {
        let mut envelope = node.envelope(Some(5), 1_000);
        envelope.key = envelope.key.map(|key| key.with_content(content));
        node.ask(1, Command::Add(1), envelope).await
    };
    for node in &town.nodes {
        assert_eq!(ask(node, b"one").await.map(|reply| reply.total), Ok(1), "{:?}", node.id);
        assert_eq!(failed(ask(node, b"other").await), Failure::KeyReused, "{:?}", node.id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_reply_comes_whole() {
    let town = Town::new(&Options::default()).await;
    let node = &town.nodes[1];
    let reply = node.ask(1, Command::Stuff(3_000_000), node.envelope(Some(1), 1_000)).await;
    assert_eq!(reply.map(|reply| reply.stuffing.len()), Ok(3_000_000));
}

#[tokio::test(start_paused = true)]
async fn what_is_told_arrives() {
    let town = Town::new(&Options::default()).await;
    let node = &town.nodes[1];
    node.router.tell::<Sum>(sum(1), Command::Add(4), node.envelope(None, 1_000)).expect("sent");
    while node.router.under_way() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(town.total(1).await, 4);
}

/// RT1, RT2: on both nodes, and at once.
#[tokio::test(start_paused = true)]
async fn permits_are_taken_on_both_sides() {
    let options = Options { tenant_permits: 2, ..Options::default() };
    let town = Town::new(&options).await;
    let (leader, [near, far]) = (&town.nodes[0], [&town.nodes[1], &town.nodes[2]]);
    leader.journal.hold();
    let stuck = [near.router.clone(), far.router.clone()].map(|router| {
        let envelope = near.envelope(None, 60_000);
        tokio::spawn(async move { router.ask::<Sum>(sum(1), Command::Add(1), envelope).await })
    });
    while leader.router.under_way() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!([near.router.under_way(), far.router.under_way()], [1, 1]);
    let is_full = |asked: Asked| {
        matches!(failed(asked), Failure::Overloaded { queue: "tenant", retry_after_ms: 250 })
    };
    assert!(is_full(near.add(2, None).await), "the leader has none left");
    let more = near.router.clone();
    let waiting = near.envelope(None, 60_000);
    let calls = near.calls();
    let refused = more.ask_many::<Sum>(sum(2), vec![(Command::Add(1), waiting); 2]).await;
    assert!(refused.into_iter().all(is_full), "the caller's node has only one left");
    assert_eq!(near.calls(), calls, "nothing was sent");
    leader.journal.release();
    for asked in stuck {
        assert!(asked.await.expect("no panic").is_ok());
    }
    assert!(town.nodes.iter().all(|node| node.router.under_way() == 0));
}

#[tokio::test(start_paused = true)]
async fn a_full_way_to_the_leader_is_overload() {
    let town = Town::new(&Options::default()).await;
    let node = &town.nodes[1];
    node.port.is_full.store(true, Ordering::Relaxed);
    let asked = failed(node.add(1, Some(1)).await);
    assert!(matches!(asked, Failure::Overloaded { queue: "peer", .. }), "{asked:?}");
    node.port.is_full.store(false, Ordering::Relaxed);
    assert_eq!(node.add(1, Some(1)).await.map(|reply| reply.total), Ok(1));
}

/// RT3: with the time of the test, which stands still while anything can go on.
#[tokio::test(start_paused = true)]
async fn deadlines_are_kept_on_the_way() {
    let town = Town::new(&Options::default()).await;
    let node = &town.nodes[1];
    let ask = async |intent| {
        let since = Instant::now();
        let asked = node.ask(1, Command::Add(1), node.envelope(intent, 300)).await;
        assert_eq!(failed(asked), Failure::DeadlineExceeded);
        let took = since.elapsed();
        assert!((300..=302).contains(&took.as_millis()), "{took:?}");
    };
    for (from, to) in [(node.id, NodeId(1)), (NodeId(1), node.id)] {
        town.net.cut(from, to);
        ask(None).await;
        ask(Some(1)).await;
        town.net.heal();
    }
    town.depose(town.partition_of(1), 2);
    ask(None).await;
    ask(Some(1)).await;
    town.lead(town.partition_of(1), NodeId(2), 3);
    assert_eq!(town.total(1).await, 2, "what arrived was carried out once per intent");
}

struct Echo;

impl CallHandler for Echo {
    fn handle(&self, from: NodeId, call: Call) -> Handled {
        let outcomes = call.items.into_iter().map(|item| Outcome::Ok(item.body)).collect();
        assert_eq!(from, NodeId(2));
        Box::pin(async { Answer::Done(outcomes) })
    }
}

#[tokio::test(start_paused = true)]
async fn the_gateway_answers_what_it_can_and_refuses_the_rest() {
    let town = Town::new(&Options::default()).await;
    let call = |kind, target, hops| {
        let items = vec![Item { key: None, trace: None, body: b"body".to_vec() }];
        Call { kind, target, items, within_ms: 1_000, trace: TraceId::NIL, hops }
    };
    let (plain, from) = (town.nodes[0].gateway.clone(), NodeId(2));
    let plugged = plain.clone().control(Arc::new(Echo)).views(Arc::new(Echo));
    for kind in [CallKind::Control, CallKind::View] {
        let answer = plain.handle(from, call(kind, Target::Node, 0)).await;
        assert!(
            matches!(answer, Answer::Failed(Failed { ref code, .. }) if code == "not_understood")
        );
        let answer = plugged.handle(from, call(kind, Target::Node, 0)).await;
        assert_eq!(answer, Answer::Done(vec![Outcome::Ok(b"body".to_vec())]));
    }
    let entity = Target::Entity(sum(1));
    for wrong in [
        call(CallKind::Commands, Target::Node, 0),
        call(CallKind::Query, Target::Partition(1), 0),
        call(CallKind::Commands, entity, 2),
        call(CallKind::Commands, entity, 0),
    ] {
        let answer = plain.handle(from, wrong.clone()).await;
        let is_refused =
            matches!(answer, Answer::Failed(Failed { ref code, .. }) if code == "unavailable");
        assert!(is_refused, "{wrong:?}: {answer:?}");
    }
    let mut good = call(CallKind::Commands, entity, 0);
    good.items.clear();
    let elsewhere = town.nodes[2].gateway.handle(from, good).await;
    assert_eq!(elsewhere, Answer::NotLeader { leader: Some(NodeId(1)), term: 1 });
    assert!(town.nodes.iter().all(|node| node.router.under_way() == 0));
}

/// Directions of a node alone in its cluster.
struct Alone(watch::Sender<u64>);

impl Directions for Alone {
    fn me(&self) -> NodeId {
        NodeId(1)
    }
    fn of(&self, _partition: impresario_kernel::PartitionId) -> Direction {
        Direction::Here
    }
    fn term(&self, _partition: impresario_kernel::PartitionId) -> u64 {
        1
    }
    fn learn(&self, _: impresario_kernel::PartitionId, _: u64, _: Option<NodeId>) {}
    fn watch(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
    fn may_move(&self, _partition: impresario_kernel::PartitionId) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_alone_waits_too_until_it_leads() {
    let town = Town::new(&Options::default()).await;
    let node = &town.nodes[0];
    let port = Arc::clone(&node.port) as Arc<dyn impresario_wire::CallTransport>;
    let alone = Arc::new(Alone(watch::Sender::new(0)));
    let router = Router::clustered(node.host.clone(), Options::default(), port, alone);
    let ask = async || router.ask::<Sum>(sum(1), Command::Add(1), node.envelope(None, 1_000)).await;
    assert_eq!(ask().await.map(|reply| reply.total), Ok(1));
    town.depose(town.partition_of(1), 2);
    node.stood_down(town.partition_of(1)).await;
    let again = async {
        tokio::time::advance(Duration::from_millis(400)).await;
        town.lead(town.partition_of(1), NodeId(1), 3);
    };
    let (asked, ()) = tokio::join!(ask(), again);
    assert_eq!(asked.map(|reply| reply.total), Ok(2));
    assert_eq!(node.calls(), 0);
}
