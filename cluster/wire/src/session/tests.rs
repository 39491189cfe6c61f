//! Two sessions in one process, joined by queues instead of ractor_cluster.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::{NodeId, TraceId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{NotAsked, Session};
use crate::parcel::open;
use crate::{
    Answer, Call, CallHandler, CallKind, CallOptions, CallTransport, Handled, Hello, Item, Me,
    MemoryNet, Outcome, Purpose, RELEASE, StoreId, Target, VERSIONS, WireError,
};

const LONG: Duration = Duration::from_secs(20);

/// Echoes; crashes when it is asked for a view.
struct Echo;

impl CallHandler for Echo {
    fn handle(&self, _: NodeId, call: Call) -> Handled {
        Box::pin(async move {
            assert!(call.kind != CallKind::View, "as was asked for");
            Answer::Done(call.items.into_iter().map(|item| Outcome::Ok(item.body)).collect())
        })
    }
}

fn pair() -> [Arc<Session>; 2] {
    let session = |peer| {
        let who = Me { node: NodeId(peer), ..Me::guest(StoreId::default()) };
        let hello = Hello {
            purpose: Purpose::Calls,
            who,
            run: [0; 16],
            release: RELEASE.to_owned(),
            version: VERSIONS.1,
            token: [0; 16],
        };
        Session::new(&hello, CallOptions::default(), Arc::new(Echo))
    };
    let sessions = [session(2), session(1)];
    for (from, to) in [(0, 1), (1, 0)] {
        let (way, mut arrives) = mpsc::channel::<Vec<u8>>(10_000);
        let receiver = Arc::clone(&sessions[to]);
        tokio::spawn(async move {
            while let Some(parcel) = arrives.recv().await {
                receiver.take(open(&parcel).expect("a parcel").1);
            }
        });
        sessions[from].open(Box::new(move |parcel| way.try_send(parcel).is_ok()));
    }
    sessions
}

fn call(kind: CallKind, bytes: usize) -> Call {
    let items = vec![Item { key: None, body: vec![7; bytes], trace: None }];
    Call { kind, target: Target::Node, items, within_ms: 20_000, trace: TraceId::NIL, hops: 0 }
}

async fn ask(session: &Arc<Session>, body: Vec<u8>) -> Result<Bytes, WireError> {
    match session.ask(body.into(), LONG).await {
        Ok(answer) => Ok(answer),
        Err(NotAsked::Error(error)) => Err(error),
        Err(NotAsked::Leaving) => panic!("it is not leaving"),
    }
}

/// W7: whoever asks what is not understood hears so, and long before the deadline.
#[tokio::test]
async fn what_is_not_understood_and_what_crashes_is_answered() {
    let [first, _second] = pair();
    let unknown_kind = vec![1, 0x82, 9, 0];
    for nonsense in [Vec::new(), vec![2], vec![1, 0xff], unknown_kind] {
        let refused = ask(&first, nonsense).await.expect_err("it is refused");
        assert!(matches!(refused, WireError::Refused { .. }), "{refused}");
    }
    let crashed = ask(&first, call(CallKind::View, 1).encode()).await.expect_err("it crashed");
    assert!(matches!(crashed, WireError::Broken { .. }), "{crashed}");
    assert!(ask(&first, call(CallKind::Commands, 1).encode()).await.is_ok());
}

/// W8: also calls that had only begun to be sent when the other side wanted to part.
#[tokio::test]
async fn parting_waits_for_the_calls_of_both_sides() {
    let [first, second] = pair();
    let mut asks = JoinSet::new();
    for bytes in [1, 200_000, 4 << 20] {
        for session in [&first, &second] {
            let session = Arc::clone(session);
            asks.spawn(
                async move { ask(&session, call(CallKind::Commands, bytes).encode()).await },
            );
        }
    }
    // Every task ran once: its call is taken, and the large ones are not sent yet.
    tokio::task::yield_now().await;
    assert!(first.in_flight() > 0 && second.in_flight() > 0);
    let agreed = tokio::spawn({
        let second = Arc::clone(&second);
        async move {
            second.asked_to_leave().await;
            second.agree_to_part().await;
        }
    });
    tokio::time::timeout(LONG, first.part()).await.expect("it ends");
    first.end("replaced");
    second.end("replaced");
    for answer in asks.join_all().await {
        assert!(answer.is_ok(), "{answer:?}");
    }
    agreed.await.expect("no panic");
    let late = first.ask(Bytes::new(), LONG).await;
    assert!(matches!(late, Err(NotAsked::Leaving)));
}

#[tokio::test]
async fn the_net_in_memory_loses_what_is_cut() {
    let net = MemoryNet::new();
    net.join(NodeId(2), None, Some(Arc::new(Echo)));
    let port = net.port(NodeId(1));
    let ask = |within| CallTransport::call(&port, NodeId(2), call(CallKind::Commands, 1), within);
    assert_eq!(ask(LONG).await, Ok(Answer::Done(vec![Outcome::Ok(vec![7])])));
    for (from, to) in [(1, 2), (2, 1)] {
        net.cut(NodeId(from), NodeId(to));
        let lost = ask(Duration::from_millis(20)).await;
        assert_eq!(lost, Err(WireError::Timeout(NodeId(2))));
        net.heal();
    }
    net.leave(NodeId(2));
    assert!(ask(LONG).await.is_err_and(|error| error.nothing_done()));
}
