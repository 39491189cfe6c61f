//! Entity calls between real processes: ractor's registries are the process's, so each node needs
//! its own. A node is this test binary, started again for the one test [`a_node`].

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use impresario_ids::{NodeId, TraceId};
use impresario_wire::{
    Answer, Call, CallHandler, CallKind, CallTransport, Handled, Handlers, Item, Outcome, Register,
    Target, Wire, WireError,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::common::{CLUSTER, Echo, LONG, Office, eventually, handlers, me, options};
use crate::proxy::Proxy;

/// Set for the processes that are nodes: number, port, folder, calls handled at a time.
const NODE: &str = "IMPRESARIO_WIRE_NODE";

// The node's side.

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

fn call_of(kind: &str, bytes: usize) -> Call {
    let kind = match kind {
        "echo" => CallKind::Commands,
        "hold" => CallKind::Query,
        "crash" => CallKind::View,
        _ => CallKind::Control,
    };
    let pattern: Vec<u8> = (0..251).collect();
    let mut body = pattern.repeat(bytes / 251 + 1);
    body.truncate(bytes);
    let items = vec![Item { key: Some([1; 16]), body, trace: None }];
    Call { kind, target: Target::Node, items, within_ms: 0, trace: TraceId::NIL, hops: 3 }
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

// The test's side.

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<String>>>>;

struct Node {
    node: u64,
    addr: SocketAddr,
    child: Child,
    orders: tokio::sync::Mutex<ChildStdin>,
    waiting: Waiting,
    next: AtomicU64,
}

impl Node {
    async fn start(office: &Office, node: u64, port: u16, handlers_max: usize) -> Arc<Self> {
        let folder = office.folder.path().display();
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "processes::a_node", "--nocapture"])
            .env(NODE, format!("{node} {port} {folder} {handlers_max}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let orders = tokio::sync::Mutex::new(child.stdin.take().expect("piped"));
        let (hears, waiting) = (oneshot::channel(), Waiting::default());
        waiting.lock().expect("sound").insert(0, hears.0);
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let told = Arc::clone(&waiting);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let Some((_, said)) = line.split_once("@ ") else { continue };
                let (id, said) = said.split_once(' ').expect("a number first");
                let id = id.parse().expect("a number");
                let waiter = told.lock().expect("sound").remove(&id).expect("somebody waits");
                let _ = waiter.send(said.to_owned());
            }
        });
        let addr = hears.1.await.expect("it says its address").parse().expect("an address");
        Arc::new(Self { node, addr, child, orders, waiting, next: AtomicU64::new(1) })
    }

    async fn order(&self, order: &str) -> String {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        let (waiter, answer) = oneshot::channel();
        self.waiting.lock().expect("sound").insert(id, waiter);
        let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
        let line = format!("{verb} {id} {rest}\n");
        self.orders.lock().await.write_all(line.trim_start().as_bytes()).await.expect("it listens");
        if ["address", "evict", "release"].contains(&verb) {
            return String::new();
        }
        tokio::time::timeout(2 * LONG, answer).await.expect("in time").unwrap_or_default()
    }

    async fn ask(&self, to: &Self, what: &str, bytes: usize) -> String {
        self.order(&format!("ask {} {what} {bytes} 20000", to.node)).await
    }

    async fn meets(&self, other: &Self, at: SocketAddr) {
        self.order(&format!("address {} {at}", other.node)).await;
    }

    /// Waits until calls to the other get through.
    async fn reaches(&self, other: &Self) {
        let asking = async { while self.ask(other, "echo", 1).await != "ok" {} };
        tokio::time::timeout(LONG, asking).await.expect("it is reached");
    }

    async fn begun(&self, count: usize) {
        let want = format!("begun={count}");
        let looking = async { while self.order("state").await.split(' ').next() != Some(&want) {} };
        tokio::time::timeout(LONG, looking).await.expect("calls begin");
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it lives").to_string();
        let sent = Command::new("kill").args([signal, &id]).status().await.expect("kill runs");
        assert!(sent.success());
    }
}

struct Two {
    office: Office,
    first: Arc<Node>,
    second: Arc<Node>,
    proxy: Proxy,
}

