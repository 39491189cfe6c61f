//! The edge on a real socket: slow clients, too many clients, the end, TLS, live changes.

use std::net::SocketAddr;
use std::time::Duration;

use impresario_http::{LiveEvent, Options};
use impresario_kernel::Timestamp;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::edge::World;

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), impresario_http::ServeError>>,
}

fn serve(world: &World) -> Served {
    let bound = impresario_http::bind(world.edge.clone()).expect("a free port");
    let address = bound.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(bound.serve(async {
        let _ = stopped.await;
    }));
    Served { address, stop, serving }
}

fn options() -> Options {
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        head_timeout_ms: 200,
        body_timeout_ms: 200,
        connections_max: 3,
        drain_ms: 500,
        ..Options::default()
    }
}

async fn connect(served: &Served, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).await.expect("a connection");
    stream.write_all(text.as_bytes()).await.expect("written");
    stream
}

/// Everything until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut text))
        .await
        .expect("an end");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn slow_heads_and_bodies_are_cut_off() {
    let world = World::with(options()).await;
    let keys = world.tenant("Shop").await;
    let served = serve(&world);
    let mut head = connect(&served, "POST /v1/track HTTP/1.1\r\nhost: x\r\nx-slow").await;
    rest(&mut head).await;
    let mut body = connect(
        &served,
        &format!(
            "POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\
             connection: close\r\n\r\n{{\"a\":",
            keys.write
        ),
    )
    .await;
    let answer = rest(&mut body).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn connections_are_bounded_and_the_rest_is_served() {
    let world = World::with(options()).await;
    let served = serve(&world);
    let healthz = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&served, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.expect("an answer");
        open.push(stream);
    }
    let mut refused = TcpStream::connect(served.address).await.expect("a connection");
    let _ = refused.write_all(healthz.as_bytes()).await;
    assert_eq!(rest(&mut refused).await, "");
    drop(open);
    // A place is free once the server has seen the others go.
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(served.address).await.expect("a connection");
        let _ = stream.write_all(healthz.as_bytes()).await;
        if rest(&mut stream).await.starts_with("HTTP/1.1 200") {
            return;
        }
    }
    panic!("no place became free");
}

#[tokio::test]
async fn the_end_waits_for_open_requests_and_closes_live_ones() {
    let world = World::with(options()).await;
    let keys = world.tenant("Shop").await;
    let served = serve(&world);
    let live = format!(
        "GET /api/v1/live?topics=segments HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        keys.secret
    );
    let mut stream = connect(&served, &live).await;
    let mut heard = String::new();
    while !heard.contains("\r\n\r\n") {
        heard.push_str(&read_some(&mut stream).await);
    }
    assert!(heard.starts_with("HTTP/1.1 200") && heard.contains("text/event-stream"), "{heard}");
    let tenant = keys.tenant.parse().expect("an id");
    let mut event = LiveEvent::new("segment.entered", Timestamp::EPOCH);
    event.data = json!({"name": "Buyers"});
    world.live.publish(tenant, LiveEvent::new("profile.tracked", Timestamp::EPOCH));
    world.live.publish(tenant, event);
    while !heard.contains("Buyers") {
        heard.push_str(&read_some(&mut stream).await);
    }
    assert!(heard.contains("event: change") && !heard.contains("profile.tracked"), "{heard}");
    served.stop.send(()).expect("it serves");
    rest(&mut stream).await;
    served.serving.await.expect("no panic").expect("a clean end");
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody listens any more");
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut bytes)).await;
    let length = read.expect("in time").expect("readable");
    assert!(length > 0, "closed early");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[tokio::test]
async fn a_websocket_is_upgraded_and_told() {
    let world = World::with(options()).await;
    let keys = world.tenant("Shop").await;
    let served = serve(&world);
    let upgrade = format!(
        "GET /ws/realtime HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        keys.secret
    );
    let mut stream = connect(&served, &upgrade).await;
    let mut heard = String::new();
    while !heard.contains("\r\n\r\n") {
        heard.push_str(&read_some(&mut stream).await);
    }
    assert!(heard.starts_with("HTTP/1.1 101"), "{heard}");
    world.live.publish(
        keys.tenant.parse().expect("an id"),
        LiveEvent::new("profile.tracked", Timestamp::EPOCH),
    );
    while !heard.contains("profile.tracked") {
        heard.push_str(&read_some(&mut stream).await);
    }
    let mut plain = connect(
        &served,
        &format!(
            "GET /ws/realtime HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            keys.secret
        ),
    )
    .await;
    let answer = rest(&mut plain).await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[tokio::test]
async fn tls_by_configuration() {
    use std::io::{Read, Write};
    use std::sync::Arc;
    let folder = tempfile::tempdir().expect("a folder");
    let made =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let tls = Some(impresario_http::Tls { certificate, key });
    let world = World::with(Options { tls, head_timeout_ms: 5_000, ..options() }).await;
    let served = serve(&world);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = served.address;
    let answer = tokio::task::spawn_blocking(move || {
        let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
        let client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
        let wire = std::net::TcpStream::connect(address).expect("a connection");
        let mut stream = rustls::StreamOwned::new(client, wire);
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .expect("written");
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    })
    .await
    .expect("no panic");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("strict-transport-security"),
        "{answer}"
    );
}
