use std::fmt::Debug;

use impresario_ids::{SegmentId, TenantId, TraceId};
use impresario_kernel::{Ctx, Decision, Entity, EntityKey, IndexOp, Timestamp, decode};
use serde_json::json;

use super::*;

mod golden;
mod laws;

const RULE: &str = r#"{"event":"Order Completed","at_least":1}"#;
const OTHER_RULE: &str = r#"{"trait":"plan","eq":"pro"}"#;

fn key() -> EntityKey {
    EntityKey::new(TenantId::from_bytes([1; 16]), KIND, id())
}

/// What every stored type is.
trait Storable:
    minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + Debug + Send + Sync + 'static
{
}
impl<T> Storable for T where
    T: minicbor::Encode<()>
        + for<'b> minicbor::Decode<'b, ()>
        + PartialEq
        + Debug
        + Send
        + Sync
        + 'static
{
}

fn id() -> SegmentId {
    SegmentId::from_bytes([2; 16])
}

fn save(name: &str, rule: &str) -> Command {
    Command::Save {
        name: name.to_owned(),
        description: String::new(),
        rule: rule.to_owned(),
        expected_version: None,
    }
}

fn decide_at(
    state: &State,
    command: Command,
    now: i64,
    policy: &Policy,
) -> Result<Decision<Segment>, Rejection> {
    let key = key();
    let ctx = Ctx {
        now: Timestamp::from_ms(now),
        seed: 7,
        key: &key,
        next_seq: 1,
        policy,
        trace: TraceId::NIL,
        history: &[],
    };
    let decision = Segment::decide(state, command, &ctx)?;
    // The host writes effects with the event that they follow from.
    assert!(decision.effects.is_empty() || !decision.events.is_empty());
    Ok(decision)
}

fn ask(state: &State, query: Query) -> Answer {
    let key = key();
    let ctx = Ctx {
        now: Timestamp::EPOCH,
        seed: 7,
        key: &key,
        next_seq: 1,
        policy: &Policy::default(),
        trace: TraceId::NIL,
        history: &[],
    };
    Segment::answer(state, query, &ctx)
}

/// Decides and applies one command after the other, a millisecond apart.
fn after(commands: impl IntoIterator<Item = Command>) -> State {
    let mut state = State::default();
    for (now, command) in (1..).zip(commands) {
        let decision = decide_at(&state, command, now, &Policy::default()).expect("accepted");
        decision.events.iter().for_each(|event| Segment::apply(&mut state, event));
    }
    state
}

/// What a command leads to, in short words.
#[track_caller]
fn check(given: &[Command], when: Command, want: &str) {
    let state = after(given.iter().cloned());
    let got = match decide_at(&state, when, 100, &Policy::default()) {
        Err(rejection) => rejection_words(&rejection),
        Ok(decision) => words(&state, &decision),
    };
    assert_eq!(got, want, "after {given:?}");
}

fn rejection_words(rejection: &Rejection) -> String {
    use impresario_kernel::Coded as _;
    rejection.code().to_owned()
}

fn words(before: &State, decision: &Decision<Segment>) -> String {
    let mut state = before.clone();
    decision.events.iter().for_each(|event| Segment::apply(&mut state, event));
    let effects: Vec<String> = decision
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::Publish { version, name, .. } => format!("publish {name} {version}"),
            Effect::Withdraw { archived: false, .. } => "withdraw".to_owned(),
            Effect::Withdraw { archived: true, .. } => "withdraw for good".to_owned(),
        })
        .collect();
    let build = match state.build {
        Build::NotStarted => "not started",
        Build::Building { .. } => "building",
        Build::Ready { .. } => "ready",
        Build::Failed { .. } => "failed",
    };
    let changed = if decision.reply.changed { "" } else { "unchanged " };
    format!("{changed}v{} {:?} {build}: {}", state.version, state.status, effects.join(", "))
}

fn done(version: u32) -> Command {
    Command::SweepDone { version, profiles: 10, members: 3 }
}

fn failed(version: u32) -> Command {
    Command::SweepFailed { version, reason: "unavailable".to_owned() }
}