/// Two nodes; the first, whose number is lower, dials the second through a proxy.
async fn two(handlers_max: usize) -> Two {
    let office = Office::new(CLUSTER);
    office.node(1);
    office.node(2);
    let first = Node::start(&office, 1, 0, handlers_max).await;
    let second = Node::start(&office, 2, 0, handlers_max).await;
    let proxy = Proxy::to(second.addr).await;
    second.meets(&first, first.addr).await;
    first.meets(&second, proxy.addr).await;
    first.reaches(&second).await;
    second.reaches(&first).await;
    Two { office, first, second, proxy }
}

#[tokio::test]
async fn calls_of_all_sizes_go_both_ways() {
    let Two { first, second, office: _office, proxy: _proxy } = two(4_096).await;
    for (from, to) in [(&first, &second), (&second, &first)] {
        for bytes in [0, 1, 64 << 10, (64 << 10) + 1, 8 << 20, 15 << 20] {
            assert_eq!(from.ask(to, "echo", bytes).await, "ok", "{bytes} bytes");
        }
        let large = from.ask(to, "echo", 17 << 20).await;
        assert!(large.starts_with("error TooLarge"), "{large}");
        let hint = format!("NotLeader {{ leader: Some(NodeId({})), term: 3 }}", from.node);
        assert_eq!(from.ask(to, "who", 1).await, hint, "the sender is known, and the hops");
        let crash = from.ask(to, "crash", 1).await;
        assert!(crash.starts_with("error Broken"), "{crash}");
    }
    let unknown = first.order("ask 9 echo 1 1000").await;
    assert_eq!(unknown, "error UnknownNode(NodeId(9))");
    assert_eq!(first.order("ask 1 echo 1 1000").await, "ok", "a node may ask itself");
    let late = first.order("ask 2 hold 1 50").await;
    assert_eq!(late, "error Timeout(NodeId(2))");
}

#[tokio::test]
async fn three_nodes_all_reach_each_other() {
    let office = Office::new(CLUSTER);
    let mut nodes = Vec::new();
    for node in [1, 2, 3] {
        office.node(node);
        nodes.push(Node::start(&office, node, 0, 4_096).await);
    }
    for from in &nodes {
        for to in &nodes {
            from.meets(to, to.addr).await;
        }
    }
    for from in &nodes {
        for to in &nodes {
            from.reaches(to).await;
        }
    }
}

/// W5, counted: short asks, one after the other, are done while large ones are on their way.
#[tokio::test]
async fn short_asks_overtake_large_ones() {
    let Two { first, second, office: _office, proxy: _proxy } = two(4_096).await;
    assert_eq!(first.order("race 2").await, "0 of 4 large ones were done");
    assert_eq!(second.order("race 1").await, "0 of 4 large ones were done");
}

/// W3 and W4: nothing is closed, nothing is carried. Whoever waits hears of it without the deadline,
/// and what is asked then is refused at once.
#[tokio::test]
async fn a_peer_in_a_black_hole_fails_calls_long_before_their_deadline() {
    let Two { first, second, office: _office, proxy } = two(4_096).await;
    let mut waiting = JoinSet::new();
    for (from, to) in [(&first, &second), (&second, &first)] {
        for bytes in [1, 1 << 20] {
            let (from, to) = (Arc::clone(from), Arc::clone(to));
            waiting.spawn(async move { from.ask(&to, "hold", bytes).await });
        }
    }
    first.begun(3).await;
    second.begun(3).await;
    proxy.hush();
    let begun = tokio::time::Instant::now();
    for answer in waiting.join_all().await {
        assert!(answer.starts_with("error Broken"), "{answer}");
    }
    assert!(begun.elapsed() < LONG / 2, "they waited for their deadline: {:?}", begun.elapsed());
    let down = first.ask(&second, "echo", 1).await;
    assert!(down.starts_with("error Unreachable"), "{down}");
    let mut flood = JoinSet::new();
    for _ in 0..2_000 {
        let (first, second) = (Arc::clone(&first), Arc::clone(&second));
        flood.spawn(async move { first.ask(&second, "echo", 10_000).await });
    }
    for answer in flood.join_all().await {
        assert!(answer.starts_with("error Unreachable"), "nothing is kept for it: {answer}");
    }
    proxy.speak();
    first.reaches(&second).await;
    second.reaches(&first).await;
}

