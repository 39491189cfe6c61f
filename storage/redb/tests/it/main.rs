//! The store as a whole, on a real disk and on simulated ones.

mod child;
mod conforms;
mod crash;
mod power;
mod refusals;
mod upkeep;
