//! Messages of which nobody knows at first whether they arrived.

use impresario_farm::Fault;
use serde_json::Value;

use super::shop::{
    ANSWER, QUESTION, Shop, failed, id, is, next, text, whatsapp_status, words, written,
};

/// What the conversation says of a message that is in the dark.
fn is_in_the_dark(fate: &Value) -> bool {
    fate["status"].is_null() && fate["sending"]["unknown"] == true
}

/// Our own words for what the customer read.
fn texts(shop: &Shop) -> Vec<String> {
    shop.given("whatsapp").iter().map(|entry| words("whatsapp", entry)).collect()
}

/// The connection is cut after the platform took the message: its report settles it.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_settles_what_was_cut_off_and_it_is_not_sent_again() {
    let shop = Shop::connected(&["whatsapp"], &[]).await;
    shop.farm.farm.script(next("whatsapp", Fault::Close));
    shop.hear("whatsapp", &written("whatsapp", "wamid.A", QUESTION)).await;
    let answer = shop.answer(1).await;
    shop.fate(&answer, is_in_the_dark).await;
    // What is said after it waits for it.
    let further = shop.reply(text("Anything else?")).await;
    let taken = shop.given("whatsapp");
    assert_eq!(taken.len(), 1);
    let wamid = format!("wamid.{:08}", taken[0].number);
    shop.hear("whatsapp", &whatsapp_status(&taken[0], &wamid, "delivered", None)).await;
    let fate = shop.fate(&answer, is("delivered")).await;
    assert_eq!(fate["platform_ids"][0], wamid.as_str());
    shop.fate(&further, is("sent")).await;
    let texts = texts(&shop);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains(ANSWER) && texts[1] == "Anything else?", "{texts:?}");
}

/// The node dies while the platform has the message and has not answered yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_settles_what_a_crash_left_open() {
    let mut shop = Shop::connected(&["whatsapp"], &[]).await;
    shop.farm.farm.script(next("whatsapp", Fault::Hang));
    shop.hear("whatsapp", &written("whatsapp", "wamid.A", QUESTION)).await;
    let taken = shop.await_given("whatsapp", 1).await;
    shop.crash().await;
    let answer = shop.answer(1).await;
    shop.fate(&answer, is_in_the_dark).await;
    shop.hear("whatsapp", &whatsapp_status(&taken[0], "wamid.X", "read", None)).await;
    shop.fate(&answer, is("read")).await;
    let further = shop.reply(text("Anything else?")).await;
    shop.fate(&further, is("sent")).await;
    assert_eq!(texts(&shop).len(), 2, "{:?}", texts(&shop));
}

/// No report comes: it is risked once more, and then somebody is told.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_report_it_is_tried_twice_and_a_late_report_is_believed() {
    let short = ["--set", "answers.report_wait_ms=1000"];
    let shop = Shop::connected(&["whatsapp"], &short).await;
    shop.farm.farm.script(next("whatsapp", Fault::Close).times(2));
    shop.hear("whatsapp", &written("whatsapp", "wamid.A", QUESTION)).await;
    let answer = shop.answer(1).await;
    shop.fate(&answer, failed("outcome_unknown")).await;
    let taken = shop.given("whatsapp");
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].body, taken[1].body, "the same message under the same id");
    shop.hear("whatsapp", &whatsapp_status(&taken[1], "wamid.X", "delivered", None)).await;
    shop.fate(&answer, is("delivered")).await;
}

/// Slack and Twilio can be asked what they have, and Discord takes a repeated message for the same one.
#[tokio::test(flavor = "multi_thread")]
async fn platforms_that_can_tell_are_asked_before_anything_is_repeated() {
    let platforms = ["twilio", "slack", "discord"];
    let shop = Shop::connected(&platforms, &[]).await;
    for platform in platforms {
        shop.farm.farm.script(next(platform, Fault::Close));
        shop.hear(platform, &written(platform, &id(platform, 1), QUESTION)).await;
    }
    let sent = |shown: &Value| {
        let fates = shown["deliveries"].as_array().cloned().unwrap_or_default();
        !fates.is_empty() && fates.iter().all(is("sent"))
    };
    let three = |list: &Value| list["items"].as_array().is_some_and(|items| items.len() == 3);
    shop.node.until("/api/v1/conversations", three).await;
    for row in shop.conversations().await {
        let id = row["id"].as_str().expect("an id");
        let shown = shop.node.until(&format!("/api/v1/conversations/{id}"), sent).await;
        let found = shown["deliveries"][0]["platform_ids"][0].as_str();
        assert!(found.is_some_and(|id| !id.is_empty()), "{shown}");
    }
    assert_eq!(shop.given("twilio").len(), 1);
    assert_eq!(shop.given("slack").len(), 1);
    let given = shop.given("discord");
    assert_eq!(given.len(), 2);
    assert_eq!((&given[0].path, &given[0].body), (&given[1].path, &given[1].body), "in its place");
}
