use std::io;

use impresario_ids::NodeId;
use impresario_redb::{Mark, ReplicaError, ReplicaStore, SnapshotInstall};

use crate::group::Group;
use crate::machine::{Rows, blocking, meta};
use crate::message::{Piece, Taken};
use crate::stored::Applied;
use crate::types::{Snapshot, Vote};

/// The snapshot that a replica is being sent.
#[derive(Default)]
pub(crate) struct Incoming(Option<Session>);

struct Session {
    mark: Mark,
    install: Box<SnapshotInstall>,
}

/// Takes a piece. Must run to its end even if nobody waits for it any more. Pieces of a group come one by one: the lock is held until the piece is at the
/// disk, and at the end until the snapshot is in place, so an impatient sender's next question
/// finds what became of the last.
///
/// # Errors
/// If the piece does not fit or the store fails. The sender asks again which piece is wanted.
pub(crate) async fn take(group: &Group, from: NodeId, piece: Piece) -> Result<Taken, io::Error> {
    let mut incoming = group.incoming.lock().await;
    group.reached.write(|| Ok(())).map_err(io::Error::other)?;
    if let Some(vote) = group.log.vote()
        && vote > piece.vote
    {
        return Ok(Taken::Higher(vote));
    }
    let applied = group.store.applied(group.id).map_err(io::Error::other)?;
    if applied.is_some_and(|applied| applied.index >= piece.mark.index) {
        incoming.0 = None;
        group.traffic.installed();
        return Ok(Taken::Installed(piece.vote));
    }
    // The store has one installation per group: another one ends before this one begins.
    let kept = incoming.0.take().filter(|session| session.mark == piece.mark);
    let mut session = match kept {
        Some(session) => session,
        None => open(&group.store, group.id, piece.mark).await?,
    };
    let mut refused = None;
    let mut length = 0;
    if let Some(chunk) = piece.bytes
        && !session.install.is_complete()
    {
        length = chunk.len();
        let mut install = session.install;
        let written = blocking(move || {
            let outcome = install.write(&chunk);
            Ok((install, outcome))
        });
        let (install, outcome) = written.await?;
        session.install = install;
        refused = outcome.err();
    }
    let (next, index) = (session.install.next(), session.mark.index);
    group.traffic.received(from, index, next, length);
    match refused {
        // Not the one that is wanted; the answer says which is.
        Some(ReplicaError::Chunk(why)) => {
            tracing::debug!(group = group.id, why, "a piece of a snapshot is refused");
        }
        Some(error) => return Err(io::Error::other(error)),
        None => {}
    }
    if !session.install.is_complete() {
        incoming.0 = Some(session);
        return Ok(Taken::Next(next));
    }
    let installed = install(group, session, piece.vote).await;
    group.traffic.installed();
    installed
}

async fn open(store: &ReplicaStore, group: u16, mark: Mark) -> Result<Session, io::Error> {
    let store = store.clone();
    blocking(move || {
        let install = Box::new(store.install(group, &mark)?);
        Ok(Session { mark, install })
    })
    .await
}

async fn install(group: &Group, session: Session, vote: Vote) -> Result<Taken, io::Error> {
    let applied = Applied::of(Some(&session.mark)).map_err(io::Error::other)?;
    tracing::info!(group = group.id, index = session.mark.index, "a snapshot has arrived");
    let snapshot = Snapshot { meta: meta(&applied), snapshot: Rows::Staged(session.install) };
    let answer = group.raft.install_full_snapshot(vote, snapshot).await;
    let answer = answer.map_err(io::Error::other)?;
    if answer.vote > vote { Ok(Taken::Higher(answer.vote)) } else { Ok(Taken::Installed(vote)) }
}
