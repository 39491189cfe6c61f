//! The program as it is run: real processes, real sockets.

mod alone;
mod cluster;
mod models;
mod node;
mod talk;
