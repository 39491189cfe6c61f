use impresario_ids::{ProfileId, TenantId, TraceId};
use impresario_kernel::{EntityKey, EntityKind, IndexId, Timestamp};

use super::*;

const KIND: EntityKind = EntityKind { code: 2, name: "profile" };

fn entity() -> EntityKey {
    EntityKey::new(TenantId::from_bytes([1; 16]), KIND, ProfileId::from_bytes([2; 16]))
}

#[track_caller]
fn check_golden<T>(row: &T, hex: &str)
where
    T: minicbor::Encode<()>
        + for<'b> minicbor::Decode<'b, ()>
        + Send
        + Sync
        + PartialEq
        + std::fmt::Debug
        + 'static,
{
    let bytes = encode_row(row);
    assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), hex);
    assert_eq!(&decode_row::<T>(&bytes).expect("golden bytes decode"), row);
}

#[test]
fn stored_values_are_readable_for_ever() {
    let at = Timestamp::from_ms(1_000);
    let trace = TraceId::from_bytes([3; 16]);
    let traced = "5003030303030303030303030303030303";
    check_golden(&EventRow { at, trace, body: vec![9] }, &format!("831903e8{traced}4109"));
    check_golden(&SnapshotRow { seq: 7, at, body: vec![9] }, "83071903e84109");
    check_golden(
        &OutboxRow { at, trace, attempts: 2, next_at: at, last_error: None, body: vec![9] },
        &format!("861903e8{traced}021903e8f64109"),
    );
    check_golden(
        &DeadLetterRow { at, reason: "r".to_owned(), kills: 3, trace, body: vec![9] },
        &format!("851903e8617203{traced}4109"),
    );
    assert_eq!(due_time(&due_value(at)), Some(at));
    assert_eq!(due_value(at), [0, 0, 0, 0, 0, 0, 3, 232]);
}

#[test]
fn every_key_begins_with_its_tenant() {
    let entity = entity();
    let keys = [
        event_key(&entity, 5),
        snapshot_key(&entity),
        seen_key(&entity, 20_000, &[4; 16]),
        outbox_key(&entity, 5, 1),
        timer_key(&entity, "segments"),
        dead_letter_key(&entity, Timestamp::from_ms(6), [7; 8]),
        index_key(entity.tenant, IndexId(10), Some(&[8; 16]), b"term"),
    ];
    for key in &keys {
        assert_eq!(&key[..16], entity.tenant.as_bytes(), "{key:?}");
    }
    assert_eq!(sequence_of(&keys[0]), Some(5));
    assert_eq!(sequence_of(&keys[3]), Some(5));
    assert_eq!(timer_name(&keys[4]), Some("segments"));
    assert_eq!(entity_of(&keys[5]), Some(entity));
}

proptest::proptest! {
    #[test]
    fn event_keys_order_as_their_sequences(a: u64, b: u64) {
        let entity = entity();
        proptest::prop_assert_eq!(event_key(&entity, a).cmp(&event_key(&entity, b)), a.cmp(&b));
    }
}
