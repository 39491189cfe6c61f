use std::sync::atomic::{AtomicU64, Ordering};

use rand::TryRngCore as _;

use crate::VaultError;

pub(crate) const NONCE_LENGTH: usize = 24;

/// Gives nonces that never repeat: 16 bytes drawn from the operating system when the vault opens,
/// then a counter of 8 bytes.
///
/// Within one vault the counter differs (2^64 sealings outlast the machine). Between two vaults,
/// whether of two processes, two nodes or a cloned machine, the prefixes differ: two of n openings
/// share a 128-bit prefix with probability n²/2^129, so after 2^40 openings below 2^-48. Drawing 24
/// bytes for each sealing would be no safer and costs a system call.
#[derive(Debug)]
pub(crate) struct Nonces {
    prefix: [u8; 16],
    next: AtomicU64,
}

impl Nonces {
    pub(crate) fn new() -> Result<Self, VaultError> {
        Ok(Self { prefix: random()?, next: AtomicU64::new(0) })
    }

    /// For golden bytes only.
    #[cfg(test)]
    pub(crate) fn fixed(prefix: [u8; 16]) -> Self {
        Self { prefix, next: AtomicU64::new(0) }
    }

    pub(crate) fn draw(&self) -> [u8; NONCE_LENGTH] {
        let mut nonce = [0; NONCE_LENGTH];
        nonce[..16].copy_from_slice(&self.prefix);
        nonce[16..].copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        nonce
    }
}

/// Bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    rand::rngs::OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| VaultError::Random(error.to_string()))?;
    Ok(bytes)
}
