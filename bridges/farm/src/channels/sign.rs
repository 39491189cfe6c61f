use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A form's fields in the order in which Twilio signs them.
type Fields = BTreeMap<String, BTreeSet<String>>;

/// The headers with which a platform signs a webhook. `secret` is the app secret, the auth token, the
/// signing secret, or (Discord) 32 bytes of seed in hexadecimal; `now_s` seconds since 1970; `url`
/// the target, which Twilio signs too.
#[must_use]
pub fn signed_headers(
    provider: &str,
    secret: &str,
    url: &str,
    body: &str,
    now_s: i64,
) -> Vec<(String, String)> {
    let stamp = now_s.to_string();
    let one = |name: &str, value: String| (name.to_owned(), value);
    match provider {
        "whatsapp" => {
            let tag = hex(&mac(hmac::HMAC_SHA256, secret, body));
            let json = one("content-type", "application/json".to_owned());
            vec![json, one("x-hub-signature-256", format!("sha256={tag}"))]
        }
        "twilio" => {
            let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
            let tag = STANDARD.encode(mac(algorithm, secret, &format!("{url}{}", sorted(body))));
            let form = one("content-type", "application/x-www-form-urlencoded".to_owned());
            vec![form, one("x-twilio-signature", tag)]
        }
        "slack" => {
            let tag = hex(&mac(hmac::HMAC_SHA256, secret, &format!("v0:{stamp}:{body}")));
            let form = body.starts_with("payload=") || body.contains("command=");
            let kind = if form { "application/x-www-form-urlencoded" } else { "application/json" };
            vec![
                one("content-type", kind.to_owned()),
                one("x-slack-request-timestamp", stamp),
                one("x-slack-signature", format!("v0={tag}")),
            ]
        }
        "discord" => {
            let Some(pair) = key_pair(secret) else { return Vec::new() };
            let tag = hex(pair.sign(format!("{stamp}{body}").as_bytes()).as_ref());
            vec![
                one("content-type", "application/json".to_owned()),
                one("x-signature-timestamp", stamp),
                one("x-signature-ed25519", tag),
            ]
        }
        _ => Vec::new(),
    }
}

/// The public key, in hexadecimal, of a Discord seed in hexadecimal; none if it is not one.
#[must_use]
pub fn discord_public_key(seed: &str) -> Option<String> {
    key_pair(seed).map(|pair| hex(pair.public_key().as_ref()))
}

fn key_pair(seed: &str) -> Option<Ed25519KeyPair> {
    let digit = |at: usize| u8::from_str_radix(seed.get(at..at + 2)?, 16).ok();
    let seed: Option<Vec<u8>> = (0..seed.len()).step_by(2).map(digit).collect();
    Ed25519KeyPair::from_seed_unchecked(&seed?).ok()
}

fn mac(algorithm: hmac::Algorithm, secret: &str, text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sorted(form: &str) -> String {
    let mut fields = Fields::new();
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        fields.entry(decoded(name)).or_default().insert(decoded(value));
    }
    let mut text = String::new();
    for (name, values) in fields {
        for value in values {
            text.push_str(&name);
            text.push_str(&value);
        }
    }
    text
}

/// A part of a form without its escapes.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let pair = std::str::from_utf8(&pair).unwrap_or("20");
                u8::from_str_radix(pair, 16).unwrap_or(b' ')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
