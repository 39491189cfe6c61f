//! The consensus over a real store: one node against the journal's conformance suite, and three
//! nodes in one process over a transport that loses, delays and cuts.

mod archive;
mod conformance;
mod disks;
mod faults;
mod members;
mod net;
mod node;
mod recovery;
mod reigns;
#[path = "../../../../storage/redb/tests/it/sim.rs"]
#[allow(dead_code, reason = "the tests of the store need more of it")]
mod sim;
