//! Nodes, partitions, settings of the cluster.

use axum::response::Response;
use impresario_api::{
    ClusterSettings, DrainNode, Insist, MoveReplica, PinZone, PlaceTenant, RecoverQuorum,
    TransferLeader,
};

use super::{AdminQuery, Anything, CHANGING, NODE_PARAM, act, node_of, post, read, wrong};
use crate::auth::Access;
use crate::call::Call;
use crate::fault::Fault;
use crate::port::{AdminAsk, Place};
use crate::route::{Param, Route};

const DIGEST: Param = Param::text(
    "digest",
    "`true`: with a hash over all rows, which is equal on replicas that applied equally much.",
);

pub(in crate::routes) const ROUTES: &[Route] = &[
    read("/admin/v1/cluster", |call| Box::pin(cluster(call)), "The cluster at a glance")
        .query(&[NODE_PARAM]),
    Route::patch("/admin/v1/cluster/settings", Access::Root, |call| Box::pin(settings(call)))
        .doc("Operators", "Change settings of the cluster", "")
        .takes::<ClusterSettings>()
        .gives::<Anything>()
        .codes(CHANGING),
    act(
        "/admin/v1/cluster/rebalance",
        |call| Box::pin(rebalance(call)),
        "Compute anew where replicas and leaders should be",
    ),
    post(
        "/admin/v1/cluster/recover",
        |call| Box::pin(recover(call)),
        "Go on without a lost quorum; acknowledged commits may be missing",
    )
    .takes::<RecoverQuorum>(),
    read("/admin/v1/peers", |call| Box::pin(peers(call)), "The other nodes as one node sees them")
        .query(&[NODE_PARAM]),
    post("/admin/v1/nodes/{node}/drain", |call| Box::pin(drain(call)), "Move leaders off a node")
        .takes::<DrainNode>(),
    act(
        "/admin/v1/nodes/{node}/resume",
        |call| Box::pin(resume(call)),
        "End a drain, or take a leave back",
    ),
    post(
        "/admin/v1/nodes/{node}/leave",
        |call| Box::pin(leave(call)),
        "Move everything off a node, for good",
    )
    .takes::<Insist>(),
    post("/admin/v1/nodes/{node}/remove", |call| Box::pin(remove(call)), "Give a dead node up")
        .takes::<Insist>(),
    Route::put("/admin/v1/nodes/{node}/zone", Access::Root, |call| Box::pin(zone(call)))
        .doc("Operators", "Say where a node stands", "")
        .takes::<PinZone>()
        .gives::<Anything>()
        .codes(CHANGING),
    Route::put("/admin/v1/tenants/{tenant}/zone", Access::Root, |call| Box::pin(place(call)))
        .doc(
            "Operators",
            "Say in which zone a tenant is best served",
            "Its settings, keys and segments are then decided there, if that leaves the leaders \
             balanced. Its profiles are spread over all partitions, whatever is said.",
        )
        .takes::<PlaceTenant>()
        .gives::<Anything>()
        .codes(CHANGING),
    read(
        "/admin/v1/partitions",
        |call| Box::pin(partitions(call)),
        "All partitions as one node sees them",
    )
    .query(&[NODE_PARAM, DIGEST]),
    read(
        "/admin/v1/partitions/{partition}",
        |call| Box::pin(partition(call)),
        "One partition as every node sees it",
    )
    .query(&[DIGEST]),
    post(
        "/admin/v1/partitions/{partition}/move",
        |call| Box::pin(move_replica(call)),
        "Move a replica to another node",
    )
    .takes::<MoveReplica>(),
    post(
        "/admin/v1/partitions/{partition}/transfer",
        |call| Box::pin(transfer(call)),
        "Let another voter lead",
    )
    .takes::<TransferLeader>(),
    act(
        "/admin/v1/partitions/{partition}/snapshot",
        |call| Box::pin(snapshot(call)),
        "Write everything applied into the state file, and say its hash",
    )
    .query(&[NODE_PARAM]),
];

