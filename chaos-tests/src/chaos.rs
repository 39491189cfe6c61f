//! The tools that try to break a cluster, and those that find out whether they did.
//!
//! - `hosts`, `faults`, `proxy`, `packets`: machines of their own for real processes, and what can go wrong
//!   with machines, links, disks and clocks.
//! - `plan`: what goes wrong when; a whole run from one seed, as text, and cut down to what matters.
//! - `history`, `linear`, `invariants`: what clients saw, and whether a correct system can have
//!   shown them that. Pure; proved against a toy with deliberate bugs in `tests/it/chaos_checkers`.
//! - `cluster`, `node`, `rig`, `runner`, `report`: carries a plan out against real processes.
//!
//! What cannot be done on a machine is never passed over: it is in the report as skipped, with the
//! reason.

pub mod bits;
pub mod cluster;
pub mod faults;
pub mod fleet;
pub mod history;
pub mod hosts;
pub mod invariants;
pub mod linear;
pub mod node;
pub mod packets;
pub mod plan;
pub mod proxy;
pub mod report;
pub mod rig;
pub mod runner;
pub mod sink;
pub mod workload;

mod shell;

/// Prints where a test runner collects what a failing test has said.
#[expect(clippy::print_stderr, reason = "test output")]
pub fn say(text: &str) {
    eprintln!("{text}");
}
