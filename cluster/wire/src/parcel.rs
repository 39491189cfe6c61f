//! What one gateway actor sends another: a version, the receiver's token of the connection, and
//! numbered fields. Fields and kinds that are not known are passed over.

use minicbor::{Decode, Encode};

use crate::hello::Token;

const VERSION: u8 = 1;
/// Version and token.
const HEADER_BYTES: usize = 17;
/// What a parcel weighs besides its bytes, so that empty ones are bounded too.
pub(crate) const OVERHEAD_BYTES: usize = 64;

/// What a parcel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// A whole body, short enough for one parcel.
    Whole {
        id: u64,
        side: Side,
        body: Vec<u8>,
    },
    /// The first piece of a body of `total` bytes.
    First {
        id: u64,
        side: Side,
        total: u32,
        body: Vec<u8>,
    },
    /// One more piece of it.
    Next {
        id: u64,
        side: Side,
        body: Vec<u8>,
    },
    /// The call is not handled, or has no answer.
    Nack {
        id: u64,
        reason: Nack,
        why: String,
    },
    /// Nobody waits for the answer any more.
    Cancel {
        id: u64,
    },
    Ping {
        nonce: u64,
    },
    Pong {
        nonce: u64,
    },
    /// This connection should be replaced: no more calls on it.
    Leave,
    /// The calls from here are answered, and no more come.
    Left,
    /// Nothing but the credits.
    Credits,
}

/// Whose call a body belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Call,
    Answer,
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nack {
    /// The frame cannot be read, or asks what is not known there.
    NotUnderstood = 1,
    /// Too much is being handled. It was not handled.
    Overloaded = 2,
    /// The call or its answer is too large.
    TooLarge = 3,
    /// The handler crashed, or the answer could not be kept.
    Lost = 4,
}

/// Bytes taken in, so that as many may be sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credits {
    pub(crate) short: u32,
    pub(crate) bulk: u32,
}

#[derive(Debug, Default, Encode, Decode)]
struct Fields {
    #[n(0)]
    kind: u8,
    #[n(1)]
    id: u64,
    #[cbor(n(2), with = "minicbor::bytes")]
    body: Option<Vec<u8>>,
    #[n(3)]
    total: Option<u32>,
    #[n(4)]
    short: Option<u32>,
    #[n(5)]
    bulk: Option<u32>,
    #[n(6)]
    reason: Option<u8>,
    #[n(7)]
    why: Option<String>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a parcel that cannot be read")]
pub(crate) struct Malformed;

impl Say {
    pub(crate) fn encode(self, token: &Token, credits: Credits) -> Vec<u8> {
        let room = HEADER_BYTES + OVERHEAD_BYTES + self.body_bytes();
        let mut fields = self.into_fields();
        fields.short = (credits.short > 0).then_some(credits.short);
        fields.bulk = (credits.bulk > 0).then_some(credits.bulk);
        let mut bytes = Vec::with_capacity(room);
        bytes.push(VERSION);
        bytes.extend_from_slice(token);
        match minicbor::encode(&fields, &mut bytes) {
            Ok(()) => bytes,
            // A vector takes every byte, and the derived encoders have no other way to fail.
            Err(error) => unreachable!("encoding into memory failed: {error}"),
        }
    }

    fn body_bytes(&self) -> usize {
        match self {
            Self::Whole { body, .. } | Self::First { body, .. } | Self::Next { body, .. } => {
                body.len()
            }
            _ => 0,
        }
    }

