//! The program as it is run: real processes, real sockets.

mod alone;
mod backups;
mod channels;
mod clients;
mod cluster;
mod litellm;
mod models;
mod node;
mod questions;
mod talk;
mod translation;
mod widget;
