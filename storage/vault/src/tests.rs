use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use impresario_ids::TenantId;
use proptest::prelude::*;

use crate::keys::{DataKey, TenantKeys};
use crate::nonce::Nonces;
use crate::{
    CHECK_ROW, MasterKey, MasterKeyError, OVERHEAD, Row, Synced, Vault, VaultError, sealed,
};

const A: TenantId = TenantId::from_bytes([0xa; 16]);
const B: TenantId = TenantId::from_bytes([0xb; 16]);
const AAD: &[u8] = b"tenant a, row 1";

type Rows = Vec<Row>;

fn master(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; 32])
}

/// A vault with tenants A and B, and the rows that were committed for it.
fn vault() -> (Vault, Rows) {
    let vault = Vault::open(master(1), []).expect("a new vault opens");
    let check = vault.missing_check_row().expect("a row").expect("a new store lacks it");
    let mut rows = vec![(CHECK_ROW, check)];
    for tenant in [A, B] {
        let row = vault.provision(tenant).expect("a new tenant");
        assert!(!vault.contains(tenant), "not before its row is committed");
        vault.activate(tenant, &row).expect("its own row");
        rows.push((tenant, row));
    }
    (vault, rows)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|digit| !digit.is_whitespace()).collect();
    let byte = |pair: &[char]| {
        u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal")
    };
    digits.chunks(2).map(byte).collect()
}

#[test]
fn sealed_values_open_after_reopening() {
    let (vault, rows) = vault();
    let sealed = vault.seal(A, AAD, b"secret").expect("it seals");
    assert_eq!(sealed.len(), 6 + OVERHEAD);
    assert!(!sealed.windows(6).any(|part| part == b"secret"));
    let again = Vault::open(master(1), rows).expect("it opens");
    assert_eq!(again.open_sealed(A, AAD, &sealed), Ok(b"secret".to_vec()));
    assert_eq!(again.missing_check_row(), Ok(None));
    let mut tenants = again.tenants();
    tenants.sort_unstable();
    assert_eq!(tenants, [A, B]);
}

#[track_caller]
fn check_refused(
    tenant: TenantId,
    aad: &[u8],
    change: impl FnOnce(&mut Vec<u8>),
    want: &VaultError,
) {
    let (vault, _) = vault();
    let mut sealed = vault.seal(A, AAD, b"secret").expect("it seals");
    change(&mut sealed);
    assert_eq!(vault.open_sealed(tenant, aad, &sealed).as_ref(), Err(want));
}

#[test]
fn v1_a_value_opens_only_where_it_belongs() {
    let unauthentic = VaultError::Unauthentic;
    check_refused(B, AAD, |_| {}, &unauthentic);
    check_refused(A, b"tenant a, row 2", |_| {}, &unauthentic);
    check_refused(
        TenantId::from_bytes([0xc; 16]),
        AAD,
        |_| {},
        &VaultError::UnknownTenant(TenantId::from_bytes([0xc; 16])),
    );
    check_refused(A, AAD, |sealed| sealed[0] = 2, &VaultError::UnknownLayout(2));
    check_refused(A, AAD, |sealed| sealed[4] = 9, &VaultError::UnknownKey { tenant: A, key: 9 });
    for length in 0..OVERHEAD {
        check_refused(A, AAD, |sealed| sealed.truncate(length), &unauthentic);
    }
    for at in 5..OVERHEAD + 6 {
        check_refused(A, AAD, |sealed| sealed[at] ^= 1, &unauthentic);
    }
}

#[test]
fn v2_nonces_differ() {
    let (first, second) = (Nonces::new().expect("random"), Nonces::new().expect("random"));
    let mut drawn: Vec<_> = (0..1000).flat_map(|_| [first.draw(), second.draw()]).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 2000);
}

#[track_caller]
fn check_opening(key: u8, change: impl FnOnce(&mut Rows), want: &VaultError) {
    let (_, mut rows) = vault();
    change(&mut rows);
    assert_eq!(Vault::open(master(key), rows).map(|_| ()).as_ref(), Err(want));
}

