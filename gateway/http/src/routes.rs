//! The one table of all routes. Registration, scopes, OpenAPI and the isolation tests read it.

mod admin;
mod computed;
mod docs;
mod events;
mod keys;
mod live;
mod ops;
mod profile_json;
mod profiles;
mod segments;
mod settings;
mod tenants;
mod tokens;
mod tracking;
mod usage;
mod webhooks;

#[cfg(test)]
pub(crate) use profile_json::decimal_text;

use crate::route::Route;

/// Every route, by what it is about.
const TABLE: &[&[Route]] = &[
    tracking::ROUTES,
    events::ROUTES,
    profiles::ROUTES,
    segments::ROUTES,
    computed::ROUTES,
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
