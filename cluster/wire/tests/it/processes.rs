//! Entity calls between real processes: ractor's registries are the process's, so each node needs
//! its own. A node is this test binary, started again for the one test [`crate::process::a_node`].

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::common::{CLUSTER, LONG, Office, eventually};
use crate::process::NODE;
use crate::proxy::Proxy;

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
            .args(["--exact", "process::a_node", "--nocapture"])
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

    /// How many calls have begun.
    async fn count(&self) -> usize {
        let state = self.order("state").await;
        let begun = state.split(' ').next().and_then(|word| word.strip_prefix("begun="));
        begun.and_then(|count| count.parse().ok()).expect("a count")
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

/// The gateway is watched over: what it carried breaks, and is carried again soon.
#[tokio::test]
async fn a_gateway_that_dies_is_started_again() {
    let Two { first, second, office: _office, proxy: _proxy } = two(4_096).await;
    for (dies, lives) in [(&first, &second), (&second, &first), (&second, &first)] {
        let before = dies.count().await;
        let held = {
            let (dies, lives) = (Arc::clone(dies), Arc::clone(lives));
            tokio::spawn(async move { lives.ask(&dies, "hold", 1).await })
        };
        dies.begun(before + 1).await;
        assert_eq!(dies.order("crash").await, "1");
        let broken = held.await.expect("no panic");
        assert!(broken.starts_with("error Broken"), "{broken}");
        lives.reaches(dies).await;
        dies.reaches(lives).await;
    }
}

/// The call was handled: that must not look as if it could be asked again elsewhere.
#[tokio::test]
async fn an_answer_that_is_too_large_says_nothing_of_the_call() {
    let Two { first, second, office: _office, proxy: _proxy } = two(4_096).await;
    let answer = first.ask(&second, "swell", 1).await;
    assert!(answer.starts_with("error Refused") && answer.contains("answer"), "{answer}");
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
