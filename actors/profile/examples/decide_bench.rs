//! How long one message takes in `decide` and `apply`:
//! `cargo run --release -p impresario-profile --example decide_bench`.

#![allow(clippy::print_stdout, reason = "a bench reports to the terminal")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use impresario_ids::{SegmentId, TenantId, TraceId};
use impresario_kernel::{Ctx, Entity, EntityKey, Personal, Timestamp};
use impresario_profile::{
    Call, Command, Event, KIND, Message, Policy, PolicySegment, Profile, State, id_of_user,
};

const MESSAGES: u64 = 200_000;
/// A fresh profile after this many messages.
const PER_PROFILE: u64 = 20;

fn message(number: u64) -> Message {
    let at = Timestamp::from_ms(1_768_478_400_000 + i64::try_from(number).unwrap_or(0) * 60_000);
    Message {
        user_id: Some(Personal("user-000017".to_owned())),
        name: Some(["Product Viewed", "Product Added", "Order Completed"][(number % 3) as usize].to_owned()),
        properties: Some(Personal(
            r#"{"product_id":"sku-1234","category":"shoes","price":59.9,"revenue":59.9,"currency":"EUR"}"#
                .to_owned(),
        )),
        ..Message::new(Call::Track, format!("message-{number}"), at, at)
    }
}

fn segment(number: u8, rule: &str) -> Option<PolicySegment> {
    let rule = impresario_rules::parse(rule).ok()?;
    Some(PolicySegment {
        id: SegmentId::from_bytes([number; 16]),
        version: 1,
        name: String::new(),
        rule,
    })
}

fn policy(count: u8) -> Policy {
    let rules = [
        r#"{"event": "Order Completed", "at_least": 3, "within_last": "90d"}"#,
        r#"{"no_event": "Product Added", "within_last": "30d"}"#,
        r#"{"trait": "plan", "eq": "pro"}"#,
        r#"{"all": [{"event": "Product Viewed", "at_least": 5}, {"trait": "plan", "eq": "pro"}]}"#,
        r#"{"event": "Rare", "at_least": 1}"#,
    ];
    let segments =
        (0..count).zip(rules.iter().cycle()).filter_map(|(n, rule)| segment(n, rule)).collect();
    Policy::new(segments, Vec::new(), Vec::new())
}

fn run(label: &str, policy: &Policy) {
    let tenant = TenantId::from_bytes([7; 16]);
    let key = EntityKey::new(tenant, KIND, id_of_user(tenant, "user-000017"));
    let mut state = State::default();
    let (mut deciding, mut applying) = (Duration::ZERO, Duration::ZERO);
    for number in 0..MESSAGES {
        if number % PER_PROFILE == 0 {
            state = State::default();
        }
        let command = Command::Ingest(Box::new(message(number)));
        let history: &[Event] = &[];
        let now = Timestamp::from_ms(1_768_478_400_000);
        let ctx =
            Ctx { now, seed: 1, key: &key, next_seq: 1, policy, trace: TraceId::NIL, history };
        let start = Instant::now();
        let decision = black_box(Profile::decide(&state, black_box(command), &ctx));
        deciding += start.elapsed();
        let Ok(decision) = decision else { continue };
        let start = Instant::now();
        for event in &decision.events {
            Profile::apply(&mut state, event);
        }
        applying += start.elapsed();
    }
    let each = |time: Duration| time.as_nanos() / u128::from(MESSAGES);
    println!("{label}: decide {} ns, apply {} ns per message", each(deciding), each(applying));
}

fn main() {
    run("no segments", &policy(0));
    run("5 segments", &policy(5));
    run("50 segments", &policy(50));
}
