use super::*;

#[test]
fn ten_06_keys_are_created_rotated_and_revoked() {
    let base = || [onboard(Plan::Pro), create_key(1)];
    check(base(), create_key(1), "unchanged");
    check(base(), create_key(2), "KeyCreated");
    check(
        base(),
        Command::CreateKey { key: NewKey { id: new_key(1).id, ..new_key(2) } },
        "refused api_key_id_taken",
    );
    check(base(), revoke_key(1), "KeyRevoked");
    check(base(), revoke_key(2), "refused api_key_unknown");
    check(base(), rotate_key(1, 2, 0), "KeyExpirySet KeyCreated");
    check(base(), rotate_key(3, 2, 0), "refused api_key_unknown");
    check(base(), rotate_key(1, 1, 0), "refused api_key_id_taken");
    check(base(), rotate_key(1, 2, -1), "refused api_key_invalid");
    check(base(), rotate_key(1, 2, 30 * DAY_MS + 1), "refused api_key_invalid");
    let revoked = [onboard(Plan::Pro), create_key(1), revoke_key(1)];
    check(revoked.clone(), rotate_key(1, 2, 0), "refused api_key_dead");
    check(revoked, revoke_key(1), "unchanged");
    let rotated = [onboard(Plan::Pro), create_key(1), rotate_key(1, 2, DAY_MS)];
    check(rotated.clone(), rotate_key(1, 2, DAY_MS), "unchanged");
    check(rotated, rotate_key(1, 3, DAY_MS), "refused api_key_dead");
}

#[test]
fn api_03_a_rotated_key_works_until_its_grace_ends() {
    let mut story = Story::told([onboard(Plan::Free), create_key(1), rotate_key(1, 2, 1_000)]);
    assert!(story.works(1) && story.works(2));
    story.now = Timestamp::from_ms(999);
    assert!(story.works(1));
    story.now = Timestamp::from_ms(1_000);
    assert!(!story.works(1) && story.works(2));
}

#[test]
fn a_key_of_another_kind_or_secret_does_not_authenticate() {
    let story = Story::told([onboard(Plan::Free), create_key(1)]);
    assert!(story.works(1) && !story.works(2));
    let as_write = keys::Presented { tenant: TENANT, kind: KeyKind::Write, secret: secret(1) };
    assert_eq!(story.state.authenticate(&as_write, story.now), None);
}

#[test]
fn api_07_scopes_fit_the_kind_of_key() {
    let key = |kind, scopes: &[Scope]| {
        let base = new_key(1);
        let hash = keys::hash(&pepper(), kind, &secret(1));
        Command::CreateKey { key: NewKey { kind, scopes: scopes.to_vec(), hash, ..base } }
    };
    let given = || [onboard(Plan::Free)];
    check(given(), key(KeyKind::Write, &[]), "KeyCreated");
    check(given(), key(KeyKind::Write, &[Scope::EventsWrite]), "KeyCreated");
    check(given(), key(KeyKind::Write, &[Scope::ProfilesRead]), "refused api_key_invalid");
    check(given(), key(KeyKind::Secret, &[]), "refused api_key_invalid");
    check(given(), key(KeyKind::Secret, Scope::ALL), "KeyCreated");
    let story = Story::told([onboard(Plan::Free), key(KeyKind::Write, &[])]);
    assert!(story.state.keys().all(|key| key.allows(Scope::EventsWrite)));
}

#[test]
fn the_plan_limits_keys_but_not_their_rotation() {
    let full = || std::iter::once(onboard(Plan::Free)).chain((1..=5).map(create_key));
    check(full(), create_key(6), "refused plan_limit_reached");
    check(full(), rotate_key(1, 6, DAY_MS), "KeyExpirySet KeyCreated");
    check(full().chain([revoke_key(1)]), create_key(6), "KeyCreated");
}

#[test]
fn dead_keys_are_forgotten_oldest_first() {
    let mut story = Story::told([onboard(Plan::Pro)]);
    for n in 0..=120 {
        story.now = Timestamp::from_ms(i64::from(n));
        story.tell(create_key(n));
        story.tell(revoke_key(n));
    }
    assert_eq!(story.state.keys().count(), 101);
    assert_eq!(story.state.key(ApiKeyId::from_bytes([0; 16])), None);
    assert!(story.state.key(ApiKeyId::from_bytes([120; 16])).is_some());
}