#[tokio::test]
async fn a_stopped_process_is_found_dead_and_comes_back() {
    let Two { first, second, office: _office, proxy: _proxy } = two(4_096).await;
    let held = tokio::spawn({
        let (first, second) = (Arc::clone(&first), Arc::clone(&second));
        async move { first.ask(&second, "hold", 1).await }
    });
    second.begun(2).await;
    second.signal("-STOP").await;
    // What is asked before it is known to be dead is bounded as ever, and fails with the rest.
    let mut flood = JoinSet::new();
    for _ in 0..100 {
        let (first, second) = (Arc::clone(&first), Arc::clone(&second));
        flood.spawn(async move { first.ask(&second, "echo", 60_000).await });
    }
    for answer in flood.join_all().await.into_iter().chain([held.await.expect("no panic")]) {
        let failed =
            ["error Broken", "error Unreachable"].iter().any(|error| answer.starts_with(error));
        assert!(failed, "{answer}");
    }
    second.signal("-CONT").await;
    first.reaches(&second).await;
    second.reaches(&first).await;
}

#[tokio::test]
async fn a_killed_process_fails_calls_at_once_and_its_successor_is_found() {
    let Two { office, first, second, proxy: _proxy } = two(4_096).await;
    let held = tokio::spawn({
        let (first, second) = (Arc::clone(&first), Arc::clone(&second));
        async move { first.ask(&second, "hold", 1).await }
    });
    second.begun(2).await;
    second.signal("-KILL").await;
    let broken = held.await.expect("no panic");
    assert!(broken.starts_with("error Broken"), "{broken}");
    let port = second.addr.port();
    drop(second);
    let second = Node::start(&office, 2, port, 4_096).await;
    second.meets(&first, first.addr).await;
    first.reaches(&second).await;
    second.reaches(&first).await;
}

/// W6: a copy of a node's disk, started beside it, is told from the node that started again.
#[tokio::test]
async fn a_copy_of_a_nodes_disk_stays_outside_while_the_node_lives() {
    let Two { office, first, second, proxy } = two(4_096).await;
    // The same number, the same data folder, another process, which dials the same peer.
    let copy = Node::start(&office, 1, 0, 4_096).await;
    copy.meets(&second, second.addr).await;
    let refused = async {
        loop {
            let answer = copy.ask(&second, "echo", 1).await;
            if answer.contains("refused by the other side (twin)") {
                return;
            }
            assert!(answer.starts_with("error Unreachable"), "{answer}");
        }
    };
    tokio::time::timeout(LONG, refused).await.expect("it is refused");
    assert_eq!(first.ask(&second, "echo", 1).await, "ok", "the node goes on");
    proxy.hush();
    copy.reaches(&second).await;
}

#[tokio::test]
async fn a_peer_with_too_much_to_do_refuses_at_once() {
    let Two { first, second, office: _office, proxy: _proxy } = two(2).await;
    let mut held = JoinSet::new();
    for _ in 0..4 {
        let (first, second) = (Arc::clone(&first), Arc::clone(&second));
        held.spawn(async move { first.ask(&second, "hold", 1).await });
    }
    for _ in 0..2 {
        let busy = held.join_next().await.expect("one").expect("no panic");
        assert_eq!(busy, "error Busy(NodeId(2))");
    }
    second.order("release 2").await;
    assert_eq!(held.join_all().await, ["ok", "ok"]);
}

/// W8: the connection of entity calls is replaced in between them.
#[tokio::test]
async fn certificates_are_replaced_without_losing_a_call() {
    let Two { office, first, second, proxy } = two(4_096).await;
    let (done, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut asking = JoinSet::new();
    for (from, to) in [(&first, &second), (&second, &first)] {
        for bytes in [10, 200_000] {
            let (from, to) = (Arc::clone(from), Arc::clone(to));
            let (done, answered) = (Arc::clone(&done), Arc::clone(&answered));
            asking.spawn(async move {
                while done.load(Ordering::SeqCst) == 0 {
                    assert_eq!(from.ask(&to, "echo", bytes).await, "ok", "no call is lost");
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    }
    for (round, node) in [&first, &second].into_iter().enumerate() {
        let before = (proxy.connections(), answered.load(Ordering::SeqCst));
        office.node(node.node);
        assert_eq!(node.order("reload").await, "Ok(true)");
        eventually("a new connection is made", || proxy.connections() > before.0).await;
        let enough = before.1 + 50;
        eventually("calls go on", || answered.load(Ordering::SeqCst) > enough).await;
        assert_eq!(proxy.connections(), before.0 + 1, "one new connection in round {round}");
    }
    done.store(1, Ordering::SeqCst);
    for ended in asking.join_all().await {
        let () = ended;
    }
}
