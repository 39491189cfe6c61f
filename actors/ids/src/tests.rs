use super::*;

#[track_caller]
fn check<K: Kind>(text: &str, want: Result<[u8; 16], ParseIdError>) {
    assert_eq!(text.parse::<Id<K>>().map(|id| *id.as_bytes()), want);
}

#[test]
fn prints_and_parses_its_kind() {
    assert_eq!(TenantId::NIL.to_string(), "ten_00000000000000000000000000");
    assert_eq!(TenantId::from_bytes([0xff; 16]).to_string(), "ten_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    check::<TenantKind>("ten_7zzzzzzzzzzzzzzzzzzzzzzzzz", Ok([0xff; 16]));
}

#[test]
fn refuses_other_kinds_and_malformed_texts() {
    let wrong = ParseIdError::WrongKind { expected: "ten" };
    let malformed = ParseIdError::Malformed { expected: "ten" };
    check::<TenantKind>("prf_00000000000000000000000000", Err(wrong.clone()));
    check::<TenantKind>("", Err(wrong.clone()));
    check::<TenantKind>("ten00000000000000000000000000", Err(wrong));
    check::<TenantKind>("ten_", Err(malformed.clone()));
    check::<TenantKind>("ten_8zzzzzzzzzzzzzzzzzzzzzzzzz", Err(malformed.clone()));
    check::<TenantKind>("ten_0000000000000000000000000u", Err(malformed.clone()));
    check::<TenantKind>("ten_0000000000000000000000000é", Err(malformed));
}

#[test]
fn prefixes_are_distinct() {
    let mut prefixes = PREFIXES.to_vec();
    prefixes.sort_unstable();
    prefixes.dedup();
    assert_eq!(prefixes.len(), PREFIXES.len());
}

#[test]
fn derived_ids_depend_on_the_borders_between_parts() {
    assert_ne!(ProfileId::derived(&[b"ab", b"c"]), ProfileId::derived(&[b"a", b"bc"]));
    assert_ne!(
        ProfileId::derived(&[b"a"]).as_bytes(),
        SegmentId::derived(&[b"a"]).as_bytes(),
        "the kind is part of the derivation"
    );
}

proptest::proptest! {
    #[test]
    fn every_id_survives_printing_and_cbor(bytes: [u8; 16]) {
        let id = ProfileId::from_bytes(bytes);
        proptest::prop_assert_eq!(id.to_string().parse::<ProfileId>(), Ok(id));
        let stored = minicbor::to_vec(id).expect("a vector takes every byte");
        proptest::prop_assert_eq!(minicbor::decode::<ProfileId>(&stored).ok(), Some(id));
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = text.parse::<ProfileId>();
    }
}
