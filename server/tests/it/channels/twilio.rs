//! WhatsApp through Twilio from end to end: content templates, presses, callbacks.

use serde_json::{Value, json};

use super::shop::{QUESTION, Shop, chosen, code, failed, field, form, is, next, text, written};

const ADA: &str = "whatsapp:+16505551234";
const SHOP: &str = "whatsapp:+14155238886";

/// What Twilio reports of a message that it was given.
fn report(sid: &str, status: &str, code: &str) -> String {
    form(&[
        ("MessageSid", sid),
        ("MessageStatus", status),
        ("ErrorCode", code),
        ("To", ADA),
        ("From", SHOP),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_are_templates_that_are_made_once_and_callbacks_only_go_forward() {
    let shop = Shop::connected(&["twilio"], &[]).await;
    shop.hear("twilio", &written("twilio", "SM0001", QUESTION)).await;
    let answer = shop.answer(1).await;
    let fate = shop.fate(&answer, is("sent")).await;
    let sid = fate["platform_ids"][0].as_str().expect("a sid").to_owned();
    let callback = field(&shop.given("twilio")[0], "StatusCallback");
    let (_, query) = callback.split_once('?').expect("our id");
    assert!(query.contains(&answer), "{callback}");
    for (status, want) in
        [("delivered", "delivered"), ("sent", "delivered"), ("read", "read"), ("delivered", "read")]
    {
        for _delivery in 0..2 {
            shop.hear_at("twilio", &format!("?{query}"), &report(&sid, status, "0")).await;
        }
        assert_eq!(shop.fate(&answer, |_| true).await["status"], want, "after {status}");
    }
    let button = |id: &str| json!({ "id": id, "title": format!("The {id}") });
    let ask = |body: &str, ids: [&str; 2]| json!({ "type": "buttons", "body": body, "buttons": ids.map(button) });
    for asked in [ask("Which one?", ["tent", "mat"]), ask("And now?", ["bag", "stove"])] {
        let sent = shop.reply(asked).await;
        shop.fate(&sent, is("sent")).await;
    }
    let log = shop.farm.farm.log();
    let made = log.iter().filter(|it| it.method == "POST" && it.path.ends_with("/v1/Content"));
    let made: Vec<Value> = made.map(|it| it.json()).collect();
    assert_eq!(made.len(), 1, "one shape: {made:?}");
    assert_eq!(made[0]["types"]["twilio/quick-reply"]["actions"].as_array().map(Vec::len), Some(2));
    let given = shop.given("twilio");
    assert_eq!(field(&given[1], "ContentSid"), field(&given[2], "ContentSid"));
    let variables: Value =
        serde_json::from_str(&field(&given[2], "ContentVariables")).expect("JSON");
    assert_eq!((&variables["1"], &variables["2"]), (&json!("And now?"), &json!("The bag")));
    let press = form(&[
        ("MessageSid", "SM0002"),
        ("From", ADA),
        ("To", SHOP),
        ("Body", "The stove"),
        ("ButtonText", "The stove"),
        ("ButtonPayload", "stove"),
        ("NumMedia", "0"),
    ]);
    shop.hear("twilio", &press).await;
    shop.until(|shown| chosen(shown) == "stove").await;
    shop.farm.farm.script(next("twilio", code(63_016)));
    let closed = shop.reply(text("Are you still there?")).await;
    shop.fate(&closed, failed("window_closed")).await;
    // Taken, and then not delivered: the person has stopped it.
    let late = shop.reply(text("Good bye.")).await;
    let fate = shop.fate(&late, is("sent")).await;
    let sid = fate["platform_ids"][0].as_str().expect("a sid");
    shop.hear("twilio", &report(sid, "undelivered", "63050")).await;
    shop.fate(&late, failed("63050")).await;
    shop.until(|shown| shown["opted_out"] == true).await;
}
