use std::fmt::Debug;

use impresario_ids::{CallId, TraceId};
use impresario_kernel::{Coded as _, IndexOp, IndexRow, Timestamp, decode};

use super::*;

mod golden;
mod laws;

const TENANT: TenantId = TenantId::from_bytes([7; 16]);
const DAY_MS: i64 = 86_400_000;
/// 2023-11-14T22:13:20Z: day 19 675, an hour and a half before midnight in UTC.
const NOW: i64 = 1_700_000_000_000;

fn call(number: u8) -> CallId {
    CallId::from_bytes([number; 16])
}

fn path() -> Path {
    Path { agent: "helper".to_owned(), model: "openai/m".to_owned(), ..Path::default() }
}

fn campaign(name: &str) -> Path {
    Path { campaign: Some(name.to_owned()), ..path() }
}

fn in_conversation(id: &str, spent_micros: i64) -> Path {
    Path { conversation: Some(Spend { id: id.to_owned(), spent_micros }), ..path() }
}

fn limit(scope: Scope, period: Period, micros: i64) -> Limit {
    Limit { scope, period, micros }
}

fn limits(limits: &[Limit]) -> Command {
    Command::SetLimits { limits: limits.to_vec() }
}

fn reserve(number: u8, path: &Path, micros: i64) -> Command {
    Command::Reserve { call: call(number), path: path.clone(), micros }
}

fn settle(number: u8, micros: i64) -> Command {
    let tokens = Tokens { input: 10, output: 5, ..Tokens::default() };
    Command::Settle { call: call(number), micros, tokens }
}

fn release(number: u8) -> Command {
    Command::Release { call: call(number) }
}

fn try_tell(state: &mut State, command: Command, now: i64) -> Result<Decision<Budget>, Rejection> {
    let key = key(TENANT);
    let ctx = Ctx {
        now: Timestamp::from_ms(now),
        seed: 1,
        key: &key,
        next_seq: 1,
        policy: &(),
        trace: TraceId::NIL,
        history: &[],
    };
    let decision = Budget::decide(state, command, &ctx)?;
    // The host writes effects with the event that they follow from.
    assert!(decision.effects.is_empty() || !decision.events.is_empty());
    decision.events.iter().for_each(|event| Budget::apply(state, event));
    Ok(decision)
}

fn words(reply: &Reply) -> String {
    match reply {
        Reply::LimitsSet => "set".to_owned(),
        Reply::Granted { left_micros: None } => "granted".to_owned(),
        Reply::Granted { left_micros: Some(left) } => format!("granted, {left} left"),
        Reply::Denied { scope, period, left_micros } => {
            format!("denied by {scope:?} {period:?}, {left_micros} left")
        }
        Reply::Closed => "closed".to_owned(),
        Reply::Settled => "settled".to_owned(),
        Reply::Released => "released".to_owned(),
        Reply::UnknownCall => "unknown".to_owned(),
        Reply::GaveUp { count } => format!("gave up {count}"),
    }
}

/// Commands at their times, and the replies in words, with the thresholds told.
#[track_caller]
fn check(story: &[(i64, Command, &str)]) {
    let mut state = State::default();
    for (after_ms, command, want) in story {
        let got = match try_tell(&mut state, command.clone(), NOW + after_ms) {
            Err(rejection) => rejection.code().to_owned(),
            Ok(decision) => {
                let told: String = decision.effects.iter().map(notified).collect();
                words(&decision.reply) + &told
            }
        };
        assert_eq!(got, *want, "{command:?}");
    }
}

fn notified(effect: &Effect) -> String {
    let Effect::Notify { scope, period, percent, .. } = effect;
    format!(" ({percent} % of {scope:?} {period:?})")
}

#[test]
fn without_limits_everything_is_granted_and_counted() {
    check(&[(0, reserve(1, &path(), 100), "granted"), (1, settle(1, 80), "settled")]);
}

#[test]
fn llm_13_a_call_is_refused_before_it_would_pass_a_limit() {
    check(&[
        (0, limits(&[limit(Scope::Tenant, Period::Day, 1_000)]), "set"),
        (0, reserve(1, &path(), 400), "granted, 600 left"),
        (0, reserve(2, &path(), 601), "denied by Tenant Day, 600 left (100 % of Tenant Day)"),
        (0, reserve(3, &path(), 600), "granted, 0 left"),
        (0, reserve(4, &path(), 1), "denied by Tenant Day, 0 left"),
        // What was not needed is free again.
        (0, settle(1, 100), "settled"),
        (0, reserve(5, &path(), 300), "granted, 0 left"),
        (0, release(3), "released"),
        (0, reserve(6, &path(), 600), "granted, 0 left"),
    ]);
}