    fn into_fields(self) -> Fields {
        let answer = |side: Side| u8::from(side == Side::Answer);
        let none = Fields::default();
        match self {
            Self::Whole { id, side, body } => {
                Fields { kind: 1 + answer(side), id, body: Some(body), ..none }
            }
            Self::First { id, side, total, body } => {
                Fields { kind: 3 + answer(side), id, body: Some(body), total: Some(total), ..none }
            }
            Self::Next { id, side, body } => {
                Fields { kind: 5 + answer(side), id, body: Some(body), ..none }
            }
            Self::Nack { id, reason, why } => {
                Fields { kind: 7, id, reason: Some(reason as u8), why: Some(why), ..none }
            }
            Self::Cancel { id } => Fields { kind: 8, id, ..none },
            Self::Ping { nonce } => Fields { kind: 9, id: nonce, ..none },
            Self::Pong { nonce } => Fields { kind: 10, id: nonce, ..none },
            Self::Leave => Fields { kind: 11, ..none },
            Self::Left => Fields { kind: 12, ..none },
            Self::Credits => Fields { kind: 13, ..none },
        }
    }
}

/// The token of the connection that a parcel belongs to, and the rest of it.
pub(crate) fn open(bytes: &[u8]) -> Result<(Token, &[u8]), Malformed> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES).ok_or(Malformed)?;
    match header.split_first() {
        Some((&VERSION, token)) => Ok((token.try_into().map_err(|_| Malformed)?, rest)),
        _ => Err(Malformed),
    }
}

/// Reads the rest of a parcel; `None` is something that only a later release says.
pub(crate) fn read(rest: &[u8]) -> Result<(Option<Say>, Credits), Malformed> {
    let fields: Fields = minicbor::decode(rest).map_err(|_| Malformed)?;
    let credits = Credits { short: fields.short.unwrap_or(0), bulk: fields.bulk.unwrap_or(0) };
    let (id, body) = (fields.id, fields.body.unwrap_or_default());
    let side = if fields.kind % 2 == 1 { Side::Call } else { Side::Answer };
    let say = match fields.kind {
        1 | 2 => Say::Whole { id, side, body },
        3 | 4 => Say::First { id, side, total: fields.total.ok_or(Malformed)?, body },
        5 | 6 => Say::Next { id, side, body },
        7 => {
            let reason = match fields.reason {
                Some(1) => Nack::NotUnderstood,
                Some(2) => Nack::Overloaded,
                Some(3) => Nack::TooLarge,
                _ => Nack::Lost,
            };
            Say::Nack { id, reason, why: fields.why.unwrap_or_default() }
        }
        8 => Say::Cancel { id },
        9 => Say::Ping { nonce: id },
        10 => Say::Pong { nonce: id },
        11 => Say::Leave,
        12 => Say::Left,
        13 => Say::Credits,
        _ => return Ok((None, credits)),
    };
    Ok((Some(say), credits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parcels_keep_their_bytes() {
        let token = [9; 16];
        let none = Credits::default();
        let parcels = [
            (Say::Whole { id: 1, side: Side::Call, body: vec![5] }, none, "83010141 05"),
            (
                Say::First { id: 2, side: Side::Answer, total: 70_000, body: vec![5] },
                none,
                "84040241051a00011170",
            ),
            (
                Say::Next { id: 2, side: Side::Answer, body: vec![6] },
                Credits { short: 7, bulk: 8 },
                "860602 4106f60708",
            ),
            (
                Say::Nack { id: 3, reason: Nack::Overloaded, why: "no".into() },
                none,
                "880703f6f6f6f602626e6f",
            ),
            (Say::Cancel { id: 4 }, none, "820804"),
            (Say::Ping { nonce: 5 }, none, "820905"),
            (Say::Pong { nonce: 5 }, none, "820a05"),
            (Say::Leave, none, "820b00"),
            (Say::Left, none, "820c00"),
            (Say::Credits, Credits { short: 1, bulk: 0 }, "850d00f6f601"),
        ];
        for (say, credits, golden) in parcels {
            let bytes = say.clone().encode(&token, credits);
            assert_eq!(bytes[..17], [&[1][..], &token].concat());
            let hex: String = bytes[17..].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, golden.replace(' ', ""), "{say:?}");
            let (of, rest) = open(&bytes).expect("a parcel");
            assert_eq!((of, read(rest)), (token, Ok((Some(say), credits))));
        }
    }

    #[test]
    fn what_a_later_release_says_is_passed_over() {
        // A kind and a ninth field that this release does not know.
        let rest = [0x89, 0x18, 99, 0, 0xf6, 0xf6, 3, 0xf6, 0xf6, 0xf6, 0x01];
        assert_eq!(read(&rest), Ok((None, Credits { short: 3, bulk: 0 })));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic_the_reader(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            let _ = open(&bytes).map(|(_, rest)| read(rest));
            let _ = read(&bytes);
        }
    }
}
