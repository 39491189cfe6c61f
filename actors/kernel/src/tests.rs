use impresario_ids::{ProfileId, TenantId};

use super::*;

const PROFILE: EntityKind = EntityKind { code: 2, name: "profile" };

#[test]
fn a_key_begins_with_its_tenant_and_round_trips() {
    let key =
        EntityKey::new(TenantId::from_bytes([7; 16]), PROFILE, ProfileId::from_bytes([9; 16]));
    let bytes = key.to_bytes();
    assert_eq!(&bytes[..16], &[7; 16]);
    assert_eq!(EntityKey::from_bytes(&bytes), Ok(key));
    assert_eq!(EntityKey::from_bytes(&bytes[..32]), Err(KeyError(32)));
}

#[test]
fn partitions_are_the_same_for_ever() {
    let places = [[0; 16], [1; 16], [0xff; 16]].map(|id| {
        EntityKey::new(TenantId::from_bytes([3; 16]), PROFILE, ProfileId::from_bytes(id))
            .partition(16)
            .0
    });
    assert_eq!(places, GOLDEN_PLACES);
}

const GOLDEN_PLACES: [u16; 3] = [10, 4, 7];

#[test]
fn partitions_are_used_evenly() {
    let mut counts = [0_u32; 16];
    for n in 0_u64..16_000 {
        let id = ProfileId::derived(&[&n.to_le_bytes()]);
        let place = EntityKey::new(TenantId::from_bytes([3; 16]), PROFILE, id).partition(16);
        counts[usize::from(place.0)] += 1;
    }
    assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
}

#[test]
fn personal_values_do_not_print() {
    assert_eq!(format!("{:?}", Personal("ada@example.com")), "<personal>");
}

#[test]
fn days_and_hours_before_the_epoch_round_down() {
    assert_eq!(Timestamp::from_ms(-1).day(), -1);
    assert_eq!(Timestamp::from_ms(-1).hour(), -1);
    assert_eq!(Timestamp::from_ms(86_400_000).day(), 1);
}

#[test]
fn time_does_not_overflow() {
    let last = Timestamp::from_ms(i64::MAX);
    assert_eq!(last.plus_ms(1), last);
    assert_eq!(last.since_ms(Timestamp::from_ms(i64::MIN)), i64::MAX);
}