#[test]
fn days_and_months_begin_afresh_and_totals_do_not() {
    check(&[
        (
            0,
            limits(&[
                limit(Scope::Tenant, Period::Day, 100),
                limit(Scope::Tenant, Period::Month, 250),
                limit(Scope::Tenant, Period::Total, 320),
            ]),
            "set",
        ),
        (0, reserve(1, &path(), 40), "granted, 60 left"),
        (0, reserve(2, &path(), 61), "denied by Tenant Day, 60 left (100 % of Tenant Day)"),
        (
            DAY_MS,
            reserve(3, &path(), 100),
            "granted, 0 left (100 % of Tenant Day) (50 % of Tenant Month)",
        ),
        // Settled the day after: it counts where it was reserved.
        (2 * DAY_MS, settle(3, 70), "settled"),
        (
            2 * DAY_MS,
            reserve(4, &path(), 100),
            "granted, 0 left (100 % of Tenant Day) (80 % of Tenant Month) (50 % of Tenant Total)",
        ),
        (
            3 * DAY_MS,
            reserve(5, &path(), 50),
            "denied by Tenant Month, 40 left (100 % of Tenant Month)",
        ),
        (
            17 * DAY_MS,
            reserve(6, &path(), 100),
            "granted, 0 left (100 % of Tenant Day) (80 % of Tenant Total)",
        ),
        (
            18 * DAY_MS,
            reserve(7, &path(), 11),
            "denied by Tenant Total, 10 left (100 % of Tenant Total)",
        ),
    ]);
}

#[test]
fn each_campaign_has_its_limit_unless_it_has_its_own() {
    let own = Scope::Campaign("vip".to_owned());
    check(&[
        (
            0,
            limits(&[
                limit(Scope::EachCampaign, Period::Total, 100),
                limit(own, Period::Total, 1_000),
            ]),
            "set",
        ),
        (0, reserve(1, &campaign("spring"), 40), "granted, 60 left"),
        (
            0,
            reserve(2, &campaign("autumn"), 70),
            "granted, 30 left (50 % of Campaign(\"autumn\") Total)",
        ),
        (0, reserve(3, &campaign("vip"), 400), "granted, 600 left"),
        (
            0,
            reserve(4, &campaign("spring"), 61),
            "denied by Campaign(\"spring\") Total, 60 left (100 % of Campaign(\"spring\") Total)",
        ),
        (0, reserve(5, &path(), 5_000), "granted"),
    ]);
}

#[test]
fn classes_conversations_and_runs_have_limits() {
    let class = |name: &str| Path { class: Some(name.to_owned()), ..path() };
    let run =
        |spent_micros| Path { run: Some(Spend { id: "r".to_owned(), spent_micros }), ..path() };
    check(&[
        (
            0,
            limits(&[
                limit(Scope::Class("free".to_owned()), Period::Day, 50),
                limit(Scope::EachConversation, Period::Total, 100),
                limit(Scope::EachRun, Period::Total, 10),
            ]),
            "set",
        ),
        (0, reserve(1, &class("free"), 51), "denied by Class(\"free\") Day, 50 left"),
        (0, reserve(2, &class("paid"), 51), "granted"),
        (0, reserve(3, &in_conversation("c", 30), 50), "granted, 20 left"),
        (0, reserve(4, &in_conversation("c", 30), 21), "denied by EachConversation Total, 20 left"),
        (0, reserve(5, &in_conversation("d", 0), 100), "granted, 0 left"),
        (0, settle(3, 10), "settled"),
        (0, reserve(6, &in_conversation("c", 40), 60), "granted, 0 left"),
        (0, reserve(7, &run(9), 2), "denied by EachRun Total, 1 left"),
    ]);
}

#[test]
fn a_call_is_known_by_its_id() {
    check(&[
        (0, limits(&[limit(Scope::Tenant, Period::Day, 100)]), "set"),
        (0, reserve(1, &path(), 40), "granted, 60 left"),
        (0, reserve(1, &path(), 40), "granted, 60 left"),
        (0, settle(1, 30), "settled"),
        (0, settle(1, 99), "settled"),
        (0, release(1), "settled"),
        (0, reserve(1, &path(), 40), "closed"),
        (0, reserve(2, &path(), 70), "granted, 0 left (100 % of Tenant Day)"),
        (0, release(2), "released"),
        (0, settle(2, 70), "released"),
        (0, settle(9, 1), "unknown"),
        (0, release(9), "unknown"),
    ]);
}