#[test]
fn v3_a_wrong_master_key_is_told_from_damage() {
    check_opening(2, |_| {}, &VaultError::WrongMasterKey);
    // Without the check row, that of a tenant tells.
    check_opening(2, |rows| drop(rows.remove(0)), &VaultError::WrongMasterKey);
    check_opening(1, |rows| rows[1].1.truncate(20), &VaultError::DamagedRow(A));
    check_opening(1, |rows| rows[2].1[60] ^= 1, &VaultError::DamagedRow(B));
    check_opening(1, |rows| rows[1].1.clear(), &VaultError::DamagedRow(A));
    check_opening(1, |rows| rows[0].1.truncate(9), &VaultError::DamagedRow(CHECK_ROW));
    // One tenant's row in the place of another's.
    check_opening(1, |rows| rows[1].1 = rows[2].1.clone(), &VaultError::DamagedRow(A));
}

#[test]
fn v4_rotating_the_master_key_leaves_the_data_as_it_is() {
    let (vault, old) = vault();
    let sealed = vault.seal(A, AAD, b"secret").expect("it seals");
    let blind = vault.blind(A, 1, b"a@b.example").expect("a tenant");
    let mut new = vault.rotate_master(master(2)).expect("it rotates");
    assert_eq!(new.len(), old.len());
    assert_eq!(vault.open_sealed(A, AAD, &sealed), Ok(b"secret".to_vec()));
    // A tenant that comes after the rotation is wrapped by the new key.
    let late = TenantId::from_bytes([0xd; 16]);
    new.push((late, vault.provision(late).expect("a new tenant")));
    assert_eq!(Vault::open(master(1), new.clone()).map(|_| ()), Err(VaultError::WrongMasterKey));
    let again = Vault::open(master(2), new).expect("the new key opens the new rows");
    assert_eq!(again.open_sealed(A, AAD, &sealed), Ok(b"secret".to_vec()));
    assert_eq!(again.blind(A, 1, b"a@b.example"), Ok(blind));
    assert!(again.contains(late));
}

#[test]
fn a_rotation_cut_short_is_finished_at_the_next_opening() {
    let (vault, old) = vault();
    let sealed = vault.seal(A, AAD, b"secret").expect("it seals");
    let (vault, rewrapped) =
        Vault::open_rotating(master(2), master(1), old).expect("the previous key opens it");
    assert_eq!(rewrapped.len(), 3);
    assert_eq!(vault.open_sealed(A, AAD, &sealed), Ok(b"secret".to_vec()));
    let (vault, nothing) = Vault::open_rotating(master(2), master(1), rewrapped.clone())
        .expect("the new key opens it");
    assert!(nothing.is_empty());
    assert_eq!(vault.open_sealed(A, AAD, &sealed), Ok(b"secret".to_vec()));
    let opened = Vault::open_rotating(master(4), master(3), rewrapped);
    assert_eq!(opened.map(|_| ()), Err(VaultError::WrongMasterKey));
}

#[test]
fn v4_rotating_a_data_key_keeps_old_values_readable() {
    let (vault, mut rows) = vault();
    let old = vault.seal(A, AAD, b"old").expect("it seals");
    let blind = vault.blind(A, 1, b"value").expect("a tenant");
    let row = vault.rotate_data_key(A).expect("a tenant");
    assert_eq!(
        vault.seal(A, AAD, b"x").expect("it seals")[1..5],
        [0, 0, 0, 1],
        "not before the row is committed"
    );
    vault.activate(A, &row).expect("its own row");
    let new = vault.seal(A, AAD, b"new").expect("it seals");
    assert_eq!(new[1..5], [0, 0, 0, 2]);
    rows[1].1 = row;
    let again = Vault::open(master(1), rows).expect("it opens");
    assert_eq!(again.open_sealed(A, AAD, &old), Ok(b"old".to_vec()));
    assert_eq!(again.open_sealed(A, AAD, &new), Ok(b"new".to_vec()));
    assert_eq!(again.blind(A, 1, b"value"), Ok(blind));
}

#[test]
fn blinds_differ_between_tenants_and_domains() {
    let (vault, _) = vault();
    let blind =
        |tenant, domain, value: &[u8]| vault.blind(tenant, domain, value).expect("a tenant");
    assert_eq!(blind(A, 1, b"v"), blind(A, 1, b"v"));
    assert_ne!(blind(A, 1, b"v"), blind(B, 1, b"v"));
    assert_ne!(blind(A, 1, b"v"), blind(A, 2, b"v"));
    assert_ne!(blind(A, 1, b"v"), blind(A, 1, b"w"));
}

