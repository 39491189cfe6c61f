//! What can be done to one node's process, disk and clock. The links are done by `hosts`, delays of
//! connections by `proxy`, what happens to single packets by `packets`.
//!
//! | fault | how | needs |
//! |---|---|---|
//! | kill, pause | signals | – |
//! | disk full | the data folder on a tmpfs of its own, filled to the last byte | the right to mount |
//! | slow or failing fsync | a library loaded before libc (`LD_PRELOAD`) that delays or refuses `fsync` and `fdatasync` while a shared page says so | `cc`, a dynamically linked server |
//! | clock jumps | the same library adds to `CLOCK_REALTIME`; monotonic time goes on | the same |
//! | spoilt log | bits of a stopped node's files flipped, a copy kept | – |
//!
//! The library needs nothing from the server: it is what the operating system would do, at the same
//! call. Unlike a real power loss it does not take unsynced writes away; that is what the stores'
//! own simulated backend is for.

mod disk;
mod process;
mod shim;
mod tail;

pub use disk::Disk;
pub use process::{Signal, signal};
pub use shim::{Dials, Shim, build, is_loaded};
pub use tail::{copy_folder, spoil_tail};
