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
fn check<T: Storable>(value: T, bytes: &str) {
    assert_eq!(hex(&encode(&value)), bytes);
    assert_eq!(decode::<T>(&unhex(bytes)).expect("decodes"), value);
}

fn at() -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000)
}

#[test]
fn commands() {
    let save = Command::Save {
        name: "n".to_owned(),
        description: "d".to_owned(),
        rule: "{}".to_owned(),
        expected_version: Some(7),
    };
    check(save, "820084616e6164627b7d07");
    check(Command::Pause, "820180");
    check(Command::Resume, "820280");
    check(Command::Archive, "820380");
    check(Command::SweepDone { version: 2, profiles: 1_000, members: 3 }, "820483021903e803");
    check(Command::SweepFailed { version: 2, reason: "r".to_owned() }, "820582026172");
}

#[test]
fn events() {
    let saved = Event::Saved {
        version: 2,
        name: "n".to_owned(),
        description: "d".to_owned(),
        rule: "{}".to_owned(),
        at: at(),
    };
    check(saved, "82008502616e6164627b7d1b0000018bcfe56800");
    let described =
        Event::Described { name: "n".to_owned(), description: "d".to_owned(), at: at() };
    check(described, "820183616e61641b0000018bcfe56800");
    check(Event::Paused { at: at() }, "8202811b0000018bcfe56800");
    check(Event::Resumed { at: at() }, "8203811b0000018bcfe56800");
    check(Event::Archived { at: at() }, "8204811b0000018bcfe56800");
    check(
        Event::Built { version: 2, profiles: 1_000, members: 3, at: at() },
        "820584021903e8031b0000018bcfe56800",
    );
    check(
        Event::BuildFailed { version: 2, reason: "r".to_owned(), at: at() },
        "8206830261721b0000018bcfe56800",
    );
}

#[test]
fn states() {
    check(State::default(), "8800006060000082008080");
    check(
        after([save("Buyers", RULE)]),
        "880101664275796572736001018201810181830178287b226576656e74223a224f7264657220436f6d706c65746564222c2261745f6c65617374223a317d01",
    );
    check(
        after([save("Buyers", RULE), save("Buyers", OTHER_RULE), done(2), Command::Pause]),
        "880202664275796572736001048202830a030382830178287b226576656e74223a224f7264657220436f6d706c65746564222c2261745f6c65617374223a317d018302781b7b227472616974223a22706c616e222c226571223a2270726f227d02",
    );
    check(
        after([save("Buyers", RULE), failed(1), Command::Archive]),
        "880301664275796572736001038203826b756e617661696c61626c650281830178287b226576656e74223a224f7264657220436f6d706c65746564222c2261745f6c65617374223a317d01",
    );
}

#[test]
fn effects_and_replies() {
    let publish =
        Effect::Publish { segment: id(), version: 2, name: "n".to_owned(), rule: "{}".to_owned() };
    check(publish, "820084500202020202020202020202020202020202616e627b7d");
    let withdraw = |archived| Effect::Withdraw { segment: id(), archived };
    check(withdraw(false), "8201815002020202020202020202020202020202");
    check(withdraw(true), "8201825002020202020202020202020202020202f5");
    check(Reply { version: 2, status: Status::Live, changed: true }, "830201f5");
}

#[test]
fn rejections_that_cross_nodes() {
    let problem = impresario_rules::Problem {
        pointer: "/all/0".to_owned(),
        code: "too_deep".into(),
        message: "m".to_owned(),
    };
    check(Rejection::RuleInvalid(vec![problem]), "8200818183662f616c6c2f3068746f6f5f64656570616d");
    check(Rejection::NameInvalid, "820180");
    check(Rejection::DescriptionTooLong, "820280");
    check(Rejection::VersionConflict { expected: 1, actual: 2 }, "8203820102");
    check(Rejection::Archived, "820480");
    check(Rejection::NotFound, "820580");
}

#[test]
fn queries_and_answers() {
    let state = after([save("Buyers", RULE), done(1)]);
    check(Query::Get, "820080");
    check(Query::Version { version: 2 }, "82018102");
    check(
        ask(&state, Query::Get),
        "8200818a50020202020202020202020202020202026642757965727360010178287b226576656e74223a224f7264657220436f6d706c65746564222c2261745f6c65617374223a317d01018202830a030281830178287b226576656e74223a224f7264657220436f6d706c65746564222c2261745f6c65617374223a317d01",
    );
    check(
        ask(&state, Query::Version { version: 1 }),
        "820181830178287b226576656e74223a224f7264657220436f6d706c65746564222c2261745f6c65617374223a317d01",
    );
    check(ListRow::of(&state), "8666427579657273010101018202830a0302");
}
