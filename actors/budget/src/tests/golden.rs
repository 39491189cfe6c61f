//! Bytes that were once stored must be read for ever.

use impresario_kernel::encode;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

#[track_caller]
fn check<T: Storable>(value: &T, bytes: &str) {
    assert_eq!(hex(&encode(value)), bytes);
    assert_eq!(&decode::<T>(&unhex(bytes)).expect("decodes"), value);
}

fn at() -> Timestamp {
    Timestamp::from_ms(NOW)
}

fn full_path() -> Path {
    Path {
        campaign: Some("c".to_owned()),
        class: Some("w".to_owned()),
        conversation: Some(Spend { id: "v".to_owned(), spent_micros: 7 }),
        run: None,
        agent: "a".to_owned(),
        model: "m".to_owned(),
    }
}

fn all_limits() -> Vec<Limit> {
    vec![
        limit(Scope::Tenant, Period::Day, 1),
        limit(Scope::Campaign("c".to_owned()), Period::Month, 2),
        limit(Scope::EachCampaign, Period::Total, 3),
        limit(Scope::Class("w".to_owned()), Period::Day, 4),
        limit(Scope::EachConversation, Period::Total, 5),
        limit(Scope::EachRun, Period::Total, 6),
    ]
}

#[test]
fn commands() {
    check(
        &Command::SetLimits { limits: all_limits() },
        "8200818683820080000183820181616301028382028002038382038161770004838204800205838205800206",
    );
    check(
        &Command::Reserve { call: call(1), path: full_path(), micros: 300 },
        "8201835001010101010101010101010101010101866163617782617607f66161616d19012c",
    );
    check(&settle(1, 300), "820283500101010101010101010101010101010119012c850a00000500");
    check(&release(1), "8203815001010101010101010101010101010101");
    check(&Command::GiveUpDue, "820480");
}

#[test]
fn events() {
    check(&Event::LimitsSet { limits: Vec::new(), at: at() }, "820082801b0000018bcfe56800");
    check(
        &Event::Reserved { call: call(1), path: path(), micros: 300, at: at() },
        "820184500101010101010101010101010101010186f6f6f6f66668656c706572686f70656e61692f6d19012c1b0000018bcfe56800",
    );
    let (scope, period) = (Scope::Tenant, Period::Month);
    let denied = Event::Denied { call: call(1), scope: scope.clone(), period, micros: 9, at: at() };
    check(&denied, "820285500101010101010101010101010101010182008001091b0000018bcfe56800");
    let tokens = Tokens { input: 1, cached_input: 2, cache_write: 3, output: 4, reasoning: 5 };
    check(
        &Event::Settled { call: call(1), micros: 9, tokens, at: at() },
        "8203845001010101010101010101010101010101098501020304051b0000018bcfe56800",
    );
    check(
        &Event::Released { call: call(1), at: at() },
        "82048250010101010101010101010101010101011b0000018bcfe56800",
    );
    check(
        &Event::GivenUp { call: call(1), at: at() },
        "82058250010101010101010101010101010101011b0000018bcfe56800",
    );
    check(
        &Event::ThresholdReached { scope, period, percent: 80, at: at() },
        "8206848200800118501b0000018bcfe56800",
    );
}

#[test]
fn states() {
    check(&State::default(), "888086000000000083000000a0a0a0a08080");
    let mut state = State::default();
    let told = [
        Command::SetLimits { limits: vec![limit(Scope::Tenant, Period::Day, 500)] },
        Command::Reserve { call: call(1), path: full_path(), micros: 300 },
        reserve(2, &path(), 50),
        settle(2, 40),
        reserve(3, &path(), 5),
    ];
    for (number, command) in (0..).zip(told) {
        try_tell(&mut state, command, NOW + number).expect("allowed");
    }
    check(
        &state,
        "888183820080001901f486194cdb1901591902861901591901598318320000a2820181616386194cdb19012c19028619012c19012c83000000820381617786194cdb19012c19028619012c19012c83000000a2500101010101010101010101010101010183866163617782617607f66161616d19012c1b0000018bcfe5680150030303030303030303030303030303038386f6f6f6f66668656c706572686f70656e61692f6d051b0000018bcfe56804a1617619012ca0808182500202020202020202020202020202020200",
    );
    try_tell(&mut state, Command::GiveUpDue, NOW + HELD_MS + 1).expect("allowed");
    check(
        &state,
        "888183820080001901f486194cdb1901591902861901591901598318320000a2820181616386194cdb19012c19028619012c19012c83000000820381617786194cdb19012c19028619012c19012c83000000a150030303030303030303030303030303038386f6f6f6f66668656c706572686f70656e61692f6d051b0000018bcfe56804a0a08182500101010101010101010101010101010183866163617782617607f66161616d19012c1b0000018bcfe568018182500202020202020202020202020202020200",
    );
}

#[test]
fn effects_replies_and_rejections() {
    let (scope, period) = (Scope::Campaign("c".to_owned()), Period::Day);
    let notify = Effect::Notify {
        scope: scope.clone(),
        period,
        percent: 50,
        limit_micros: 100,
        committed_micros: 60,
        at: at(),
    };
    check(&notify, "82008682018161630018321864183c1b0000018bcfe56800");
    check(&Reply::LimitsSet, "820080");
    check(&Reply::Granted { left_micros: Some(3) }, "82018103");
    check(&Reply::Granted { left_micros: None }, "820180");
    check(&Reply::Denied { scope, period, left_micros: -3 }, "82028382018161630022");
    check(&Reply::Closed, "820380");
    check(&Reply::Settled, "820480");
    check(&Reply::Released, "820580");
    check(&Reply::UnknownCall, "820680");
    check(&Reply::GaveUp { count: 2 }, "82078102");
    check(&Rejection::AmountInvalid, "820080");
    check(&Rejection::PathInvalid, "820180");
    check(&Rejection::LimitsInvalid, "820280");
    check(&Rejection::TooManyHeld, "820380");
}

#[test]
fn queries_and_answers() {
    check(&Query::Get, "820080");
    check(&Query::Left { path: path() }, "82018186f6f6f6f66668656c706572686f70656e61692f6d");
    let limit =
        LimitView { limit: limit(Scope::Tenant, Period::Day, 9), committed_micros: Some(1) };
    let view = View {
        limits: vec![limit],
        today_micros: 1,
        month_micros: 2,
        total_micros: 3,
        held_micros: 4,
        held_calls: 5,
        given_up_calls: 6,
    };
    check(&Answer::Budget(view), "82008187818283820080000901010203040506");
    check(&Answer::Left(Some(-1)), "82018120");
}
