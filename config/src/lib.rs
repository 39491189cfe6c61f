//! One typed tree made of each crate's own options.
//!
//! Values come, later ones winning, from: the defaults in each crate, a TOML file, environment
//! variables (`IMPRESARIO__HTTP__LISTEN=0.0.0.0:80`), and overrides given on the command line
//! (`http.listen=0.0.0.0:80`). `impresario.toml` beside this crate names every key with its unit
//! and default; a test holds it against the code.
//!
//! - C1: a key that is not known, or a value that cannot be meant, is an error that names the key.
//! - C2: no other crate reads files or the environment for its options.

mod load;
#[cfg(test)]
mod tests;
mod tree;

pub use load::{ConfigError, Sources, load};
pub use tree::{Cluster, Config, Log, LogFormat, Node, Store};
