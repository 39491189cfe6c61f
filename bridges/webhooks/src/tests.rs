#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

#[test]
fn the_specifications_vector_is_signed_as_it_says() {
    let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signature =
        sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_eq!(secret.to_text(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_eq!(format!("{secret:?}"), "<secret>");
}

#[test]
fn secrets_have_a_prefix_base_64_and_24_to_64_bytes() {
    let check = |text: &str, want: SecretError| assert_eq!(Secret::parse(text).unwrap_err(), want);
    check("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix);
    check("whsec_*", SecretError::Base64);
    check("whsec_AAAA", SecretError::Length(3));
    assert_eq!(Secret::from_bytes(&[0; 23]).unwrap_err(), SecretError::Length(23));
    assert_eq!(Secret::from_bytes(&[0; 65]).unwrap_err(), SecretError::Length(65));
    assert!(Secret::from_bytes(&[0; 24]).is_ok() && Secret::from_bytes(&[0; 64]).is_ok());
}

#[test]
fn a_body_has_type_time_and_the_data_as_given() {
    let text = body("segment.entered", 1_700_000_000_123, r#"{"b": 1.10, "a":"ü"}"#).unwrap();
    assert_eq!(
        text,
        r#"{"type":"segment.entered","timestamp":"2023-11-14T22:13:20.123Z","data":{"b": 1.10, "a":"ü"}}"#
    );
    assert_eq!(body("a b", 0, "{}"), Err(MessageError::Type));
    assert_eq!(body("", 0, "{}"), Err(MessageError::Type));
    assert_eq!(body("a", 0, "{} {}"), Err(MessageError::Data));
    assert_eq!(body("a", i64::MAX, "{}"), Err(MessageError::Time));
    let large = format!("\"{}\"", "x".repeat(BODY_BYTES_MAX));
    assert!(matches!(body("a", 0, &large), Err(MessageError::TooLarge(_))));
}

#[test]
fn the_schedule_is_the_published_one() {
    let waits: Vec<i64> =
        (0..11).map_while(|attempts| next_attempt(attempts, 0, 0, None)).collect();
    assert_eq!(waits, SCHEDULE_MS);
    assert_eq!(waits.iter().sum::<i64>(), (75 * 3_600 + 35 * 60 + 5) * 1_000);
    assert_eq!(next_attempt(10, 0, 0, None), None);
    assert_eq!(next_attempt(10, 0, 0, Some(1)), None);
}

#[test]
fn retry_after_is_seconds_or_a_date_and_has_a_cap() {
    let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
    let check = |text, want| assert_eq!(parse_retry_after(text, now), want, "{text}");
    check("120", Some(120_000));
    check(" 0 ", Some(0));
    check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60_000));
    check("Sun, 06 Nov 1994 08:48:37 GMT", Some(0));
    check("Sun, 06 Nov 2094 08:48:37 GMT", Some(RETRY_AFTER_MS_MAX));
    check("99999999999999999999999", Some(RETRY_AFTER_MS_MAX));
    check("", None);
    check("-1", None);
    check("soon", None);
}

#[test]
fn statuses_mean_what_the_specification_says() {
    let check =
        |status, want| assert_eq!(Outcome::of_status(status, None).code(), want, "{status}");
    check(200, "delivered");
    check(204, "delivered");
    check(299, "delivered");
    check(302, "redirect");
    check(304, "redirect");
    check(400, "status");
    check(404, "status");
    check(410, "gone");
    check(429, "throttled");
    check(500, "status");
    check(502, "throttled");
    check(504, "throttled");
    check(999, "status");
}

#[test]
fn only_public_addresses_are_public() {
    let check = |text: &str, want| {
        assert_eq!(is_public(text.parse::<IpAddr>().unwrap()), want, "{text}");
    };
    for open in [
        "1.1.1.1",
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "169.253.255.255",
        "192.167.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ] {
        check(open, true);
    }
    for closed in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::808:808",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "100::1",
    ] {
        check(closed, false);
    }
}

#[test]
fn urls_are_checked_in_every_spelling_of_an_address() {
    let policy = UrlPolicy::default();
    let check = |url: &str, want: Result<(), Refusal>| {
        assert_eq!(policy.check(url).map(drop), want, "{url}");
    };
    check("https://example.com/hook?a=b", Ok(()));
    check("http://example.com:8080/", Ok(()));
    check("https://8.8.8.8/", Ok(()));
    for inside in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/",
        "http://127.0.0.1./",
        "http://①②⑦.0.0.1/",
        "http://0/",
    ] {
        check(inside, Err(Refusal::Address));
    }
    check("ftp://example.com/", Err(Refusal::Scheme("ftp".into())));
    check("file:///etc/passwd", Err(Refusal::Scheme("file".into())));
    check("http://user:pass@example.com/", Err(Refusal::Credentials));
    check("https://example.com:22/", Err(Refusal::Port(22)));
    check("https://example.com:6667/", Err(Refusal::Port(6667)));
    check("https://example.com:25/", Err(Refusal::Port(25)));
    check("/relative", Err(Refusal::Url));
    check("http://", Err(Refusal::Url));
    check(&format!("http://example.com/{}", "x".repeat(2_048)), Err(Refusal::Url));
    let https = UrlPolicy { require_https: true, ..UrlPolicy::default() };
    assert_eq!(https.check("http://example.com").unwrap_err(), Refusal::Scheme("http".into()));
    let closed =
        UrlPolicy { allow_private: true, ports: Ports::Only(vec![9]), ..UrlPolicy::default() };
    assert!(closed.check("http://127.0.0.1:9/").is_ok());
    assert_eq!(closed.check("http://127.0.0.1/").unwrap_err(), Refusal::Port(80));
}

proptest! {
    #[test]
    fn the_next_attempt_is_never_early_and_at_most_a_tenth_late(
        attempts in 0_u32..12, now in 0_i64..4_000_000_000_000, seed: u64, after in proptest::option::of(-5_i64..200_000_000),
    ) {
        let asked = after.unwrap_or(0).clamp(0, RETRY_AFTER_MS_MAX);
        match next_attempt(attempts, now, seed, after) {
            Some(at) => {
                let wait = SCHEDULE_MS[attempts as usize].max(asked);
                prop_assert!(at - now >= wait && at - now <= wait + wait / 10);
            }
            None => prop_assert!(attempts >= 10),
        }
    }

    #[test]
    fn an_address_and_its_mapped_form_are_judged_alike(bits: u32) {
        let plain = std::net::Ipv4Addr::from_bits(bits);
        prop_assert_eq!(is_public(plain.into()), is_public(plain.to_ipv6_mapped().into()));
    }

    #[test]
    fn nothing_makes_the_parsers_panic(text in ".*") {
        let _ = UrlPolicy::default().check(&text);
        let _ = parse_retry_after(&text, 0);
        let _ = Secret::parse(&text);
        let _ = body(&text, 0, &text);
    }
}
