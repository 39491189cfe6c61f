use std::sync::Arc;

use bytes::Bytes;
use impresario_ids::NodeId;
use impresario_wire::{Lane, LaneOptions, Me, RaftTransport, Wire, WireError, knock};
use tokio::task::JoinSet;

use crate::common::{
    Echo, LONG, Office, SHORT, ask, bind, eventually, introduce, me, options, serve,
};
use crate::proxy::Proxy;

struct Two {
    _office: Office,
    asker: Wire,
    answerer: Wire,
    echo: Arc<Echo>,
}

async fn two(permits: Option<usize>, lanes: LaneOptions) -> Two {
    let office = Office::new(crate::common::CLUSTER);
    let with = |node| {
        let mut options = options(Some(office.node(node)));
        options.lanes = lanes.clone();
        options
    };
    let (first, second) = (with(1), with(2));
    let echo = permits.map_or_else(Echo::open, Echo::with);
    let answerer = serve(me(2), second, &echo).await;
    let asker = bind(me(1), first).await;
    introduce(&asker, &answerer);
    Two { _office: office, asker, answerer, echo }
}

#[tokio::test]
async fn every_lane_carries_requests_and_answers() {
    let two = two(None, LaneOptions::default()).await;
    for lane in Lane::ALL {
        let body = Bytes::from_static(b"hello");
        let answer = two.asker.lanes().call(NodeId(2), lane, 3, body, LONG).await;
        assert_eq!(answer, Ok(Bytes::from(format!("node-1 {lane:?} 3 hello"))));
    }
    assert_eq!(ask(&two.asker, 9, "x").await, Err(WireError::UnknownNode(NodeId(9))));
    let refused = WireError::Refused { node: NodeId(2), why: "as you wish".into() };
    assert_eq!(ask(&two.asker, 2, "refuse").await, Err(refused));
    two.answerer.stop().await;
}

#[tokio::test]
async fn a_held_answer_does_not_hold_others_back() {
    let two = two(Some(0), LaneOptions::default()).await;
    let mut asks = JoinSet::new();
    for number in 0..100 {
        let lanes = two.asker.lanes();
        asks.spawn(async move {
            let body = Bytes::from(number.to_string());
            lanes.call(NodeId(2), Lane::Append, 0, body, LONG).await
        });
    }
    eventually("all are handled at once", || two.echo.begun() == 100).await;
    two.echo.gate.add_permits(1);
    assert!(asks.join_next().await.expect("one").expect("no panic").is_ok());
    two.echo.gate.add_permits(99);
    assert!(asks.join_all().await.into_iter().all(|answer| answer.is_ok()));
}

#[tokio::test]
async fn bodies_of_megabytes_arrive_and_larger_ones_are_not_sent() {
    let two = two(None, LaneOptions::default()).await;
    let body = Bytes::from(vec![7; 8 << 20]);
    let answer = two.asker.lanes().call(NodeId(2), Lane::Snapshot, 0, body.clone(), LONG).await;
    assert!(answer.is_ok_and(|answer| answer.ends_with(&body)));
    let limit = LaneOptions::default().frame_bytes_max;
    let body = Bytes::from(vec![0; limit + 1]);
    let refused = two.asker.lanes().call(NodeId(2), Lane::Snapshot, 0, body, LONG).await;
    assert_eq!(refused, Err(WireError::TooLarge { bytes: limit + 1, limit }));
}

/// W4: in messages and in bytes, on the asking side and on the answering side.
#[tokio::test]
async fn past_the_bounds_the_answer_is_busy_at_once() {
    let limits = LaneOptions { in_flight_max: 4, handlers_max: 2, ..LaneOptions::default() };
    let two = two(Some(0), limits).await;
    let mut asks = JoinSet::new();
    for _ in 0..4 {
        let lanes = two.asker.lanes();
        asks.spawn(async move { lanes.call(NodeId(2), Lane::Append, 0, Bytes::new(), LONG).await });
    }
    for _ in 0..2 {
        let busy = asks.join_next().await.expect("one").expect("no panic");
        assert_eq!(busy, Err(WireError::Busy(NodeId(2))), "the answering side is full");
    }
    assert_eq!(two.echo.begun(), 2);
    for _ in 0..2 {
        let lanes = two.asker.lanes();
        asks.spawn(async move { lanes.call(NodeId(2), Lane::Append, 0, Bytes::new(), LONG).await });
    }
    two.echo.gate.add_permits(10);
    let answers = asks.join_all().await;
    assert!(answers.iter().filter(|answer| answer.is_ok()).count() >= 2, "{answers:?}");
}

#[tokio::test]
async fn bytes_that_wait_are_bounded() {
    let limits = LaneOptions { in_flight_bytes_max: 1_000, ..LaneOptions::default() };
    let two = two(None, limits).await;
    let lanes = two.asker.lanes();
    let body = Bytes::from(vec![0; 600]);
    // Futures do nothing before they are polled, so both are taken before anything is written.
    let (first, second) = tokio::join!(
        lanes.call(NodeId(2), Lane::Append, 0, body.clone(), LONG),
        lanes.call(NodeId(2), Lane::Append, 0, body, LONG),
    );
    assert!(first.is_ok());
    assert_eq!(second, Err(WireError::Busy(NodeId(2))));
}

