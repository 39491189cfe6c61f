use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use impresario_calls::{Refusal, Secret, from_hex, hmac_sha1, same, sha256, verify_hmac_sha1};

/// Checks `X-Twilio-Signature`. `url` is the webhook's public URL with the query as it was called,
/// `raw` the body as it came. A JSON body is signed by its hash in the query (`bodySHA256`).
///
/// # Errors
/// If the header is missing, malformed, or of another URL or body.
pub fn verify(
    auth_token: &Secret,
    url: &str,
    header: Option<&str>,
    raw: &[u8],
) -> Result<(), Refusal> {
    let header = header.ok_or(Refusal::SignatureMissing)?;
    let tag = STANDARD.decode(header.trim()).map_err(|_| Refusal::SignatureMalformed)?;
    if tag.len() != 20 {
        return Err(Refusal::SignatureMalformed);
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let hash = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "bodySHA256");
    let params = match &hash {
        Some((_, hash)) => {
            let hash = from_hex(hash).ok_or(Refusal::SignatureMalformed)?;
            if !same(&hash, &sha256(raw)) {
                return Err(Refusal::SignatureWrong);
            }
            String::new()
        }
        None => sorted(raw),
    };
    // Twilio signs the URL sometimes with its port and sometimes without.
    let key = auth_token.expose().as_bytes();
    let right = |url: &str| verify_hmac_sha1(key, &[url.as_bytes(), params.as_bytes()], &tag);
    if right(url) | right(&without_port(url)) | right(&with_port(url)) {
        Ok(())
    } else {
        Err(Refusal::SignatureWrong)
    }
}

/// The signature of a form body at a URL: what Twilio sends, for tests and the provider farm.
#[must_use]
pub fn signature(auth_token: &Secret, url: &str, form: &[u8]) -> String {
    let key = auth_token.expose().as_bytes();
    STANDARD.encode(hmac_sha1(key, &[url.as_bytes(), sorted(form).as_bytes()]))
}

/// The form's keys in order, each with its different values in order, all in one text.
fn sorted(form: &[u8]) -> String {
    let mut params: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(form) {
        params.entry(key.into_owned()).or_default().insert(value.into_owned());
    }
    let mut text = String::new();
    for (key, values) in params {
        for value in values {
            text.push_str(&key);
            text.push_str(&value);
        }
    }
    text
}

/// A URL in front of its port, its port, and what is behind.
fn apart(url: &str) -> Option<(&str, Option<&str>, &str)> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    let (head, rest) = url.split_at(end);
    match head[start..].rsplit_once(':') {
        Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((&head[..head.len() - port.len() - 1], Some(port), rest))
        }
        _ => Some((head, None, rest)),
    }
}

fn without_port(url: &str) -> String {
    apart(url).map_or_else(|| url.to_owned(), |(head, _, rest)| format!("{head}{rest}"))
}

fn with_port(url: &str) -> String {
    match apart(url) {
        Some((head, None, rest)) => {
            let port = if head.starts_with("https") { 443 } else { 80 };
            format!("{head}:{port}{rest}")
        }
        _ => url.to_owned(),
    }
}