#[test]
fn pro_03_saving_publishes_a_version() {
    check(&[], save("Buyers", RULE), "v1 Live building: publish Buyers 1");
    let saved = [save("Buyers", RULE)];
    check(&saved, save("Buyers", OTHER_RULE), "v2 Live building: publish Buyers 2");
    check(&saved, save("Buyers", RULE), "unchanged v1 Live building: ");
    check(&saved, save(" Buyers ", &RULE.replace(':', " : ")), "unchanged v1 Live building: ");
    check(&saved, save("Customers", RULE), "v1 Live building: publish Customers 1");
    let built = [save("Buyers", RULE), done(1)];
    check(&built, save("Customers", RULE), "v1 Live ready: publish Customers 1");
    check(&built, save("Buyers", OTHER_RULE), "v2 Live building: publish Buyers 2");
}

#[test]
fn pausing_withdraws_and_resuming_publishes_again() {
    let live = [save("Buyers", RULE), done(1)];
    check(&live, Command::Pause, "v1 Paused ready: withdraw");
    let paused = [save("Buyers", RULE), Command::Pause];
    check(&paused, Command::Pause, "unchanged v1 Paused not started: ");
    check(&paused, save("Buyers", OTHER_RULE), "v2 Paused not started: ");
    check(&paused, save("Customers", RULE), "v1 Paused not started: ");
    check(&paused, Command::Resume, "v1 Live building: publish Buyers 1");
    check(&live, Command::Resume, "unchanged v1 Live ready: ");
    check(&[], Command::Pause, "segment_not_found");
    check(&[], Command::Resume, "segment_not_found");
}

#[test]
fn archiving_is_the_end() {
    let live = [save("Buyers", RULE)];
    check(&live, Command::Archive, "v1 Archived not started: withdraw for good");
    let paused = [save("Buyers", RULE), Command::Pause];
    check(&paused, Command::Archive, "v1 Archived not started: withdraw for good");
    check(&[], Command::Archive, "segment_not_found");
    let archived = [save("Buyers", RULE), Command::Archive];
    for command in [save("Buyers", RULE), Command::Pause, Command::Resume, Command::Archive] {
        check(&archived, command, "segment_archived");
    }
    check(&archived, done(1), "unchanged v1 Archived not started: ");
    check(&archived, failed(1), "unchanged v1 Archived not started: ");
    // The sweep that makes its members leave reports under the version after the last.
    check(&archived, done(2), "unchanged v1 Archived not started: ");
}

#[test]
fn only_the_sweep_of_the_current_version_counts() {
    let saved = [save("Buyers", RULE), save("Buyers", OTHER_RULE)];
    check(&saved, done(1), "unchanged v2 Live building: ");
    check(&saved, done(2), "v2 Live ready: ");
    check(&saved, done(3), "unchanged v2 Live building: ");
    check(&saved, failed(2), "v2 Live failed: ");
    check(&[save("Buyers", RULE), failed(1)], done(1), "v1 Live ready: ");
    check(&[save("Buyers", RULE), done(1)], done(1), "unchanged v1 Live ready: ");
    check(&[save("Buyers", RULE), Command::Pause], done(1), "unchanged v1 Paused not started: ");
    check(&[], done(0), "unchanged v0 Draft not started: ");
}

#[test]
fn versions_are_checked_before_saving() {
    let expecting = |expected| Command::Save {
        name: "Buyers".to_owned(),
        description: String::new(),
        rule: OTHER_RULE.to_owned(),
        expected_version: Some(expected),
    };
    check(&[], expecting(0), "v1 Live building: publish Buyers 1");
    check(&[], expecting(1), "segment_version_conflict");
    let saved = [save("Buyers", RULE)];
    check(&saved, expecting(1), "v2 Live building: publish Buyers 2");
    check(&saved, expecting(0), "segment_version_conflict");
}

#[test]
fn names_and_descriptions_are_checked() {
    for name in ["", "  ", "a\u{0}b", "a\nb", &"x".repeat(101)] {
        check(&[], save(name, RULE), "segment_name_invalid");
    }
    check(
        &[],
        save(&"é".repeat(100), RULE),
        &format!("v1 Live building: publish {} 1", "é".repeat(100)),
    );
    let described = Command::Save {
        name: "Buyers".to_owned(),
        description: "x".repeat(2_001),
        rule: RULE.to_owned(),
        expected_version: None,
    };
    check(&[], described, "segment_description_too_long");
}