/// W3: nothing closes, nothing answers; calls end by their deadline and the connection is replaced.
#[tokio::test]
async fn a_peer_that_fell_silent_costs_calls_only_their_deadlines() {
    let two = two(None, LaneOptions { silence_ms: 100, ..LaneOptions::default() }).await;
    let proxy = Proxy::to(two.answerer.local_addr()).await;
    two.asker.set_address(NodeId(2), &proxy.addr.to_string());
    assert!(ask(&two.asker, 2, "before").await.is_ok());
    assert_eq!(proxy.connections(), 1);
    proxy.hush();
    let lanes = two.asker.lanes();
    let late = lanes.call(NodeId(2), Lane::Append, 0, Bytes::new(), SHORT).await;
    assert_eq!(late, Err(WireError::Timeout(NodeId(2))));
    // A call that waits longer hears that the connection is given up.
    let broken = ask(&two.asker, 2, "during").await;
    assert!(matches!(broken, Err(WireError::Broken { .. })), "{broken:?}");
    proxy.speak();
    assert_eq!(ask(&two.asker, 2, "after").await, Ok("node-1 Append 3 after".into()));
    assert_eq!(proxy.connections(), 2, "the connection was made anew");
}

#[tokio::test]
async fn a_slow_answer_is_not_taken_for_a_dead_peer() {
    let two = two(Some(0), LaneOptions { silence_ms: 50, ..LaneOptions::default() }).await;
    let lanes = two.asker.lanes();
    let slow = tokio::spawn({
        let lanes = lanes.clone();
        async move { lanes.call(NodeId(2), Lane::Append, 0, Bytes::new(), LONG).await }
    });
    eventually("it is handled", || two.echo.begun() == 1).await;
    for _ in 0..3 {
        let late = lanes.call(NodeId(2), Lane::Append, 0, Bytes::new(), SHORT).await;
        assert_eq!(late, Err(WireError::Timeout(NodeId(2))));
    }
    two.echo.gate.add_permits(10);
    assert!(slow.await.expect("no panic").is_ok(), "the connection still stands");
}

#[tokio::test]
async fn a_node_that_comes_back_is_dialled_again() {
    let mut two = two(None, LaneOptions::default()).await;
    assert!(ask(&two.asker, 2, "before").await.is_ok());
    two.answerer.stop().await;
    let gone = ask(&two.asker, 2, "gone").await.expect_err("nobody is there");
    assert!(matches!(gone, WireError::Unreachable { .. } | WireError::Broken { .. }), "{gone}");
    let mut options = options(Some(two._office.node(2)));
    options.listen = two.answerer.local_addr();
    two.answerer = serve(me(2), options, &two.echo).await;
    let back = async { while ask(&two.asker, 2, "back").await.is_err() {} };
    tokio::time::timeout(LONG, back).await.expect("it is reached again");
}

#[tokio::test]
async fn a_node_that_moved_is_found_at_its_new_address() {
    let two = two(None, LaneOptions::default()).await;
    two.asker.set_address(NodeId(2), "127.0.0.1:1");
    let gone = ask(&two.asker, 2, "gone").await.expect_err("nobody is there");
    assert!(gone.nothing_done(), "{gone}");
    introduce(&two.asker, &two.answerer);
    let found = async { while ask(&two.asker, 2, "found").await.is_err() {} };
    tokio::time::timeout(LONG, found).await.expect("it is found");
}

#[tokio::test]
async fn an_evicted_node_is_not_spoken_to_any_more() {
    let two = two(None, LaneOptions::default()).await;
    assert!(ask(&two.asker, 2, "before").await.is_ok());
    two.asker.evict(NodeId(2));
    assert_eq!(ask(&two.asker, 2, "after").await, Err(WireError::UnknownNode(NodeId(2))));
}

#[tokio::test]
async fn a_guest_asks_without_being_a_member() {
    let office = Office::new(crate::common::CLUSTER);
    let any = impresario_wire::Named { cluster: office.cluster, node: None };
    let guest =
        office.issue("guest", any, impresario_wire::issue::Validity::days(crate::common::now(), 1));
    let host = serve(me(1), options(Some(office.node(1))), &Echo::open()).await;
    let addr = host.local_addr().to_string();
    let (hello, answer) = knock(
        &options(Some(guest)),
        Me::guest(me(5).store),
        &addr,
        Bytes::from_static(b"to join"),
        LONG,
    )
    .await
    .expect("an answer");
    assert_eq!(hello.who, me(1), "the guest learns whom it speaks to");
    assert_eq!(answer, Bytes::from(format!("{} asks to join", me(5).store)));
    let nowhere = options(Some(office.node(1)));
    let nobody = knock(&nowhere, Me::guest(me(5).store), "127.0.0.1:1", Bytes::new(), LONG).await;
    assert!(nobody.is_err());
}
