//! The host over a memory journal: what it promises (H1 to H5), each tried by breaking something.

mod bench;
mod tally;

mod commits;
mod crashes;
mod idempotency;
mod leadership;
mod passivation;
mod tenants;
mod timers;
