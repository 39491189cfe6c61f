//! The HTTP edge: authenticate, limit, parse, ask, answer.
//!
//! - E1: the tenant comes from the credential; a path or a body never names it. Only the root token
//!   may, in the header [`TENANT_HEADER`]; and the webhook of a chat platform, which has no key of
//!   ours, names tenant and connection in its path and proves itself by the platform's signature;
//!   and the widget of a website, whose visitors have a session that the edge has sealed.
//! - E2: one table registers, authorises and documents every route ([`Edge::routes`]).
//! - E3: a tracking request is answered `200` only when each of its events is durable in its profile
//!   or in the quarantine. Whatever else is answered, sending it again is safe: events are counted
//!   once by message id.
//! - E4: a bad event never sinks its neighbours; unreadable JSON, which has no items, is refused as
//!   a whole.
//! - E5: every error is a problem document with a registered code (on the routes that speak the OpenAI
//!   API or JSON-RPC, that code in their shape); nothing that a client sends makes a handler panic.
//! - E6: bodies, nesting, connections, time per head, body and answer are all bounded.
//! - E7: answers with personal data need `profiles:read`.
//! - E8: `/docs` works without the internet.
//!
//! JSON rules: at most 32 levels; numbers must fit a 64-bit float; U+0000 and lone surrogates are
//! refused. Of duplicate keys in an event the last one counts, other documents with duplicate fields
//! are refused. Ids in events may be sent as numbers.
//!
//! What it is not: a place where anything is decided about a tenant, a profile or a segment, or a
//! store: it keeps only counters of requests.

mod auth;
mod body;
mod bounded;
mod call;
mod dispatch;
mod edge;
mod fault;
mod ingest;
mod intake;
mod limits;
mod live;
mod openapi;
mod options;
mod port;
mod route;
mod routes;
mod serve;
mod talk;
mod wire;

#[cfg(test)]
mod tests;

pub use auth::RootTokens;
pub use auth::{Access, TENANT_HEADER};
pub use edge::{Clock, Edge, EdgeParts, Random};
pub use limits::RequestCounts;
pub use live::{Live, LiveEvent, Relay};
pub use options::{Options, OptionsError, Tls};
pub use port::{
    Actor, AdminAsk, AdminPort, Chat, ChatFile, ChatSign, ChatSigns, Embedded, Hook, HookAnswer,
    Image, ModelCallFilter, Operator, Place, PortError, PortFuture, PortStream, PortTyped, Rows,
    Said, SentDelivery, Talk, Translated,
};
pub use route::{Method, RouteInfo};
pub use serve::{Bound, ServeError, bind, serve};
