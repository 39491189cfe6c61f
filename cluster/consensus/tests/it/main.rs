//! The consensus over a real store: one node against the journal's conformance suite, and three
//! nodes in one process over a transport that loses, delays and cuts.

mod conformance;
mod faults;
mod members;
mod net;
mod node;
mod reigns;
