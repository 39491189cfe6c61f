use proptest::prelude::*;

use super::*;
use crate::keys::{MalformedKey, Presented, format, parse};

const WRITE: &str = "imp_wk_070w3ge1r70w3ge1r70w3ge1r7_0410h4440410h4440410h4440410h444";

#[track_caller]
fn check(text: &str, want: Result<(KeyKind, [u8; 20]), MalformedKey>) {
    let want =
        want.map(|(kind, bytes)| Presented { tenant: TENANT, kind, secret: Secret::new(bytes) });
    assert_eq!(parse(text), want, "{text}");
}

#[test]
fn texts_of_keys() {
    let bytes = [
        0x01, 0x02, 0x08, 0x90, 0x84, 0x01, 0x02, 0x08, 0x90, 0x84, 0x01, 0x02, 0x08, 0x90, 0x84,
        0x01, 0x02, 0x08, 0x90, 0x84,
    ];
    assert_eq!(format(TENANT, KeyKind::Write, &Secret::new(bytes)), WRITE);
    check(WRITE, Ok((KeyKind::Write, bytes)));
    check(&WRITE.replace("_wk_", "_sk_"), Ok((KeyKind::Secret, bytes)));
    check(&WRITE.replace("_wk_", "_xk_"), Err(MalformedKey));
    check(&WRITE[..WRITE.len() - 1], Err(MalformedKey));
    check(&format!("{WRITE}0"), Err(MalformedKey));
    check(&WRITE.replace("h4", "u4"), Err(MalformedKey));
    check(&WRITE.to_uppercase(), Err(MalformedKey));
    check("", Err(MalformedKey));
    check("imp_wk__", Err(MalformedKey));
}

#[test]
fn hashes_of_secrets_are_the_same_for_ever() {
    let hash = keys::hash(&pepper(), KeyKind::Write, &secret(1));
    let stored = impresario_kernel::encode(&hash);
    let hex: String = stored.iter().map(|byte| std::format!("{byte:02x}")).collect();
    assert_eq!(hex, HASH);
    assert_ne!(hash, keys::hash(&pepper(), KeyKind::Secret, &secret(1)));
    assert_ne!(hash, keys::hash(&Pepper::new([1; 32]), KeyKind::Write, &secret(1)));
}

const HASH: &str = "5820cda5a87cd38f941f0624bfe3671af2e75b6c2ca76047f9b67631a2cdf28ee8a3";

proptest! {
    #[test]
    fn every_key_survives_its_text(tenant: [u8; 16], write: bool, bytes: [u8; 20]) {
        let kind = if write { KeyKind::Write } else { KeyKind::Secret };
        let (tenant, secret) = (TenantId::from_bytes(tenant), Secret::new(bytes));
        let text = format(tenant, kind, &secret);
        prop_assert!(text.ends_with(&secret.last4()));
        prop_assert_eq!(parse(&text), Ok(Presented { tenant, kind, secret }));
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = parse(&text);
        let _ = parse(&std::format!("imp_wk_{text}"));
    }
}
