//! The one table of all routes. Registration, scopes, OpenAPI and the isolation tests read it.

mod admin;
mod assistant;
mod budgets;
mod catalogue;
mod computed;
mod connections;
mod conversations;
mod docs;
mod events;
mod hooks;
mod keys;
mod knowledge;
mod live;
mod models;
mod ops;
pub(crate) mod profile_json;
mod profiles;
mod retrieval;
mod segments;
mod settings;
mod tenants;
mod tokens;
mod tracking;
mod usage;
mod webhooks;

#[cfg(test)]
pub(crate) use catalogue::micros;
#[cfg(test)]
pub(crate) use profile_json::decimal_text;

use impresario_api::codes;

use crate::fault::Fault;
use crate::route::Route;

/// Every route, by what it is about.
const TABLE: &[&[Route]] = &[
    tracking::ROUTES,
    events::ROUTES,
    profiles::ROUTES,
    segments::ROUTES,
    computed::ROUTES,
    conversations::ROUTES,
    conversations::ANALYTICS,
    conversations::FILES,
    knowledge::ROUTES,
    knowledge::FILES,
    knowledge::IMPORTS,
    knowledge::COLLECTION_ROUTES,
    retrieval::ROUTES,
    catalogue::ROUTES,
    assistant::ROUTES,
    connections::ROUTES,
    budgets::ROUTES,
    models::ROUTES,
    hooks::ROUTES,
    crate::talk::WIDGET,
    crate::talk::PAGE,
    crate::talk::OPENAI,
    crate::talk::MCP,
    live::ROUTES,
    webhooks::ROUTES,
    usage::ROUTES,
    settings::ROUTES,
    keys::ROUTES,
    tokens::ROUTES,
    tenants::ROUTES,
    admin::CLUSTER,
    admin::NODE,
    admin::ACTORS,
    admin::ROWS,
    admin::BACKUPS,
    ops::ROUTES,
    docs::ROUTES,
];

/// Every route.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    TABLE.iter().flat_map(|part| part.iter())
}

/// An entity gave the answer to another question than it was asked: the parts of the house do not
/// fit together.
fn unexpected(what: &'static str) -> Fault {
    tracing::error!(what, "an entity answered another question");
    Fault::new(&codes::INTERNAL)
}
