//! Whole servers under faults: killed, starved, fed hostile input; an audit after each.
//!
//! The tests start the real program `impresario` on a free port with a folder of its own, drive it
//! as a customer would, over HTTP, break it, and look at what it says afterwards. One file in
//! `tests/it/` per promise:
//!
//! - C1 `crash`: what was acknowledged is there after any number of `kill -9`, exactly once.
//! - C2 `import`: a purchase history arrives to the cent, however often importer and server die.
//! - C3 `isolation`: no route gives a tenant anything of another.
//! - C4 `hostile`: bad input gets a coded error, loses nothing, and no panic is in the log.
//! - C5 `segment_libraries`: the official client libraries work unchanged.
//! - C6 `schemathesis`: the server keeps to its own OpenAPI document.
//! - C7 `webhooks`: deliveries are signed, retried, and stop when the receiver says 410.
//! - C8 `segments`: no event is missed by a segment that is made while it arrives.
//! - C9 `conversations`: a burst of messages gets one reply, every wish is accounted for and nothing is
//!   paid twice, whatever is delivered twice, out of order, or cut off by `kill -9`.
//!
//! What it is not: a place for what a smaller test can show. It names no crate of the server; it
//! knows the program and its HTTP interface only.

mod api;
pub mod chaos;
mod clients;
pub mod conversations;
mod load;
mod machine;
mod plan;
mod receiver;
mod sections;
mod server;
mod shop;
mod tenant;
mod wire;

pub use api::{Answer, Api, eventually};
pub use clients::{node, python, venv_program};
pub use load::{Load, Measured, Request, cpu, measure, rss_bytes};
pub use machine::{load_average, machine, now_ms, today};
pub use plan::Chance;
pub use receiver::{Delivery, Receiver, signature};
pub use sections::{SECTIONS, put_section, with_section};
pub use server::{Options, TestServer, impresario};
pub use shop::{Purchase, Shop};
pub use tenant::{Endpoint, Tenant};
pub use wire::Wire;
