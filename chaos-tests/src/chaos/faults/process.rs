//! Signals.

use anyhow::Result;

use crate::chaos::shell::run;

/// What a process can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ends it at once.
    Kill,
    /// Asks it to end.
    Term,
    /// Holds it, as a long pause of a virtual machine does: it does not know.
    Stop,
    /// Lets it go on.
    Cont,
}

/// Sends a signal.
///
/// # Errors
/// If the process is gone.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    let name = match signal {
        Signal::Kill => "-KILL",
        Signal::Term => "-TERM",
        Signal::Stop => "-STOP",
        Signal::Cont => "-CONT",
    };
    run("kill", &[name, &pid.to_string()]).map(drop)
}
