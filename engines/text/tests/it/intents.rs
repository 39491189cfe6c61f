//! CNV-17, CNV-18: askings, intents, urgency, order.

use impresario_text::intents::{
    Classifier, Declared, Example, Found, Kind, NoneBecause, Options, TrainError, order, split,
    urgency,
};

#[track_caller]
fn check_split(burst: &[&str], expected: &[&str]) {
    let askings = split(burst);
    let texts: Vec<&str> = askings.iter().map(|asking| asking.text.as_str()).collect();
    assert_eq!(texts, expected);
}

#[test]
fn a_burst_falls_into_its_askings_cnv_17() {
    check_split(
        &["hi", "where is my order #123? and can I change the address"],
        &["where is my order #123?", "can I change the address"],
    );
    check_split(
        &["I want to cancel my order and get a refund, also when does the new one arrive"],
        &["I want to cancel my order and get a refund", "when does the new one arrive"],
    );
    check_split(
        &["Hallo! Wo ist mein Paket und kann ich es noch stornieren?"],
        &["Wo ist mein Paket", "kann ich es noch stornieren?"],
    );
    check_split(
        &["¿Dónde está mi pedido y cuándo llega? Quiero cancelar la suscripción"],
        &["¿Dónde está mi pedido", "cuándo llega?", "Quiero cancelar la suscripción"],
    );
    check_split(&["1. cancel order 55. 2. refund it."], &["cancel order 55.", "refund it."]);
}

#[test]
fn what_belongs_together_stays_together() {
    check_split(&["do you have black and white shoes"], &["do you have black and white shoes"]);
    check_split(&["where are the terms and conditions?"], &["where are the terms and conditions?"]);
    check_split(&["If it is late, can I cancel?"], &["If it is late, can I cancel?"]);
    check_split(&["I ordered 2.5 kg from Dr. Smith."], &["I ordered 2.5 kg from Dr. Smith."]);
    check_split(&["where is my", "order"], &["where is my order"]);
}

#[test]
fn small_talk_is_left_out_unless_it_is_all() {
    check_split(&["hello", "my card was stolen", "thanks!"], &["my card was stolen"]);
    check_split(&["thanks!"], &["thanks!"]);
    assert_eq!(split(&["thanks!"])[0].kind, Kind::SmallTalk);
    assert!(split(&["", "  ", "?!"]).is_empty());
}

fn example(intent: &str, text: &str) -> Example {
    Example { intent: intent.to_owned(), text: text.to_owned(), vector: None }
}

fn shop() -> Vec<Example> {
    [
        ("track", "where is my order"),
        ("track", "my parcel has not arrived yet"),
        ("track", "when will my package be delivered"),
        ("refund", "I want my money back"),
        ("refund", "please refund my purchase"),
        ("refund", "how do I get a refund"),
        ("hours", "when are you open"),
        ("hours", "what are your opening hours on sunday"),
        ("hours", "is the store open today"),
    ]
    .map(|(intent, text)| example(intent, text))
    .to_vec()
}

#[test]
fn few_examples_are_enough_without_vectors() {
    let classifier = Classifier::train(&shop(), &Options::default()).expect("three intents");
    let intent = |text: &str| classifier.predict(text, None).intent;
    assert_eq!(intent("where is my parcel?").as_deref(), Some("track"));
    assert_eq!(intent("I'd like a refund please").as_deref(), Some("refund"));
    assert_eq!(intent("are you open on saturday").as_deref(), Some("hours"));
    assert_eq!(classifier.predict("zzyzx qwrt", None).none_because, Some(NoneBecause::Unlike));
}

#[test]
fn vectors_decide_where_words_are_new() {
    let vector = |at: usize, tilt: f32| {
        let mut vector = vec![0.0; 8];
        vector[at] = 1.0;
        vector[7] = tilt;
        Some(vector)
    };
    let examples: Vec<Example> = shop()
        .into_iter()
        .enumerate()
        .map(|(at, example)| Example {
            vector: vector(at / 3, [0.1, -0.1, 0.0][at % 3]),
            ..example
        })
        .take(9)
        .collect();
    let classifier = Classifier::train(&examples, &Options::default()).expect("three intents");
    let near = classifier.predict("reimbursement wanted", vector(1, 0.05).as_deref());
    assert_eq!(near.intent.as_deref(), Some("refund"));
    let far = classifier.predict("reimbursement wanted", vector(5, 0.0).as_deref());
    assert_eq!(far.none_because, Some(NoneBecause::Unlike));
}

#[test]
fn training_is_deterministic_and_survives_serialisation() {
    let train = || Classifier::train(&shop(), &Options::default()).expect("three intents");
    assert_eq!(train(), train());
    let stored = serde_json::to_string(&train()).expect("plain data");
    assert_eq!(serde_json::from_str::<Classifier>(&stored).expect("what was written"), train());
}

#[test]
fn bad_examples_are_refused() {
    assert_eq!(Classifier::train(&[], &Options::default()), Err(TrainError::TooFewIntents(0)));
    let one = [example("a", "x"), example("a", "y")];
    assert_eq!(Classifier::train(&one, &Options::default()), Err(TrainError::TooFewIntents(1)));
    let mut odd = shop();
    for (at, example) in odd.iter_mut().enumerate() {
        example.vector = Some(vec![1.0; if at == 4 { 3 } else { 2 }]);
    }
    assert_eq!(Classifier::train(&odd, &Options::default()), Err(TrainError::BadVector(4)));
}

#[test]
fn urgency_hears_the_words() {
    assert!(urgency("My card was stolen, block it").score > 0.7);
    assert!(urgency("dringend bitte").score >= 0.6);
    assert!(urgency("where is my order").score < f32::EPSILON);
    assert!(urgency("not urgent, whenever you can").score < f32::EPSILON);
    assert!(urgency("URGENT!!! REFUND ME TODAY").score > urgency("urgent").score);
}

#[track_caller]
fn check_order(found: &[(&str, f32)], declared: &[(&str, u8, &[&str])], expected: &[usize]) {
    let found: Vec<Found> = found
        .iter()
        .map(|(intent, urgency)| Found { intent: (*intent).to_owned(), urgency: *urgency })
        .collect();
    let declared: Vec<Declared> = declared
        .iter()
        .map(|(intent, urgency, after)| Declared {
            intent: (*intent).to_owned(),
            urgency: *urgency,
            after: after.iter().map(|name| (*name).to_owned()).collect(),
        })
        .collect();
    assert_eq!(order(&found, &declared), expected);
}

#[test]
fn what_must_come_first_comes_first_then_the_urgent_cnv_18() {
    let declared: &[(&str, u8, &[&str])] = &[
        ("refund", 50, &["cancel"]),
        ("cancel", 10, &[]),
        ("block_card", 100, &[]),
        ("hours", 0, &[]),
    ];
    check_order(&[("refund", 0.0), ("cancel", 0.0)], declared, &[1, 0]);
    check_order(
        &[("hours", 0.0), ("refund", 0.0), ("block_card", 0.0), ("cancel", 0.0)],
        declared,
        &[2, 3, 1, 0],
    );
    check_order(&[("hours", 0.0), ("unknown", 0.9)], declared, &[1, 0]);
    check_order(&[("hours", 0.0), ("hours", 0.0)], declared, &[0, 1]);
    check_order(&[("a", 0.0), ("b", 0.0)], &[("a", 1, &["b"]), ("b", 2, &["a"])], &[0, 1]);
}
