//! Many customers who write in bursts, to a node that is killed in between.
//!
//! - `bursts`: what each customer writes and how it is delivered, from one seed.
//! - `oracle`: what a correct system can have made of it. Pure; proved against a toy with deliberate
//!   bugs in `tests/it/conversations_oracle`.
//! - `scene`, `client`, `slack`, `look`, `run`: carries it out against a real process and the provider farm.
//!
//! What counts as a burst is told by the server's own durable times of arrival, never by the client's
//! clock: while a node is down nothing arrives, and a silence that is longer than the quiet window
//! rightly ends a burst.

pub mod bursts;
pub mod oracle;
pub mod run;
pub mod slack;

mod client;
mod look;
mod scene;

pub use look::conversations;
pub use scene::furnish;
