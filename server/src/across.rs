//! What this node and the others of its cluster say to each other beside entities' messages: each
//! subject is a [`Room`] of the [`Board`], asked through [`Neighbours`].
//!
//! A node that is alone has the same rooms and no neighbours.

pub(crate) mod admin;
pub(crate) mod backup;
mod board;
pub(crate) mod calls;
pub(crate) mod keys;
pub(crate) mod live;
pub(crate) mod quotas;
pub(crate) mod settle;
mod tasks;
pub(crate) mod tenants;

pub(crate) use board::{Answered, Board, Neighbours, Others, PeerError, Refused, Room};
pub(crate) use tasks::Tasks;
