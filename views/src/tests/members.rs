use impresario_ids::SegmentId;
use impresario_profile::index;
use impresario_segment::{Command as SegmentCommand, Segment};
use proptest::prelude::*;

use super::*;

const VIP: SegmentId = SegmentId::from_bytes([5; 16]);

fn profile(n: u64) -> ProfileId {
    ProfileId::derived(&[&n.to_le_bytes()])
}

/// A stay: profile, entered, left.
type Stay = (u64, i64, Option<i64>);

/// Writes the rows that a profile writes for its stays.
fn write(store: &Store, (n, entered, left): Stay) {
    let key = EntityKey::new(ACME, impresario_profile::KIND, profile(n));
    let entered = Timestamp::from_ms(entered);
    let (row_index, term, value) = match left {
        None => (index::MEMBERS, index::member_term(VIP, profile(n)), index::time_value(entered)),
        Some(left) => (
            index::PAST_MEMBERS,
            index::past_member_term(VIP, profile(n), entered),
            index::time_value(Timestamp::from_ms(left)),
        ),
    };
    let row = IndexRow { index: row_index, personal: None, term, op: IndexOp::Put(value) };
    store.commit(&key, vec![store.index(ACME, &row)]);
}

/// Who was a member at a moment (now: `None`), in pages of `limit`; the count must agree.
fn members(store: &Store, at: Option<i64>, limit: usize) -> Vec<ProfileId> {
    let at = at.map(Timestamp::from_ms);
    let members = walk(limit, |after| match at {
        None => store.views.members(ACME, VIP, after, limit),
        Some(at) => store.views.members_at(ACME, VIP, at, after, limit),
    });
    assert_eq!(store.views.members_count(ACME, VIP, at), Ok(members.len() as u64));
    members.into_iter().map(|member| member.profile).collect()
}

#[track_caller]
fn check(stays: &[Stay], at: Option<i64>, want: &[u64]) {
    let store = Store::new();
    stays.iter().for_each(|stay| write(&store, *stay));
    let mut want: Vec<_> = want.iter().map(|n| profile(*n)).collect();
    want.sort_unstable();
    for limit in [1, 2, 50] {
        assert_eq!(members(&store, at, limit), want, "at {at:?}");
    }
}

#[test]
fn pro_03_members_now_and_at_a_past_date() {
    let stays = [
        (1, 10, None),
        (2, 10, Some(20)),
        (2, 30, None),
        (3, 10, Some(20)),
        (4, 40, None),
        (3, 20, Some(25)),
    ];
    check(&stays, None, &[1, 2, 4]);
    check(&stays, Some(9), &[]);
    check(&stays, Some(10), &[1, 2, 3]);
    check(&stays, Some(20), &[1, 3]);
    check(&stays, Some(25), &[1]);
    check(&stays, Some(30), &[1, 2]);
    check(&stays, Some(i64::MAX), &[1, 2, 4]);
}

#[test]
fn segments_are_listed() {
    let store = Store::new();
    let save = |n: u8, name: &str| {
        let id = SegmentId::from_bytes([n; 16]);
        let command = SegmentCommand::Save {
            name: name.to_owned(),
            description: String::new(),
            rule: r#"{"trait":"plan","eq":"pro"}"#.to_owned(),
            expected_version: None,
        };
        store.tell::<Segment>(&EntityKey::new(ACME, impresario_segment::KIND, id), command)
    };
    for n in [3, 1, 2] {
        if let Err(rejection) = save(n, &format!("s{n}")) {
            panic!("{rejection}");
        }
    }
    let segments = walk(2, |after| store.views.segments(ACME, after, 2));
    let names: Vec<_> = segments.iter().map(|segment| segment.row.name.as_str()).collect();
    assert_eq!(names, ["s1", "s2", "s3"]);
    assert_eq!(walk(2, |after| store.views.segments(OTHER, after, 2)), []);
}

/// Stays of each profile, in the order of time, without overlaps; the last may still go on.
fn any_stays() -> impl Strategy<Value = Vec<Stay>> {
    let one = (proptest::collection::vec(1..50_i64, 1..7), any::<bool>());
    proptest::collection::vec(one, 0..20).prop_map(|people| {
        let mut stays = Vec::new();
        for (n, (lengths, still)) in (0..).zip(people) {
            let mut time = 0;
            let mut times = lengths.into_iter().map(|length| {
                time += length;
                time
            });
            while let Some(entered) = times.next() {
                match times.next() {
                    Some(left) => stays.push((n, entered, Some(left))),
                    None if still => stays.push((n, entered, None)),
                    None => {}
                }
            }
        }
        stays
    })
}

proptest! {
    /// W3: whatever the rows, the moment and the size of a page, the walk gives each member once.
    #[test]
    fn every_walk_gives_the_members(stays in any_stays(), at in proptest::option::of(0..200_i64), limit in 1..9_usize) {
        let store = Store::new();
        stays.iter().for_each(|stay| write(&store, *stay));
        let was_in = |(_, entered, left): &&Stay| match at {
            None => left.is_none(),
            Some(at) => *entered <= at && left.is_none_or(|left| at < left),
        };
        let mut want: Vec<_> = stays.iter().filter(was_in).map(|(n, _, _)| profile(*n)).collect();
        want.sort_unstable();
        prop_assert_eq!(members(&store, at, limit), want);
    }
}
