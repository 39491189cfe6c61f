//! A node in a process of its own, and what it obeys.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use impresario_ids::{NodeId, TraceId};
use impresario_wire::{
    Answer, Call, CallHandler, CallKind, CallTransport, Handled, Handlers, Item, Outcome, Register,
    Target, Wire, WireError,
};
use tokio::sync::{Semaphore, mpsc};

use crate::common::{Echo, LONG, eventually, handlers, me, options};

/// Set for the processes that are nodes: number, port, folder, calls handled at a time.
pub(crate) const NODE: &str = "IMPRESARIO_WIRE_NODE";

/// Commands are echoed, queries wait until they are released, controls say who asked.
#[derive(Clone)]
struct Handler(Arc<Inner>);

struct Inner {
    released: Semaphore,
    begun: AtomicUsize,
}

impl CallHandler for Handler {
    fn handle(&self, from: NodeId, call: Call) -> Handled {
        let handler = Arc::clone(&self.0);
        Box::pin(async move {
            handler.begun.fetch_add(1, Ordering::SeqCst);
            match call.kind {
                CallKind::Query => handler.released.acquire().await.expect("never closed").forget(),
                CallKind::Control if call.target == Target::Partition(0) => {
                    return Answer::Done(vec![Outcome::Ok(vec![1; 17 << 20])]);
                }
                CallKind::Control => {
                    return Answer::NotLeader { leader: Some(from), term: u64::from(call.hops) };
                }
                CallKind::View => panic!("views are not answered here"),
                CallKind::Commands => {}
            }
            Answer::Done(call.items.into_iter().map(|item| Outcome::Ok(item.body)).collect())
        })
    }
}

/// Not a test of its own: a node, when it is started as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node() {
    let Some(told) = std::env::var_os(NODE) else { return };
    let told = told.into_string().expect("text");
    let told: Vec<&str> = told.split(' ').collect();
    let [node, port, folder, handlers_max] = told[..] else { panic!("four words: {told:?}") };
    let node: u64 = node.parse().expect("a number");
    let mut tls = impresario_wire::TlsOptions::files(
        format!("{folder}/node-{node}-ca.pem").into(),
        format!("{folder}/node-{node}.pem").into(),
        format!("{folder}/node-{node}-key.pem").into(),
    );
    (tls.check_ms, tls.old_connections_ms) = (0, 20);
    let mut options = options(Some(tls));
    options.listen.set_port(port.parse().expect("a port"));
    options.calls.handlers_max = handlers_max.parse().expect("a number");
    let wire = Wire::bind(me(node), options, Arc::new(Register::new(true))).await.expect("bound");
    let inner = Inner { released: Semaphore::new(0), begun: AtomicUsize::new(0) };
    let handler = Handler(Arc::new(inner));
    let calls = Arc::new(handler.clone()) as Arc<dyn CallHandler>;
    wire.serve(Handlers { calls, ..handlers(&Echo::open()) }).await.expect("it serves");
    say(&format!("0 {}", wire.local_addr()));
    obey(&wire, &handler.0, orders()).await;
    wire.stop().await;
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn say(text: &str) {
    println!("@ {text}");
}

/// What the parent says, until it says nothing more.
fn orders() -> mpsc::Receiver<String> {
    let (orders, heard) = mpsc::channel(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if orders.blocking_send(line).is_err() {
                return;
            }
        }
    });
    heard
}

async fn obey(wire: &Wire, handler: &Inner, mut orders: mpsc::Receiver<String>) {
    while let Some(line) = orders.recv().await {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().expect("a number");
        match words[0] {
            "address" => wire.set_address(NodeId(number(2)), words[3]),
            "evict" => wire.evict(NodeId(number(2))),
            "release" => {
                handler.released.add_permits(usize::try_from(number(2)).expect("small"));
            }
            "race" => say(&format!("{} {}", number(1), race(wire, NodeId(number(2))).await)),
            "crash" => say(&format!("{} {}", number(1), crash(wire.me().node))),
            "reload" => say(&format!("{} {:?}", number(1), wire.reload())),
            "state" => say(&format!("{} {}", number(1), state(wire, handler))),
            "ask" => {
                let (calls, id, to) = (wire.calls(), number(1), NodeId(number(2)));
                let call = call_of(words[3], usize::try_from(number(4)).expect("small"));
                let within = Duration::from_millis(number(5));
                let sent = call.items.clone();
                let called = calls.call(to, call, within);
                tokio::spawn(async move { say(&format!("{id} {}", told(called.await, &sent))) });
            }
            other => panic!("what is {other}?"),
        }
    }
}

fn call_of(what: &str, bytes: usize) -> Call {
    let kind = match what {
        "echo" => CallKind::Commands,
        "hold" => CallKind::Query,
        "crash" => CallKind::View,
        _ => CallKind::Control,
    };
    let pattern: Vec<u8> = (0..251).collect();
    let mut body = pattern.repeat(bytes / 251 + 1);
    body.truncate(bytes);
    let items = vec![Item { key: Some([1; 16]), body, trace: None }];
    let target = if what == "swell" { Target::Partition(0) } else { Target::Node };
    Call { kind, target, items, within_ms: 0, trace: TraceId::NIL, hops: 3 }
}

/// How many of four large calls are done when two short ones, asked later, are. What stands before
/// a short one is counted in the tests of the link; here is sixty times as much on the way as that.
async fn race(wire: &Wire, to: NodeId) -> String {
    let calls = wire.calls();
    let large: Vec<_> =
        (0..4).map(|_| tokio::spawn(calls.call(to, call_of("echo", 15 << 20), LONG))).collect();
    eventually("they are under way", || wire.peers()[0].in_flight == 4).await;
    for _ in 0..2 {
        let short = calls.call(to, call_of("echo", 100), LONG).await;
        assert!(matches!(short, Ok(Answer::Done(_))), "{short:?}");
    }
    let done = large.iter().filter(|large| large.is_finished()).count();
    for large in large {
        let answer = large.await.expect("no panic");
        assert!(matches!(answer, Ok(Answer::Done(_))), "a large call is lost");
    }
    format!("{done} of 4 large ones were done")
}

/// Kills the gateway of this process, as a bug in it would.
fn crash(node: NodeId) -> usize {
    let gateways = ractor_net::pg::get_members(&format!("impresario-gateway/{node}"));
    let own: Vec<_> = gateways.into_iter().filter(|cell| cell.get_id().is_local()).collect();
    own.iter().for_each(|cell| cell.kill());
    own.len()
}

fn told(answer: Result<Answer, WireError>, sent: &[Item]) -> String {
    match answer {
        Ok(Answer::Done(outcomes)) => {
            let same = outcomes.len() == sent.len()
                && outcomes.iter().zip(sent).all(
                    |(outcome, item)| matches!(outcome, Outcome::Ok(body) if *body == item.body),
                );
            if same { "ok".into() } else { "another body".into() }
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("error {error:?}"),
    }
}

fn state(wire: &Wire, handler: &Inner) -> String {
    let mut text = format!("begun={}", handler.begun.load(Ordering::SeqCst));
    for peer in wire.peers() {
        let _ = write!(text, " {}={}:{}", peer.node, peer.connected, peer.in_flight);
    }
    text
}
