//! What operators and the shell ask. Every answer is the port's JSON value.

mod actors;
mod backups;
mod cluster;
mod node;
mod rows;

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::response::Response;
use impresario_api::{NodeName, codes};
use impresario_ids::{NodeId, TenantId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::port::{AdminAsk, Operator, Place};
use crate::route::{Handler, Param, Route};

pub(super) use actors::ROUTES as ACTORS;
pub(super) use backups::ROUTES as BACKUPS;
pub(super) use cluster::ROUTES as CLUSTER;
pub(super) use node::ROUTES as NODE;
pub(super) use rows::ROUTES as ROWS;

const TENANT: Param = Param::text("tenant", "Only this tenant.");
const NODE_PARAM: Param =
    Param::text("node", "The node that answers, as `node-2`; `all` for every node that is alive.");
const MISSING: &[&codes::Code] =
    &[&codes::ADMIN_NOT_FOUND, &codes::ID_INVALID, &codes::NODE_UNREACHABLE];
/// What an act of the cluster may be refused with.
const CHANGING: &[&codes::Code] = &[
    &codes::ADMIN_NOT_FOUND,
    &codes::ID_INVALID,
    &codes::NODE_UNREACHABLE,
    &codes::CLUSTER_ALONE,
    &codes::CLUSTER_NOT_FOUNDED,
    &codes::CLUSTER_SETTING_INVALID,
    &codes::CLUSTER_TOO_FEW_NODES,
    &codes::CLUSTER_QUORUM_AT_RISK,
    &codes::NODE_UNKNOWN,
    &codes::NODE_STATUS_WRONG,
    &codes::NODE_NOT_EMPTY,
    &codes::NODE_INTRODUCTION_INVALID,
    &codes::PARTITION_UNKNOWN,
    &codes::PARTITION_LEADER_INVALID,
    &codes::REPLICA_MOVE_INVALID,
    &codes::RECOVERY_INVALID,
    &codes::NODE_ALIVE,
    &codes::NOT_CONFIRMED,
    &codes::QUORUM_ANSWERS,
];

/// A `GET`.
const fn read(path: &'static str, run: Handler, summary: &'static str) -> Route {
    Route::get(path, Access::Root, run)
        .doc("Operators", summary, "")
        .gives::<Anything>()
        .codes(MISSING)
}

/// A `POST` without a document.
const fn act(path: &'static str, run: Handler, summary: &'static str) -> Route {
    Route::act(path, Access::Root, run)
        .doc("Operators", summary, "")
        .gives::<Anything>()
        .codes(CHANGING)
}

/// A `POST` of a document.
const fn post(path: &'static str, run: Handler, summary: &'static str) -> Route {
    Route::post(path, Access::Root, run)
        .doc("Operators", summary, "")
        .gives::<Anything>()
        .codes(CHANGING)
}

/// A JSON value for people and for the shell; its form may change with any release.
#[derive(Debug, utoipa::ToSchema)]
struct Anything(#[expect(dead_code, reason = "only its schema is used")] Value);

#[derive(Deserialize)]
struct AdminQuery {
    tenant: Option<TenantId>,
    after: Option<TenantId>,
    kind: Option<String>,
    node: Option<String>,
    target: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    digest: bool,
}

impl AdminQuery {
    fn limit(&self) -> Result<usize, Fault> {
        call::limit(self.limit)
    }

    fn place(&self) -> Result<Place, Fault> {
        match self.node.as_deref() {
            None => Ok(Place::Any),
            Some("all") => Ok(Place::All),
            Some(name) => node_named(name).map(Place::Node),
        }
    }
}

fn node_named(name: &str) -> Result<NodeId, Fault> {
    NodeName::read(name).ok_or_else(|| wrong("a node is named node-2, or 2"))
}

fn node_of(name: &NodeName) -> Result<NodeId, Fault> {
    name.id().ok_or_else(|| wrong("a node is named node-2, or 2"))
}

fn wrong(detail: &str) -> Fault {
    Fault::new(&codes::PARAMETER_INVALID).detail(detail)
}

impl Call {
    /// Asks the port, at the place that the query names.
    async fn operate(&mut self, ask: AdminAsk) -> Result<Response, Fault> {
        let query: AdminQuery = self.query()?;
        let place = query.place()?;
        self.operate_at(ask, place).await
    }

    async fn operate_at(&mut self, ask: AdminAsk, place: Place) -> Result<Response, Fault> {
        let peer = self.parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let by = Operator {
            token: "root".to_owned(),
            peer: peer.map(|info| info.0.ip()),
            trace: self.trace,
        };
        call::ok(&self.edge.admin.ask(by, ask, place).await?)
    }

    /// The document, or the default if nothing was sent.
    fn document<T: DeserializeOwned + Default>(&self) -> Result<T, Fault> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    async fn member(&mut self) -> Result<NodeId, Fault> {
        node_named(&self.path("node").await?)
    }

    async fn partition(&mut self) -> Result<u16, Fault> {
        let text = self.path("partition").await?;
        text.parse().map_err(|_| wrong("a partition is named by its number"))
    }
}