#[test]
fn unknown_is_spent_until_the_truth_is_told() {
    check(&[
        (0, limits(&[limit(Scope::Tenant, Period::Total, 100)]), "set"),
        (0, reserve(1, &path(), 30), "granted, 70 left"),
        (1_000, reserve(2, &path(), 30), "granted, 40 left (50 % of Tenant Total)"),
        (HELD_MS - 1, Command::GiveUpDue, "gave up 0"),
        (HELD_MS, Command::GiveUpDue, "gave up 1"),
        (
            HELD_MS,
            reserve(3, &path(), 41),
            "denied by Tenant Total, 40 left (100 % of Tenant Total)",
        ),
        (HELD_MS, reserve(1, &path(), 30), "closed"),
        (HELD_MS, settle(1, 10), "settled"),
        (HELD_MS, reserve(4, &path(), 60), "granted, 0 left"),
        (HELD_MS + 1_000, Command::GiveUpDue, "gave up 1"),
        (HELD_MS + 1_000, release(2), "released"),
        (HELD_MS + 1_000, reserve(5, &path(), 30), "granted, 0 left"),
    ]);
}

#[test]
fn the_timer_follows_the_oldest_reservation() {
    let mut state = State::default();
    let mut due = |command, after_ms| {
        let decision = try_tell(&mut state, command, NOW + after_ms).expect("allowed");
        decision.timers.iter().map(|op| format!("{op:?}")).collect::<String>()
    };
    assert!(due(reserve(1, &path(), 1), 0).contains(&(NOW + HELD_MS).to_string()));
    assert_eq!(due(reserve(2, &path(), 1), 5), "");
    assert!(due(Command::GiveUpDue, HELD_MS).contains(&(NOW + HELD_MS + 5).to_string()));
    assert_eq!(due(Command::GiveUpDue, HELD_MS + 5), "");
    assert_eq!(Budget::on_timer("give_up"), Some(Command::GiveUpDue));
    assert_eq!(Budget::on_timer("other"), None);
}

#[test]
fn a_provider_that_takes_more_than_was_reserved_is_counted_in_full() {
    check(&[
        (0, limits(&[limit(Scope::Tenant, Period::Day, 100)]), "set"),
        (0, reserve(1, &path(), 40), "granted, 60 left"),
        (0, settle(1, 120), "settled (100 % of Tenant Day)"),
        (0, reserve(2, &path(), 1), "denied by Tenant Day, -20 left"),
        (0, reserve(3, &path(), 0), "denied by Tenant Day, -20 left"),
    ]);
}

#[test]
fn a_raised_limit_tells_its_thresholds_again() {
    check(&[
        (0, limits(&[limit(Scope::Tenant, Period::Day, 100)]), "set"),
        (0, reserve(1, &path(), 100), "granted, 0 left (100 % of Tenant Day)"),
        (0, limits(&[limit(Scope::Tenant, Period::Day, 200)]), "set"),
        (0, reserve(2, &path(), 10), "granted, 90 left (50 % of Tenant Day)"),
        (0, limits(&[]), "set"),
        (0, reserve(3, &path(), 1_000), "granted"),
    ]);
}

#[test]
fn what_cannot_be_is_refused() {
    let twice = [limit(Scope::Tenant, Period::Day, 1), limit(Scope::Tenant, Period::Day, 2)];
    check(&[
        (0, limits(&twice), "budget_limits_invalid"),
        (0, limits(&[limit(Scope::EachRun, Period::Day, 1)]), "budget_limits_invalid"),
        (0, limits(&[limit(Scope::Tenant, Period::Day, -1)]), "budget_amount_invalid"),
        (0, reserve(1, &path(), -1), "budget_amount_invalid"),
        (0, reserve(1, &path(), i64::MAX), "budget_amount_invalid"),
        (0, reserve(1, &Path::default(), 1), "budget_path_invalid"),
        (0, reserve(1, &campaign(&"x".repeat(129)), 1), "budget_path_invalid"),
        (0, reserve(1, &in_conversation("c", -1), 1), "budget_path_invalid"),
        (0, settle(1, -1), "budget_amount_invalid"),
    ]);
}

