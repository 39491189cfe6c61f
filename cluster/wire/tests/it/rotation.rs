//! W8: certificates are replaced while calls go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use impresario_ids::NodeId;
use impresario_wire::issue::Validity;
use impresario_wire::{Named, TlsError};

use crate::common::{
    CLUSTER, Echo, Office, ask, bind, eventually, introduce, me, now, options, serve,
};
use crate::proxy::Proxy;

#[tokio::test]
async fn calls_go_on_while_the_authority_and_all_certificates_are_replaced() {
    let (old, new) = (Office::new(CLUSTER), Office::new(CLUSTER));
    let with = |node| {
        let mut options = options(Some(old.node(node)));
        if let Some(tls) = &mut options.tls {
            tls.old_connections_ms = 20;
        }
        options
    };
    let host = serve(me(2), with(2), &Echo::open()).await;
    let proxy = Proxy::to(host.local_addr()).await;
    let asker = Arc::new(bind(me(1), with(1)).await);
    asker.set_address(NodeId(2), &proxy.addr.to_string());
    let (done, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let (asker, done, answered) =
                (Arc::clone(&asker), Arc::clone(&done), Arc::clone(&answered));
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    ask(&asker, 2, "on and on").await.expect("no call is lost");
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    eventually("calls go on", || answered.load(Ordering::SeqCst) > 20).await;

    let wires = [(&host, 2), (&*asker, 1)];
    let mut connections = proxy.connections();
    for step in 0..3 {
        for (wire, node) in wires {
            replace(&old, &new, node, step);
            assert!(wire.reload().expect("good certificates"), "they changed");
            assert!(!wire.reload().expect("good certificates"), "they did not change again");
        }
        eventually("a new connection is made", || proxy.connections() > connections).await;
        connections = proxy.connections();
        let before = answered.load(Ordering::SeqCst);
        eventually("calls go on", || answered.load(Ordering::SeqCst) > before + 20).await;
    }
    done.store(true, Ordering::SeqCst);
    for task in asking {
        task.await.expect("no call is lost");
    }
    let outsider = bind(me(3), options(Some(Office::new(CLUSTER).node(3)))).await;
    introduce(&outsider, &host);
    assert!(ask(&outsider, 2, "x").await.is_err());
}

/// First both authorities are trusted, then certificates of the new one are shown, then only the new
/// one is trusted.
fn replace(old: &Office, new: &Office, node: u64, step: usize) {
    let write = |file: String, text: &str| {
        std::fs::write(old.folder.path().join(file), text).expect("written");
    };
    let authorities = old.authority.certificate.clone() + &new.authority.certificate;
    match step {
        0 => write(format!("node-{node}-ca.pem"), &authorities),
        1 => {
            let renewed = new.node(node);
            for (from, to) in [(renewed.key, "-key.pem"), (renewed.certificate, ".pem")] {
                let to = old.folder.path().join(format!("node-{node}{to}"));
                std::fs::copy(from, to).expect("copied");
            }
        }
        _ => write(format!("node-{node}-ca.pem"), &new.authority.certificate),
    }
}

#[tokio::test]
async fn new_certificates_that_cannot_be_used_leave_the_old_ones_in_use() {
    let office = Office::new(CLUSTER);
    let host = serve(me(2), options(Some(office.node(2))), &Echo::open()).await;
    let certificate = office.folder.path().join("node-2.pem");
    std::fs::write(&certificate, "-----BEGIN CERTI").expect("written");
    assert!(matches!(host.reload(), Err(TlsError::File { .. })));
    // Another key pair's certificate.
    office.node(4);
    std::fs::copy(office.folder.path().join("node-4.pem"), &certificate).expect("copied");
    assert!(matches!(host.reload(), Err(TlsError::Own(_))), "it does not belong to the key");
    let other = Named { cluster: CLUSTER, node: Some(NodeId(9)) };
    office.issue("node-2", other, Validity::days(now(), 1));
    assert!(matches!(host.reload(), Err(TlsError::Renamed { .. })), "it is another node's");
    let asker = bind(me(1), options(Some(office.node(1)))).await;
    introduce(&asker, &host);
    assert!(ask(&asker, 2, "still there").await.is_ok());
}
