//! Slack from end to end: threads, presses, what is not for the bot, refusals.

use impresario_farm::Fault;
use impresario_farm::channels::signed_headers;
use serde_json::{Value, json};

use super::shop::{
    ANSWER, QUESTION, Shop, chosen, failed, form, is, next, now_s, secret, slack, slots, text,
    words,
};

/// Something said in a channel.
fn said(kind: &str, user: &str, ts: &str, thread: Option<&str>, text: &str) -> String {
    let mut event = json!({
        "type": kind, "channel_type": "channel", "channel": "C1", "user": user, "ts": ts, "text": text,
    });
    if let Some(thread) = thread {
        event["thread_ts"] = json!(thread);
    }
    slack(event)
}

/// What Slack asks first, and what it must not get an answer to.
async fn greet(shop: &Shop) {
    let asked = json!({ "type": "url_verification", "challenge": "3eZbrw1aB", "token": "x" });
    assert_eq!(shop.hear("slack", &asked.to_string()).await.body, "3eZbrw1aB");
    let old_s = now_s() - 301;
    let body = said("app_mention", "U1", "1.000001", None, "<@UBOT> hello");
    let headers = signed_headers("slack", secret("slack"), "", &body, old_s);
    assert_eq!(shop.post("slack", "", &headers, &body).await.status, 401, "an old one");
    let own = slack(json!({
        "type": "message", "channel_type": "im", "channel": "D1", "user": "UBOT", "bot_id": "B1",
        "ts": "1.000002", "text": "I said that",
    }));
    shop.hear("slack", &own).await;
    // People among themselves: beside a thread, in one, and an emoji.
    shop.hear("slack", &said("message", "U1", "1.000003", None, QUESTION)).await;
    shop.hear("slack", &said("message", "U1", "1.000005", Some("1.000004"), QUESTION)).await;
    let emoji = json!({
        "type": "reaction_added", "user": "U1", "item_user": "U2", "reaction": "tada",
        "item": { "type": "message", "channel": "C1", "ts": "1.000003" }, "event_ts": "1.000006",
    });
    shop.hear("slack", &slack(emoji)).await;
    assert_eq!(shop.conversations().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_the_bot_is_answered_in_the_thread() {
    let shop = Shop::connected(&["slack"], &[]).await;
    greet(&shop).await;
    // A mention comes twice, under two names, and perhaps again.
    let stamp = format!("{}.000100", now_s());
    let question = format!("<@UBOT> {QUESTION}");
    for kind in ["message", "app_mention", "app_mention"] {
        shop.hear("slack", &said(kind, "U1", &stamp, None, &question)).await;
    }
    let answer = shop.answer(1).await;
    shop.fate(&answer, is("sent")).await;
    let given = shop.given("slack");
    assert_eq!(given.len(), 1);
    let sent = given[0].json();
    assert_eq!((&sent["channel"], &sent["thread_ts"]), (&json!("C1"), &json!(stamp)));
    assert!(words("slack", &given[0]).contains(ANSWER), "{sent}");
    assert_eq!(sent["metadata"]["event_payload"]["id"], answer.as_str());
    let log = shop.farm.farm.log();
    let status = log.iter().find(|entry| entry.path.ends_with("assistant.threads.setStatus"));
    let status = status.expect("somebody is writing").json();
    assert_eq!((&status["thread_ts"], &status["channel_id"]), (&json!(stamp), &json!("C1")));
    // In the thread the bot needs no further mention, of the one who talks to it.
    let further = format!("{}.000200", now_s());
    let body = said(
        "message",
        "U1",
        &further,
        Some(&stamp),
        "how many years of warranty does every tent have?",
    );
    shop.hear("slack", &body).await;
    let second = shop.answer(2).await;
    shop.fate(&second, is("sent")).await;
    let further = &shop.given("slack")[1];
    assert_eq!(further.json()["thread_ts"], stamp.as_str());
    assert!(words("slack", further).contains("five years"), "{}", further.body);
    choose(&shop, &stamp).await;
    // 200, and not accepted.
    let archived = Fault::Named { name: "error".to_owned(), data: json!("is_archived") };
    shop.farm.farm.script(next("slack", archived));
    let refused = shop.reply(text("Good bye.")).await;
    shop.fate(&refused, failed("is_archived")).await;
    shop.farm.farm.script(next("slack", Fault::RateLimited { retry_after_s: Some(1) }));
    let waited = shop.reply(text("Good bye!")).await;
    shop.fate(&waited, is("sent")).await;
}

/// A person of the shop asks with a menu, and the customer chooses.
async fn choose(shop: &Shop, thread: &str) {
    let asked = shop.reply(slots(12)).await;
    let fate = shop.fate(&asked, is("sent")).await;
    let given = shop.given("slack");
    let sent = given.last().expect("one").json();
    let menu = &sent["blocks"][1]["elements"][0];
    assert_eq!(menu["type"], "static_select", "{sent}");
    assert_eq!(menu["options"][11]["value"], "slot-12", "{sent}");
    let place = fate["platform_ids"][0].as_str().expect("an id");
    let (_, ts) = place.split_once(':').expect("a channel and a time");
    let option = menu["options"][4].clone();
    let payload = json!({
        "type": "block_actions", "team": { "id": "T1" }, "user": { "id": "U1", "name": "ada" },
        "channel": { "id": "C1" }, "message": { "ts": ts, "thread_ts": thread },
        "response_url": "https://hooks.slack.com/actions/x", "trigger_id": "t1",
        "actions": [{
            "type": "static_select", "action_id": menu["action_id"],
            "action_ts": format!("{}.500000", now_s()), "selected_option": option,
        }],
    });
    let body = form(&[("payload", &payload.to_string())]);
    for _delivery in 0..2 {
        assert_eq!(shop.hear("slack", &body).await.body, "");
    }
    let shown = shop.until(|shown| chosen(shown) == "slot-5").await;
    let of_menu = |message: &&Value| message["choice"]["id"] == "slot-5";
    let all = shown["messages"].as_array().cloned().unwrap_or_default();
    assert_eq!(all.iter().filter(of_menu).count(), 1, "{shown}");
}
