//! Crockford base 32 in lower case: 128 bits as 26 characters, the first of which carries 3 bits.

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

pub(crate) fn encode(bytes: &[u8; 16]) -> [u8; LENGTH] {
    let mut rest = u128::from_be_bytes(*bytes);
    let mut digits = [0; LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest & 31) as usize];
        rest >>= 5;
    }
    digits
}

/// `None` for a wrong length, a foreign character or a value over 128 bits.
pub(crate) fn decode(text: &str) -> Option<[u8; 16]> {
    if text.len() != LENGTH || text.as_bytes()[0] > b'7' {
        return None;
    }
    let mut value: u128 = 0;
    for byte in text.bytes() {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        value = (value << 5) | digit as u128;
    }
    Some(value.to_be_bytes())
}