#[test]
fn ten_a_forgotten_tenant_is_unreadable() {
    let (vault, _) = vault();
    let sealed = vault.seal(A, AAD, b"secret").expect("it seals");
    assert_eq!((vault.forget(A), vault.forget(A)), (true, false));
    let unknown = VaultError::UnknownTenant(A);
    assert_eq!(vault.open_sealed(A, AAD, &sealed), Err(unknown.clone()));
    assert_eq!(vault.seal(A, AAD, b"x"), Err(unknown.clone()));
    assert_eq!(vault.blind(A, 1, b"x"), Err(unknown.clone()));
    assert_eq!(vault.rotate_data_key(A), Err(unknown));
    // Another key for the same tenant does not bring it back.
    let row = vault.provision(A).expect("its place is free");
    vault.activate(A, &row).expect("its own row");
    assert_eq!(vault.open_sealed(A, AAD, &sealed), Err(VaultError::Unauthentic));
}

#[test]
fn a_tenant_is_provisioned_once() {
    let (vault, _) = vault();
    assert_eq!(vault.provision(A), Err(VaultError::AlreadyProvisioned(A)));
    assert_eq!(vault.provision(CHECK_ROW), Err(VaultError::AlreadyProvisioned(CHECK_ROW)));
    assert_eq!(vault.activate(A, b"nonsense"), Err(VaultError::DamagedRow(A)));
}

/// Layout 1, key 1 = 32 bytes 0x2a, nonce 0x18 × 24. Values like this are in running stores.
const GOLDEN_SEALED: &str =
    "010000000118181818181818181818181818181818181818181818181814a9fe24ad79fc89feb8c32e3a6d6b
    6e7d22c32d7b915eb0b2820b2e8fd7";
/// The row of tenant A with that key, wrapped by the master key of 32 bytes 0x01.
const GOLDEN_ROW: &str =
    "81818201584d010000000077777777777777777777777777777777000000000000000099f7dd11d7551dfeb0
    568abfc1a40ef255d4a3b34367655e14d7a429f2f641deb88d9658f6aa91b53f28d0c97cefac58";

#[test]
fn golden_sealed_value_opens_for_ever() {
    let key = DataKey { id: 1, bytes: [0x2a; 32].into() };
    let sealed = sealed::seal(&key, [0x18; 24], AAD, b"a golden value").expect("it seals");
    assert_eq!(hex(&sealed), hex(&unhex(GOLDEN_SEALED)));
    let vault = Vault::open(master(1), [(A, unhex(GOLDEN_ROW))]).expect("the golden row opens");
    assert_eq!(vault.open_sealed(A, AAD, &unhex(GOLDEN_SEALED)), Ok(b"a golden value".to_vec()));
    assert_eq!(
        hex(&vault.blind(A, 3, b"golden").expect("a tenant")),
        "69fd8b74a1e3449104623c5ac29fb1a7"
    );
}

#[test]
fn golden_row_keeps_its_layout() {
    let keys = TenantKeys::new(vec![DataKey { id: 1, bytes: [0x2a; 32].into() }]).expect("a key");
    let row = keys.wrap(A.as_bytes(), &master(1), &Nonces::fixed([0x77; 16])).expect("it wraps");
    assert_eq!(hex(&row), hex(&unhex(GOLDEN_ROW)));
}

#[test]
fn v5_nothing_shows_a_key() {
    let (vault, _) = vault();
    let keys = TenantKeys::new(vec![DataKey { id: 1, bytes: [0x2a; 32].into() }]).expect("a key");
    let shown = format!("{vault:?} {:?} {keys:?}", master(0x2a));
    assert!(!shown.contains("42") && !shown.to_lowercase().contains("2a"), "{shown}");
}

#[track_caller]
fn check_text(text: &str, right: bool) {
    match MasterKey::from_text(text) {
        Ok(key) => assert!(right && *key.key().bytes == [0xab; 32], "{text}"),
        Err(error) => assert!(!right && matches!(error, MasterKeyError::Malformed), "{text}"),
    }
}

