#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use proptest::prelude::*;

use super::*;

#[test]
fn hex_goes_both_ways() {
    assert_eq!(to_hex(&[0, 15, 255]), "000fff");
    assert_eq!(from_hex("000FfF"), Some(vec![0, 15, 255]));
    assert_eq!(from_hex("0"), None);
    assert_eq!(from_hex("0g"), None);
    assert_eq!(from_hex("+1"), None);
}

#[test]
fn macs_are_the_published_ones() {
    // RFC 2202 and RFC 4231, test case 2.
    let (key, text) = (b"Jefe", b"what do ya want for nothing?");
    let sha1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(to_hex(&hmac_sha1(key, &[text])), sha1);
    assert_eq!(to_hex(&hmac_sha256(key, &[&text[..9], &text[9..]])), sha256);
    assert!(verify_hmac_sha256(key, &[text], &from_hex(sha256).unwrap()));
    assert!(!verify_hmac_sha256(key, &[text], &from_hex(sha1).unwrap()));
    assert!(!verify_hmac_sha1(b"jefe", &[text], &from_hex(sha1).unwrap()));
}

#[test]
fn waits_are_seconds_with_or_without_a_fraction() {
    let check = |text, want| assert_eq!(parse_retry_after(text), want, "{text}");
    check("3", Some(3_000));
    check(" 0.35 ", Some(350));
    check("64.5701", Some(64_571));
    check("1.", Some(1_000));
    check("999999999999999999999", Some(86_400_000));
    check("", None);
    check("-1", None);
    check(".5", None);
    check("Sun, 06 Nov 1994 08:49:37 GMT", None);
}

#[test]
fn secrets_are_read_but_never_shown() {
    let secret: Secret = serde_json::from_str("\"hush\"").unwrap();
    assert_eq!(secret.expose(), "hush");
    assert_eq!(format!("{secret:?}"), "<secret>");
    let call = Call::new(Method::GET, "https://e.com/?t=hush").token("Bearer", &secret);
    assert!(!format!("{call:?}").contains("hush"));
}

#[test]
fn base_urls_are_plain() {
    let check = |url, want| {
        let mut problems = Vec::new();
        check_base_url("/base_url", url, &mut problems);
        assert_eq!(problems.is_empty(), want, "{url}");
    };
    check("https://graph.facebook.com", true);
    check("http://127.0.0.1:8080/slack", true);
    check("https://graph.facebook.com/", false);
    check("https://a@b", false);
    check("ftp://a", false);
    check("https://", false);
    assert_eq!(host_of("https://files.slack.com/a?b"), Some("files.slack.com"));
    assert_eq!(host_of("https://files.slack.com@evil.example/"), None);
    assert_eq!(host_of("https://evil.example\\.slack.com/"), Some("evil.example"));
}

#[test]
fn a_form_with_a_file_has_its_borders() {
    let (kind, body) = multipart(&[("a", "b")], ("file", "x\"y.png", "image/png", b"bytes"));
    let border = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(text.starts_with(&format!("--{border}\r\n")));
    assert!(text.ends_with(&format!("\r\nbytes\r\n--{border}--\r\n")));
    assert!(text.contains("filename=\"x_y.png\""));
}

#[test]
fn a_bucket_refills_and_can_be_held() {
    let mut bucket = Bucket::new(2, 6_000_000);
    assert_eq!(bucket.take(0), Ok(()));
    assert_eq!(bucket.take(0), Ok(()));
    assert_eq!(bucket.take(0), Err(6_000));
    assert_eq!(bucket.take(5_999), Err(1));
    assert_eq!(bucket.take(6_000), Ok(()));
    assert!(!bucket.is_full(12_000) && bucket.is_full(18_000));
    bucket.hold_until(60_000);
    assert_eq!(bucket.take(59_000), Err(1_000));
    assert_eq!(bucket.take(60_000), Ok(()));
    assert_eq!(bucket.take(60_000), Err(6_000));
}

proptest! {
    #[test]
    fn a_bucket_never_gives_more_than_its_rate(steps in prop::collection::vec(0..3_000_i64, 1..200), capacity in 1..5_u32) {
        let mut bucket = Bucket::new(capacity, 1_000_000);
        let (mut now, mut given) = (0_i64, 0_i64);
        for step in steps {
            now += step;
            match bucket.take(now) {
                Ok(()) => given += 1,
                Err(wait) => {
                    prop_assert!(wait > 0);
                    let mut later = bucket;
                    prop_assert_eq!(later.take(now + wait), Ok(()));
                }
            }
            prop_assert!(given <= i64::from(capacity) + now / 1_000);
        }
    }
}
