//! The binary: composition root, command line, admin shell.
//!
//! The only crate that sees everything. It puts a node together ([`serve`]), offers the commands of
//! the program ([`cli`]), and holds the programs that speak to a node over HTTP: the shell, the
//! importer and the demo.

mod across;
mod admin;
mod backup;
mod cert;
pub mod cli;
pub mod client;
pub mod demo;
mod eval;
pub mod import;
mod offline;
pub mod serve;
pub mod shell;
mod talk;
pub mod top;