#[test]
fn pro_03_an_invalid_rule_is_refused_with_all_its_problems() {
    use impresario_kernel::Coded as _;
    let rule = r#"{"all":[{"trait":"a","eq":null},{"event":"b","at_leest":1}]}"#;
    let rejection = decide_at(&State::default(), save("Buyers", rule), 1, &Policy::default())
        .expect_err("the rule is invalid");
    assert_eq!(rejection.code(), "segment_rule_invalid");
    let detail: serde_json::Value =
        serde_json::from_str(&rejection.detail().expect("a detail")).expect("JSON");
    let places: Vec<_> = detail["problems"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|problem| (problem["pointer"].clone(), problem["code"].clone()))
        .collect();
    assert_eq!(
        places,
        [
            (json!("/all/0/eq"), json!("wrong_type")),
            (json!("/all/1/at_leest"), json!("unknown_key")),
        ]
    );
    assert!(
        detail["problems"][1]["message"].as_str().is_some_and(|text| text.contains("at_least"))
    );
}

#[test]
fn computed_traits_must_exist_where_they_are_known() {
    let rule = r#"{"computed":"revenue","gt":100}"#;
    let knows = |names: &[&str]| Policy {
        computed_traits: Some(names.iter().map(|name| (*name).to_owned()).collect()),
    };
    let decide = |policy: &Policy| decide_at(&State::default(), save("Rich", rule), 1, policy);
    assert!(decide(&Policy::default()).is_ok());
    assert!(decide(&knows(&["revenue"])).is_ok());
    let rejection = decide(&knows(&["revenues"])).expect_err("no such computed trait");
    assert_eq!(rejection_words(&rejection), "segment_rule_invalid");
    assert!(rejection.to_string().contains("did you mean \"revenues\"?"));
}

#[test]
fn the_list_row_follows_every_change() {
    let mut state = State::default();
    for (now, command) in (1..).zip([
        save("Buyers", RULE),
        done(1),
        save("Customers", RULE),
        Command::Pause,
        Command::Resume,
        failed(1),
        Command::Archive,
    ]) {
        let decision = decide_at(&state, command, now, &Policy::default()).expect("accepted");
        decision.events.iter().for_each(|event| Segment::apply(&mut state, event));
        let [row] = decision.index.as_slice() else { panic!("one row, not {:?}", decision.index) };
        assert_eq!(
            (row.index, row.personal.as_ref(), row.term.as_slice()),
            (LIST_INDEX, None, id().as_bytes().as_slice())
        );
        let IndexOp::Put(bytes) = &row.op else { panic!("a value, not {:?}", row.op) };
        let stored: ListRow = decode(bytes).expect("decodes");
        assert_eq!(stored, ListRow::of(&state));
    }
}

#[test]
fn the_view_is_ready_for_the_api() {
    let state = after([save("Buyers", RULE), save("Buyers", OTHER_RULE), done(2)]);
    let Answer::Segment(Some(view)) = ask(&state, Query::Get) else { panic!("no view") };
    assert_eq!(
        serde_json::to_value(&view).expect("serializes"),
        json!({
            "id": id().to_string(),
            "name": "Buyers",
            "description": "",
            "status": "live",
            "version": 2,
            "rule": {"trait": "plan", "eq": "pro"},
            "created_at": "1970-01-01T00:00:00.001Z",
            "updated_at": "1970-01-01T00:00:00.002Z",
            "build": {
                "status": "ready", "profiles": 10, "members": 3, "at": "1970-01-01T00:00:00.003Z",
            },
            "versions": [
                {
                    "version": 1,
                    "rule": {"event": "Order Completed", "at_least": 1},
                    "saved_at": "1970-01-01T00:00:00.001Z",
                },
                {
                    "version": 2,
                    "rule": {"trait": "plan", "eq": "pro"},
                    "saved_at": "1970-01-01T00:00:00.002Z",
                },
            ],
        })
    );
    let Answer::Version(Some(first)) = ask(&state, Query::Version { version: 1 }) else {
        panic!("no version")
    };
    assert_eq!(first.rule, RULE);
    assert_eq!(ask(&state, Query::Version { version: 3 }), Answer::Version(None));
    assert_eq!(ask(&State::default(), Query::Get), Answer::Segment(None));
}

#[test]
fn old_versions_are_let_go() {
    let rules = (1..=30).map(|n| save("Buyers", &format!(r#"{{"event":"A","at_least":{n}}}"#)));
    let state = after(rules);
    let kept: Vec<u32> = state.versions.iter().map(|version| version.version).collect();
    assert_eq!(kept, (11..=30).collect::<Vec<_>>());
    assert_eq!(ask(&state, Query::Version { version: 10 }), Answer::Version(None));
}

#[test]
fn a_segment_has_no_timers() {
    assert_eq!(Segment::on_timer("anything"), None);
}
