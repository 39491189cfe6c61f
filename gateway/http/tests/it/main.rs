//! The edge over real entities on a journal in memory: requests in, answers out.

mod edge;
mod own_api;
mod segments;
mod server;
mod tracking;