#[test]
fn a_master_key_is_hexadecimal_or_base_64() {
    check_text(&"ab".repeat(32), true);
    check_text(&format!("  {}\n", "AB".repeat(32)), true);
    check_text("q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=", true);
    check_text("q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s", true);
    check_text("", false);
    check_text(&"ab".repeat(31), false);
    check_text(&"ag".repeat(32), false);
    check_text("q6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=", false);
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode is set");
}

#[test]
fn a_master_key_file_is_made_once_and_kept_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("master.key");
    assert!(matches!(MasterKey::from_file(&path), Err(MasterKeyError::File { .. })));
    let made = MasterKey::from_file_or_create(&path).expect("it is made");
    assert_eq!(path.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    let read = MasterKey::from_file_or_create(&path).expect("it is read");
    assert_eq!(*made.key().bytes, *read.key().bytes);
    assert!(matches!(made.write_to(&path), Err(MasterKeyError::File { .. })), "never overwritten");
    for open in [0o640, 0o604, 0o610] {
        mode(&path, open);
        let refused = MasterKey::from_file(&path);
        assert!(
            matches!(refused, Err(MasterKeyError::TooOpen { mode, .. }) if mode == open),
            "{refused:?}"
        );
    }
    mode(&path, 0o600);
    std::fs::write(&path, "not a key").expect("it is written");
    assert!(matches!(
        MasterKey::from_file_or_create(&path),
        Err(MasterKeyError::MalformedFile { .. })
    ));
    std::fs::write(&path, [0xff, 0xfe]).expect("it is written");
    assert!(matches!(MasterKey::from_file(&path), Err(MasterKeyError::MalformedFile { .. })));
}

proptest! {
    #[test]
    fn what_is_sealed_opens(aad: Vec<u8>, plain: Vec<u8>) {
        let (vault, _) = vault();
        let sealed = vault.seal(A, &aad, &plain).expect("it seals");
        prop_assert_eq!(vault.open_sealed(A, &aad, &sealed), Ok(plain));
    }

    #[test]
    fn no_bytes_panic(row: Vec<u8>, sealed: Vec<u8>) {
        let (vault, _) = vault();
        let _ = vault.open_sealed(A, AAD, &sealed);
        let _ = vault.open_sealed(A, AAD, &[&[1, 0, 0, 0, 1], sealed.as_slice()].concat());
        let _ = vault.activate(A, &row);
        let _ = Vault::open(master(1), [(A, row.clone()), (CHECK_ROW, row)]);
    }
}

/// Another node provisions, rotates and erases; this one follows the committed rows.
#[test]
fn a_vault_follows_the_committed_rows() {
    let master = || MasterKey::from_bytes([7; 32]);
    let here = Vault::open(master(), []).expect("it opens");
    let there = Vault::open(master(), []).expect("it opens");
    let row = there.provision(A).expect("a key");
    there.activate(A, &row).expect("it is a key");
    let committed = Arc::new(Mutex::new(HashMap::from([(A, row.clone())])));
    let source = Arc::clone(&committed);
    assert!(!here.contains(A));
    here.look_in(Box::new(move |tenant| source.lock().expect("no panic").get(&tenant).cloned()));
    let sealed = there.seal(A, b"row", b"text").expect("sealed");
    assert_eq!(here.open_sealed(A, b"row", &sealed), Ok(b"text".to_vec()), "found at once");
    assert_eq!(here.sync(&[(A, row.clone())]), Ok(Synced::default()));
    let rotated = there.rotate_data_key(A).expect("rotated");
    there.activate(A, &rotated).expect("it is a key");
    let taken = Synced { taken: vec![A], forgotten: Vec::new() };
    assert_eq!(here.sync(&[(A, rotated)]), Ok(taken));
    let sealed = there.seal(A, b"row", b"text").expect("sealed");
    assert_eq!(here.open_sealed(A, b"row", &sealed), Ok(b"text".to_vec()));
    committed.lock().expect("no panic").clear();
    let forgotten = Synced { taken: Vec::new(), forgotten: vec![A] };
    assert_eq!(here.sync(&[]), Ok(forgotten));
    assert_eq!(here.open_sealed(A, b"row", &sealed), Err(VaultError::UnknownTenant(A)));
    assert_eq!(here.sync(&[(A, b"nothing".to_vec())]), Err(VaultError::DamagedRow(A)));
}
