use std::fmt;

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::MasterKey;
use crate::nonce::{Nonces, random};
use crate::sealed::{self, Parts};
use crate::vault::VaultError;

/// The id of a tenant's first key. Blinding depends on it, so it is kept for ever.
pub(crate) const FIRST: u32 = 1;

/// One 256-bit key with its id.
#[derive(Clone)]
pub(crate) struct DataKey {
    pub(crate) id: u32,
    pub(crate) bytes: Zeroizing<[u8; 32]>,
}

impl DataKey {
    pub(crate) fn fresh(id: u32) -> Result<Self, VaultError> {
        Ok(Self { id, bytes: Zeroizing::new(random()?) })
    }
}

/// All keys of one tenant: the newest seals, each opens what it once sealed.
#[derive(Clone)]
pub(crate) struct TenantKeys {
    /// In the order of their ids; never empty.
    keys: Vec<DataKey>,
    blinding: Zeroizing<[u8; 32]>,
}

/// The stored row of a tenant.
#[derive(Encode, Decode)]
struct Row {
    #[n(0)]
    keys: Vec<WrappedKey>,
}

/// A data key, sealed by the master key (as key 0) for the tenant and the key's id.
#[derive(Encode, Decode)]
struct WrappedKey {
    #[n(0)]
    id: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

/// Why a row gives no keys.
pub(crate) enum RowError {
    /// Not the bytes of a row.
    Damaged,
    /// A row, but this master key does not open it.
    Refused,
}

impl TenantKeys {
    /// From keys in the order of their ids; `None` if there is none.
    pub(crate) fn new(keys: Vec<DataKey>) -> Option<Self> {
        let first = keys.first()?;
        let blinding =
            Zeroizing::new(blake3::derive_key("impresario vault 1 blinding", &*first.bytes));
        Some(Self { keys, blinding })
    }

    pub(crate) fn newest(&self) -> &DataKey {
        &self.keys[self.keys.len() - 1]
    }

    pub(crate) fn by_id(&self, id: u32) -> Option<&DataKey> {
        self.keys.iter().rev().find(|key| key.id == id)
    }

    /// The same keys and a fresh newest one.
    pub(crate) fn with_fresh(&self) -> Result<Self, VaultError> {
        let mut keys = self.keys.clone();
        keys.push(DataKey::fresh(self.newest().id + 1)?);
        Ok(Self { keys, blinding: self.blinding.clone() })
    }

    pub(crate) fn blind(&self, domain: u8, value: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.blinding);
        hasher.update(&[domain]).update(value);
        let mut short = [0; 16];
        short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        short
    }

    pub(crate) fn wrap(
        &self,
        tenant: &[u8; 16],
        master: &MasterKey,
        nonces: &Nonces,
    ) -> Result<Vec<u8>, VaultError> {
        let wrapped = self.keys.iter().map(|key| {
            let sealed = sealed::seal(
                master.key(),
                nonces.draw(),
                &wrapping_aad(tenant, key.id),
                &*key.bytes,
            );
            Ok(WrappedKey { id: key.id, sealed: sealed.ok_or(VaultError::TooLarge)? })
        });
        let row = Row { keys: wrapped.collect::<Result<_, VaultError>>()? };
        let mut bytes = Vec::with_capacity(96 * row.keys.len() + 8);
        match minicbor::encode(&row, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) => unreachable!("encoding into memory failed: {error}"),
        }
    }

    pub(crate) fn unwrap(
        row: &[u8],
        tenant: &[u8; 16],
        master: &MasterKey,
    ) -> Result<Self, RowError> {
        let row: Row = minicbor::decode(row).map_err(|_| RowError::Damaged)?;
        let mut keys = Vec::with_capacity(row.keys.len());
        for wrapped in &row.keys {
            let parts = Parts::of(&wrapped.sealed).map_err(|_| RowError::Damaged)?;
            let plain = parts
                .open(master.key(), &wrapping_aad(tenant, wrapped.id))
                .ok_or(RowError::Refused)?;
            let plain = Zeroizing::new(plain);
            let mut bytes = Zeroizing::new([0; 32]);
            if plain.len() != bytes.len() {
                return Err(RowError::Damaged);
            }
            bytes.copy_from_slice(&plain);
            keys.push(DataKey { id: wrapped.id, bytes });
        }
        if keys.first().is_none_or(|key| key.id != FIRST) || !keys.is_sorted_by(|a, b| a.id < b.id)
        {
            return Err(RowError::Damaged);
        }
        Self::new(keys).ok_or(RowError::Damaged)
    }
}

/// A wrapped key cannot be moved to another tenant or id.
fn wrapping_aad(tenant: &[u8; 16], id: u32) -> [u8; 28] {
    let mut aad = *b"data-key________________0000";
    aad[8..24].copy_from_slice(tenant);
    aad[24..].copy_from_slice(&id.to_be_bytes());
    aad
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantKeys({} keys, hidden)", self.keys.len())
    }
}