/// How long a drain is waited for, unless the caller says.
const DRAIN_MS: u64 = 30_000;
/// Longer, and the caller's HTTP client may give up first.
const DRAIN_MS_MAX: u64 = 50_000;

async fn cluster(call: &mut Call) -> Result<Response, Fault> {
    call.operate(AdminAsk::Cluster).await
}

async fn settings(call: &mut Call) -> Result<Response, Fault> {
    let change: ClusterSettings = call.json()?;
    if change == ClusterSettings::default() {
        return Err(wrong("no setting was named"));
    }
    call.operate(AdminAsk::Settings(change)).await
}

async fn rebalance(call: &mut Call) -> Result<Response, Fault> {
    call.operate(AdminAsk::Rebalance).await
}

async fn recover(call: &mut Call) -> Result<Response, Fault> {
    let RecoverQuorum { node, groups, reason, i_know_that_acknowledged_commits_may_be_missing } =
        call.json()?;
    let place = Place::Node(node_of(&node)?);
    let sure = i_know_that_acknowledged_commits_may_be_missing;
    call.operate_at(AdminAsk::Recover { groups, reason, sure }, place).await
}

async fn peers(call: &mut Call) -> Result<Response, Fault> {
    call.operate(AdminAsk::Peers).await
}

async fn drain(call: &mut Call) -> Result<Response, Fault> {
    let (member, asked) = (call.member().await?, call.document::<DrainNode>()?);
    let within_ms = asked.within_ms.unwrap_or(DRAIN_MS);
    if within_ms > DRAIN_MS_MAX {
        return Err(wrong("within_ms is at most 50000; a drain goes on afterwards anyway"));
    }
    call.operate(AdminAsk::Drain { member, within_ms }).await
}

async fn resume(call: &mut Call) -> Result<Response, Fault> {
    let member = call.member().await?;
    call.operate(AdminAsk::Resume { member }).await
}

async fn leave(call: &mut Call) -> Result<Response, Fault> {
    let (member, Insist { force, without_majority }) = (call.member().await?, call.document()?);
    call.operate(AdminAsk::Leave { member, force, without_majority }).await
}

async fn remove(call: &mut Call) -> Result<Response, Fault> {
    let (member, Insist { without_majority, .. }) = (call.member().await?, call.document()?);
    call.operate(AdminAsk::Remove { member, without_majority }).await
}

async fn zone(call: &mut Call) -> Result<Response, Fault> {
    let (member, PinZone { zone }) = (call.member().await?, call.json()?);
    call.operate(AdminAsk::Zone { member, zone }).await
}

async fn place(call: &mut Call) -> Result<Response, Fault> {
    let (tenant, PlaceTenant { zone }) = (call.path_id("tenant").await?, call.document()?);
    call.operate(AdminAsk::Place { tenant, zone }).await
}

async fn partitions(call: &mut Call) -> Result<Response, Fault> {
    let AdminQuery { digest, .. } = call.query()?;
    call.operate(AdminAsk::Partitions { digest }).await
}

async fn partition(call: &mut Call) -> Result<Response, Fault> {
    let (partition, AdminQuery { digest, .. }) = (call.partition().await?, call.query()?);
    call.operate(AdminAsk::Partition { partition, digest }).await
}

async fn move_replica(call: &mut Call) -> Result<Response, Fault> {
    let (partition, asked) = (call.partition().await?, call.json::<MoveReplica>()?);
    let (from, to) = (node_of(&asked.from)?, node_of(&asked.to)?);
    call.operate(AdminAsk::Move { partition, from, to }).await
}

async fn transfer(call: &mut Call) -> Result<Response, Fault> {
    let (partition, asked) = (call.partition().await?, call.json::<TransferLeader>()?);
    let to = node_of(&asked.to)?;
    call.operate(AdminAsk::Transfer { partition, to }).await
}

async fn snapshot(call: &mut Call) -> Result<Response, Fault> {
    let partition = call.partition().await?;
    call.operate(AdminAsk::Snapshot { partition }).await
}
