//! One command or question as it is written into a call.
//!
//! The first byte is the version, then a head of numbered fields, then the encoded command or
//! question as the entity's kind stores it.

use impresario_host::{Deadline, Envelope, Failure, IdempotencyKey};
use impresario_ids::TraceId;
use impresario_wire::Item;
use minicbor::{Decode, Encode};

const VERSION: u8 = 1;

/// What an [`Item`] has no room for.
#[derive(Debug, Default, PartialEq, Eq, Encode, Decode)]
struct Head {
    /// The fingerprint of what the key was sent with.
    #[n(0)]
    content: Option<u32>,
    /// So much earlier than the call ends this one's deadline, in milliseconds.
    #[n(1)]
    sooner_ms: Option<u32>,
}

/// Packs an encoded command or question of a call that ends at `ends` and belongs to `trace`.
pub(crate) fn pack(bytes: &[u8], envelope: &Envelope, ends: Deadline, trace: TraceId) -> Item {
    let sooner_ms = ends.0.since_ms(envelope.deadline.0).max(0);
    let head = Head {
        content: envelope.key.map(|key| key.content()).filter(|content| *content != 0),
        sooner_ms: u32::try_from(sooner_ms).ok().filter(|ms| *ms != 0),
    };
    let mut body = Vec::with_capacity(bytes.len() + 16);
    body.push(VERSION);
    match minicbor::encode(&head, &mut body) {
        Ok(()) => body.extend_from_slice(bytes),
        // A vector takes every byte, and the derived encoders have no other way to fail.
        Err(error) => unreachable!("encoding into memory failed: {error}"),
    }
    Item {
        key: envelope.key.map(|key| *key.as_bytes()),
        trace: Some(envelope.trace).filter(|of_item| *of_item != trace),
        body,
    }
}

/// Takes an item of a call apart that ends at `ends` and belongs to `trace`.
pub(crate) fn unpack(
    item: Item,
    ends: Deadline,
    trace: TraceId,
) -> Result<(Vec<u8>, Envelope), Failure> {
    let not_understood =
        |what: String| Failure::Unavailable(format!("not understood here: {what}"));
    let Some((&VERSION, rest)) = item.body.split_first() else {
        return Err(not_understood("an item of another version".to_owned()));
    };
    let mut decoder = minicbor::Decoder::new(rest);
    let head: Head = decoder.decode().map_err(|error| not_understood(error.to_string()))?;
    let bytes = rest.get(decoder.position()..).unwrap_or_default().to_vec();
    let key = item.key.map(|key| IdempotencyKey::from_parts(key, head.content.unwrap_or_default()));
    let deadline = Deadline(ends.0.plus_ms(-i64::from(head.sooner_ms.unwrap_or_default())));
    Ok((bytes, Envelope { key, deadline, trace: item.trace.unwrap_or(trace) }))
}