#[test]
fn months_are_those_of_the_calendar() {
    let month = |date_days: i64| crate::ledger::month(Timestamp::from_ms(date_days * DAY_MS));
    // 1970-01-01, 1970-01-31, 1970-02-01, 1969-12-31, 2024-02-29, 2024-03-01, 2026-11-21.
    let days = [0, 30, 31, -1, 19_782, 19_783, 20_778];
    assert_eq!(days.map(month), [0, 0, 1, -1, 649, 650, 682]);
}

#[test]
fn rows_say_who_spent_what_on_what() {
    let mut state = State::default();
    let path = Path { class: Some("web".to_owned()), ..campaign("spring") };
    try_tell(&mut state, reserve(1, &path, 50), NOW).expect("allowed");
    let decision = try_tell(&mut state, settle(1, 30), NOW + DAY_MS).expect("allowed");
    let day = 19_675_u32.to_be_bytes();
    let row = |index, rest: &[u8], add| IndexRow {
        index,
        personal: None,
        term: [&day[..], rest].concat(),
        op: IndexOp::Add(add),
    };
    assert_eq!(
        decision.index,
        [
            row(COST_BY_SCOPE, b"\0", 30),
            row(COST_BY_SCOPE, b"\x01spring", 30),
            row(COST_BY_SCOPE, b"\x02web", 30),
            row(COST_BY_MODEL, b"openai/m", 30),
            row(COST_BY_AGENT, b"helper", 30),
            row(TOKENS_BY_MODEL, b"\0openai/m", 10),
            row(TOKENS_BY_MODEL, b"\x03openai/m", 5),
            row(CALLS, b"\0openai/m", 1),
        ]
    );
    let read = CostRow::read(&decision.index[1].term);
    assert_eq!(read, Some(CostRow { day: 19_675, scope: 1, name: "spring".to_owned() }));
}

#[test]
fn the_state_is_bounded() {
    let mut state = State::default();
    let name = |number: u32| format!("c{number}");
    let id = |number: u32| CallId::derived(&[&number.to_le_bytes()]);
    let total = u32::try_from(SCOPES_MAX + 500).expect("small");
    for number in 0..total {
        let path = Path {
            conversation: Some(Spend { id: name(number), spent_micros: 0 }),
            ..campaign(&name(number))
        };
        let reserve = Command::Reserve { call: id(number), path, micros: 5 };
        try_tell(&mut state, reserve, NOW).expect("allowed");
        if number % 2 == 0 {
            let tokens = Tokens::default();
            let settle = Command::Settle { call: id(number), micros: 3, tokens };
            try_tell(&mut state, settle, NOW).expect("allowed");
        }
    }
    while !state.held.is_empty() {
        try_tell(&mut state, Command::GiveUpDue, NOW + HELD_MS).expect("allowed");
    }
    assert!(state.conversations.is_empty() && state.runs.is_empty());
    assert!(state.scopes.len() <= SCOPES_MAX && state.given_up.len() <= GIVEN_UP_MAX);
    assert!(state.closed.len() <= CLOSED_MAX);
    assert_eq!(state.tenant.total_micros, i64::from(total / 2) * 8);
}

#[test]
fn views_tell_what_is_left() {
    let mut state = State::default();
    let set = limits(&[
        limit(Scope::Tenant, Period::Month, 1_000),
        limit(Scope::EachConversation, Period::Total, 100),
    ]);
    for command in [set, reserve(1, &path(), 400), reserve(2, &path(), 50), settle(1, 300)] {
        try_tell(&mut state, command, NOW).expect("allowed");
    }
    let key = key(TENANT);
    let ask = |query| {
        let now = Timestamp::from_ms(NOW);
        let (policy, trace) = (&(), TraceId::NIL);
        let ctx = Ctx { now, seed: 1, key: &key, next_seq: 1, policy, trace, history: &[] };
        Budget::answer(&state, query, &ctx)
    };
    let Answer::Budget(view) = ask(Query::Get) else { panic!("the budget") };
    assert_eq!((view.today_micros, view.month_micros, view.total_micros), (350, 350, 350));
    assert_eq!((view.held_micros, view.held_calls), (50, 1));
    let committed: Vec<_> = view.limits.iter().map(|limit| limit.committed_micros).collect();
    assert_eq!(committed, [Some(350), None]);
    assert_eq!(ask(Query::Left { path: in_conversation("c", 30) }), Answer::Left(Some(70)));
    assert_eq!(ask(Query::Left { path: path() }), Answer::Left(Some(650)));
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
