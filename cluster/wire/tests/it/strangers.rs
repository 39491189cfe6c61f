//! Who is not let in (W1), and that it holds nobody up (W2).

use std::sync::Arc;
use std::time::Duration;

use impresario_ids::{ClusterId, NodeId};
use impresario_wire::issue::Validity;
use impresario_wire::{
    LaneOptions, Me, Named, Options, Register, StartError, StoreId, TlsError, TlsOptions, Wire,
    WireError,
};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::common::{
    CLUSTER, Echo, LONG, Office, ask, bind, eventually, handlers, introduce, me, now, options,
    serve,
};

/// What a stranger hears that dials node 2.
async fn turned_away(host: &Wire, stranger: Me, tls: Option<TlsOptions>) -> String {
    let stranger = bind(stranger, options(tls)).await;
    introduce(&stranger, host);
    let node = host.me().node;
    match ask(&stranger, node.0, "let me in").await {
        Err(error @ WireError::Unreachable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

async fn host(office: &Office) -> Wire {
    serve(me(2), options(Some(office.node(2))), &Echo::open()).await
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let office = Office::new(CLUSTER);
    let host = host(&office).await;
    // The same cluster id, signed by somebody else.
    let forged = Office::new(CLUSTER);
    let why = turned_away(&host, me(1), Some(forged.node(1))).await;
    assert!(why.contains("certificate"), "{why}");
    let host_kept = serve(me(3), options(Some(office.node(3))), &Echo::open()).await;
    let member = bind(me(1), options(Some(office.node(1)))).await;
    introduce(&member, &host_kept);
    assert!(ask(&member, 3, "a member").await.is_ok(), "members still come in");
}

#[tokio::test]
async fn a_certificate_that_names_another_node_or_nobody_is_refused() {
    let office = Office::new(CLUSTER);
    let host = host(&office).await;
    let wrong =
        Wire::bind(me(4), options(Some(office.node(1))), Arc::new(Register::new(true))).await;
    assert!(matches!(wrong, Err(StartError::NotMine(_))), "a node notices itself: {wrong:?}");
    // One that lies: its certificate names no node, and only such that do are taken.
    let mut strict = options(Some(office.node(2)));
    if let Some(tls) = &mut strict.tls {
        tls.bound_only = true;
    }
    let any = Named { cluster: CLUSTER, node: None };
    let unbound = office.issue("any", any, Validity::days(now(), 1));
    let strict = serve(me(2), strict, &Echo::open()).await;
    let why = turned_away(&strict, me(1), Some(unbound.clone())).await;
    assert!(why.contains("names no node"), "{why}");
    // Otherwise a certificate for any node is one for every node.
    let member = bind(me(1), options(Some(unbound))).await;
    introduce(&member, &host);
    assert!(ask(&member, 2, "any node").await.is_ok());
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let office = Office::new(CLUSTER);
    let host = host(&office).await;
    // It still holds when the node starts and ends two seconds later.
    let soon = Validity { from: now().plus_ms(-60_000), until: now().plus_ms(2_000) };
    let named = Named { cluster: CLUSTER, node: Some(NodeId(1)) };
    let stranger = bind(me(1), options(Some(office.issue("short", named, soon)))).await;
    introduce(&stranger, &host);
    eventually("it expired", || now() > soon.until.plus_ms(1_000)).await;
    let why = ask(&stranger, 2, "late").await.expect_err("it is refused").to_string();
    assert!(why.contains("xpired"), "{why}");
    let start = Wire::bind(
        me(1),
        options(Some(office.issue("short", named, soon))),
        Arc::new(Register::new(true)),
    );
    let start = start.await;
    assert!(matches!(start, Err(StartError::Tls(TlsError::Own(_)))), "{start:?}");
}

#[tokio::test]
async fn another_cluster_is_refused_also_without_certificates() {
    let host = serve(me(2), options(None), &Echo::open()).await;
    let other = Me { cluster: ClusterId::from_bytes([8; 16]), ..me(1) };
    let why = turned_away(&host, other, None).await;
    assert!(why.contains("wrong_cluster"), "{why}");
    let other = Me { partitions: 32, ..me(1) };
    let why = turned_away(&host, other, None).await;
    assert!(why.contains("counts 32 partitions, this cluster has 16"), "{why}");
}

#[tokio::test]
async fn a_removed_node_and_the_copy_of_a_disk_are_refused() {
    let register = Arc::new(Register::new(false));
    let host = Wire::bind(me(2), options(None), Arc::clone(&register) as _).await.expect("bound");
    host.serve_raft(handlers(&Echo::open())).expect("it serves");
    let why = turned_away(&host, me(1), None).await;
    assert!(why.contains("node-1 is not a member"), "{why}");
    register.know(NodeId(1), me(1).store);
    let member = bind(me(1), options(None)).await;
    introduce(&member, &host);
    assert!(ask(&member, 2, "a member").await.is_ok());
    let clone = Me { store: StoreId([99; 16]), ..me(1) };
    let why = turned_away(&host, clone, None).await;
    assert!(why.contains("other_store"), "{why}");
    let twin = Me { store: StoreId([99; 16]), ..me(2) };
    let twin = bind(twin, options(None)).await;
    twin.set_address(NodeId(7), &host.local_addr().to_string());
    let why = ask(&twin, 7, "me too").await.expect_err("it is refused").to_string();
    assert!(why.contains("other_store"), "{why}");
    register.remove(NodeId(1));
    let why = turned_away(&host, me(1), None).await;
    assert!(why.contains("removed_node"), "{why}");
}

#[tokio::test]
async fn another_node_at_the_address_is_not_spoken_to() {
    let host = serve(me(2), options(None), &Echo::open()).await;
    let asker = bind(me(1), options(None)).await;
    asker.set_address(NodeId(3), &host.local_addr().to_string());
    let why = ask(&asker, 3, "node 3?").await.expect_err("it is another").to_string();
    assert!(why.contains("node-2 answered, node-3 was wanted"), "{why}");
}

#[tokio::test]
async fn the_options_are_held_against_each_other() {
    let start = |options: Options| Wire::bind(me(1), options, Arc::new(Register::new(true)));
    let open = Options { listen: "0.0.0.0:0".parse().expect("an address"), ..options(None) };
    assert!(
        matches!(start(open).await, Err(StartError::Options(error)) if error.option == "plain")
    );
    let office = Office::new(ClusterId::from_bytes([9; 16]));
    let other = start(options(Some(office.node(1)))).await;
    assert!(matches!(other, Err(StartError::NotMine(_))), "{other:?}");
    let missing = TlsOptions::files("a.pem".into(), "b.pem".into(), "c.pem".into());
    assert!(matches!(start(options(Some(missing))).await, Err(StartError::Tls(_))));
}

/// W2: connections that say nothing are dropped, the oldest first, and members come in meanwhile.
#[tokio::test]
async fn silent_strangers_hold_nobody_up() {
    let office = Office::new(CLUSTER);
    let mut crowded = options(Some(office.node(2)));
    (crowded.half_open_max, crowded.handshake_ms) = (8, 60_000);
    let host = serve(me(2), crowded, &Echo::open()).await;
    let mut strangers = Vec::new();
    for _ in 0..50 {
        strangers.push(TcpStream::connect(host.local_addr()).await.expect("it is accepted"));
    }
    let member = bind(me(1), options(Some(office.node(1)))).await;
    introduce(&member, &host);
    assert!(ask(&member, 2, "a member").await.is_ok());
    // All but the last eight were closed; one of those made room for the member.
    for stranger in &mut strangers[..42] {
        let closed = tokio::time::timeout(LONG, stranger.read(&mut [0; 64])).await;
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
    }
}

#[tokio::test]
async fn a_stranger_that_says_nothing_is_dropped_in_time() {
    let host = Options { handshake_ms: 50, ..options(None) };
    let host = serve(me(2), host, &Echo::open()).await;
    let mut silent = TcpStream::connect(host.local_addr()).await.expect("it is accepted");
    let mut heard = Vec::new();
    let closed = tokio::time::timeout(LONG, silent.read_to_end(&mut heard)).await;
    assert!(closed.is_ok(), "it is closed");
}

#[tokio::test]
async fn what_is_not_the_protocol_is_refused() {
    use tokio::io::AsyncWriteExt;
    let host = serve(me(2), options(None), &Echo::open()).await;
    for nonsense in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"IMPR\x01\x01\xff\xff", b"IMPR\x01\x01\x02\x00ab"]
    {
        let mut stranger = TcpStream::connect(host.local_addr()).await.expect("it is accepted");
        stranger.write_all(nonsense).await.expect("it is sent");
        let mut heard = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(2), stranger.read_to_end(&mut heard));
        assert!(read.await.is_ok(), "it is closed well before the handshake's limit");
    }
    let asker = bind(me(1), Options { lanes: LaneOptions::default(), ..options(None) }).await;
    introduce(&asker, &host);
    assert!(ask(&asker, 2, "still there").await.is_ok());
}
