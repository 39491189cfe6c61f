//! The store as a whole, on a real disk and on simulated ones.

mod child;
mod conforms;
mod crash;
mod power;
mod refusals;
mod replica;
mod replica_log;
mod replica_power;
mod replica_state;
mod sim;
mod upkeep;
