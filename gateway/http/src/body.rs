//! Reads request bodies: bounded, in bounded time, decompressed.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use impresario_api::codes;

use crate::fault::Fault;

/// The whole body, at most `limit` bytes before and after decompression, within `timeout`.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, Fault> {
    let raw = read_raw(headers, body, limit, timeout).await?;
    decode(headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()), raw, limit)
}

/// The whole body as it came, at most `limit` bytes, within `timeout`.
pub(crate) async fn read_raw(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, Fault> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    tokio::time::timeout(timeout, collect(body, limit))
        .await
        .map_err(|_| Fault::new(&codes::REQUEST_TIMEOUT))?
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Fault> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Fault::new(&codes::INVALID_REQUEST).detail(format!("the body ended early: {error}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        let length = first.as_ref().map_or(0, Bytes::len) + rest.len() + data.len();
        if length > limit {
            return Err(too_large(limit));
        }
        // Nearly every body is one frame, which is then not copied.
        match first {
            None => first = Some(data),
            Some(_) => rest.extend_from_slice(&data),
        }
    }
    let first = first.unwrap_or_default();
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

fn too_large(limit: usize) -> Fault {
    Fault::new(&codes::BODY_TOO_LARGE).detail(format!("a body has at most {limit} bytes here"))
}

/// Undoes the content encoding. A gzip header without the announcement counts too: no JSON begins
/// like that, and old clients forget to say it.
pub(crate) fn decode(encoding: Option<&[u8]>, raw: Bytes, limit: usize) -> Result<Bytes, Fault> {
    let gzipped = raw.starts_with(&[0x1f, 0x8b]);
    let name = encoding.map(|name| name.trim_ascii().to_ascii_lowercase());
    match name.as_deref() {
        None | Some(b"" | b"identity") if !gzipped => Ok(raw),
        None | Some(b"" | b"identity" | b"gzip" | b"x-gzip") if gzipped => {
            inflate(MultiGzDecoder::new(&raw[..]), limit)
        }
        // Announced but sent plain: a proxy has unpacked it on the way.
        Some(b"gzip" | b"x-gzip") if raw.first().is_none_or(|byte| b"{[ \t\r\n".contains(byte)) => {
            Ok(raw)
        }
        // In the wild `deflate` is zlib, by its name it should be raw.
        Some(b"deflate") if raw.first().is_some_and(|byte| byte & 0x0f == 8) => {
            inflate(ZlibDecoder::new(&raw[..]), limit)
        }
        Some(b"deflate") => inflate(DeflateDecoder::new(&raw[..]), limit),
        Some(b"gzip" | b"x-gzip") => {
            Err(Fault::new(&codes::ENCODING_INVALID).detail("the body has no gzip header"))
        }
        _ => Err(Fault::new(&codes::ENCODING_UNSUPPORTED)
            .detail("send the body plain, or compressed with gzip or deflate")),
    }
}

fn inflate(decoder: impl Read, limit: usize) -> Result<Bytes, Fault> {
    let mut plain = Vec::with_capacity(8 * 1_024);
    let read = decoder.take(limit as u64 + 1).read_to_end(&mut plain);
    if plain.len() > limit {
        return Err(too_large(limit));
    }
    read.map_err(|error| Fault::new(&codes::ENCODING_INVALID).detail(error.to_string()))?;
    Ok(plain.into())
}
