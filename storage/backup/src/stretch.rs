use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// As OWASP asks of PBKDF2-HMAC-SHA256 (2023).
const ROUNDS: u32 = 600_000;

/// A 256-bit key from a passphrase: PBKDF2-HMAC-SHA256. Takes a good part of a second, on purpose;
/// the rounds are part of the stored format.
#[must_use]
pub fn stretch(passphrase: &str, salt: &[u8]) -> [u8; 32] {
    pbkdf2(passphrase.as_bytes(), salt, ROUNDS)
}

/// The first block, which is all of a key of 256 bits.
pub(crate) fn pbkdf2(passphrase: &[u8], salt: &[u8], rounds: u32) -> [u8; 32] {
    let Ok(keyed) = Hmac::<Sha256>::new_from_slice(passphrase) else {
        unreachable!("this function takes keys of every length");
    };
    let mut mac = keyed.clone();
    mac.update(salt);
    mac.update(&1_u32.to_be_bytes());
    let mut last: [u8; 32] = mac.finalize().into_bytes().into();
    let mut key = last;
    for _ in 1..rounds {
        let mut mac = keyed.clone();
        mac.update(&last);
        last = mac.finalize().into_bytes().into();
        key.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    key
}
