//! Random lives of whole clusters, each from one seed: joins, drains, leaves, deaths, lost zones,
//! slow replicas, steps that are lost or come late. What must hold is checked after each move; in
//! the end everything heals and the plans must run dry.

mod checks;
mod histories;
mod raft;
mod world;
