use std::mem::size_of;

use super::*;
use crate::counters::{Counter, Recent};
use crate::facts::{Text, Trait};
use crate::sessions::{Page, Session};

/// Bytes on the heap, each block rounded up to 16 and with 16 of the allocator's own.
fn block(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes.next_multiple_of(16) + 16 }
}

/// The memory of a state without rules, counted from what it shows; vectors as large as
/// growing by doubling leaves them.
fn estimate(state: &State, view: &View) -> usize {
    let facts = state.facts();
    let vector = |length: usize, item: usize| block(length.next_power_of_two().max(4) * item);
    let texts = |ids: &[Text]| {
        vector(ids.len(), size_of::<Text>()) + ids.iter().map(|id| block(id.0.len())).sum::<usize>()
    };
    let traits =
        facts.traits().map(|one| block(one.name.len()) + block(one.value.0.len())).sum::<usize>();
    size_of::<State>()
        + texts(&facts.user_ids)
        + texts(&facts.anonymous_ids)
        + traits
        + vector(facts.traits().count(), size_of::<Trait>())
        + view.counters.iter().map(|one| block(one.name.len())).sum::<usize>()
        + vector(view.counters.len(), size_of::<Counter>())
        + vector(view.recent.len(), size_of::<Recent>())
        + vector(view.sessions.len(), size_of::<Session>())
        + 2 * view.sessions.len() * (block(size_of::<Page>()) + block(24))
        + block(48)
}

#[test]
fn a_typical_profile_is_small() {
    let mut story = Story::new(Policy::default());
    let traits =
        r#"{"email":"ada@example.org","name":"Ada Lovelace","plan":"pro","city":"London"}"#;
    story.receive(by_user(identify(1, NOON, traits), "user-000017")).expect("accepted");
    for n in 2..6_u64 {
        let message = page(n, "/products/shoes", NOON + n.cast_signed() * 5 * MINUTE);
        story.receive(by_user(message, "user-000017")).expect("accepted");
    }
    for n in 6..11_u64 {
        let name = ["Product Viewed", "Product Added", "Order Completed"][(n % 3) as usize];
        let message = track(n, name, NOON + n.cast_signed() * 5 * MINUTE, r#"{"revenue":10}"#);
        story.receive(by_user(message, "user-000017")).expect("accepted");
    }
    let id = user("user-000017");
    let bytes = estimate(&story.actors[&id].state, &story.view(id));
    assert!(bytes < 2_500, "{bytes} of which {} inline", size_of::<State>());
}
