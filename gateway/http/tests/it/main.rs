//! The edge over real entities on a journal in memory: requests in, answers out.

mod chat;
mod conversations;
mod edge;
mod knowledge;
mod mcp;
mod openai;
mod own_api;
mod segments;
mod server;
mod talk;
mod tracking;
mod widget;
