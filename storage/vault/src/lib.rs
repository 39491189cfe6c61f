//! Per-tenant data keys wrapped by a master key, and the AEAD over stored payloads.
//!
//! A [`Vault`] holds the unwrapped data keys of a node's tenants in memory. Payloads are sealed
//! with XChaCha20-Poly1305 under the tenant's newest data key; the data keys themselves are stored
//! only wrapped by the [`MasterKey`]. So rotating the master key rewrites a few small rows and no
//! data, and deleting a tenant's row makes every payload of that tenant unreadable for ever.
//!
//! - V1: what was sealed opens only for the same tenant and the same associated data, unchanged.
//! - V2: no nonce is used twice under one key (see `nonce.rs`).
//! - V3: a wrong master key is told from a damaged row, before anything is written.
//! - V4: rotating keys never changes what a tenant's `blind` gives.
//! - V5: keys are wiped from memory when dropped, and no `Debug` shows one.
//! - V6: a tenant without a committed row has no keys here after the next [`Vault::sync`]; one with
//!   a row is found before it.
//!
//! What it is not: a store (the caller commits the rows it is handed), a key server, or a
//! protection against someone who reads this process's memory.

mod keys;
mod master;
mod nonce;
mod sealed;
mod vault;

#[cfg(test)]
mod tests;

pub use master::{MasterKey, MasterKeyError};
pub use sealed::OVERHEAD;
pub use vault::{CHECK_ROW, Row, Source, Synced, Vault, VaultError};
