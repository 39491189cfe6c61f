//! WhatsApp from end to end: bursts, choices, the window, refusals, reports.

use impresario_farm::Fault;
use serde_json::{Value, json};

use super::shop::{
    ANSWER, QUESTION, Shop, chosen, code, failed, is, next, now_s, slots, text, whatsapp,
    whatsapp_status, words, written,
};

const DAY_S: i64 = 24 * 60 * 60;

fn said(id: &str, at_s: i64, text: &str) -> String {
    whatsapp(id, at_s, json!({ "type": "text", "text": { "body": text } }))
}

/// Three messages, the last one first and each of them more than once: one reply to all of them; and
/// then reports about it in any order.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_in_any_order_gets_one_reply_and_reports_only_go_forward() {
    let shop = Shop::connected(&["whatsapp"], &[]).await;
    shop.put(
        "/api/v1/assistant",
        json!({
            "burst": { "quiet_ms": 2_000, "max_wait_ms": 15_000 },
            "disclosure": { "enabled": false, "reason": "a test" },
        }),
    )
    .await;
    let now_s = now_s();
    let all = [
        said("wamid.A", now_s - 3, "Hello!"),
        said("wamid.B", now_s - 2, QUESTION),
        said("wamid.C", now_s - 1, "And how many years of warranty does every tent have?"),
    ];
    for index in [2, 0, 2, 1, 0, 1] {
        shop.hear("whatsapp", &all[index]).await;
    }
    let outgoing = shop.answer(1).await;
    let fate = shop.fate(&outgoing, is("sent")).await;
    let given = shop.given("whatsapp");
    let reply = words("whatsapp", &given[0]);
    assert_eq!(given.len(), 1);
    assert!(reply.contains(ANSWER) && reply.contains("five years"), "{reply}");
    let shown = shop.until(|shown| shown["counters"]["received"] == 3).await;
    assert_eq!(shown["turn"], 1, "{shown}");
    // The blue ticks, and that somebody is writing, below the last one.
    let log = shop.farm.farm.log();
    let read: Vec<Value> =
        log.iter().map(|it| it.json()).filter(|it| it["status"] == "read").collect();
    assert_eq!(read.len(), 1, "{read:?}");
    assert_eq!(read[0]["typing_indicator"], json!({ "type": "text" }));
    let wamid = fate["platform_ids"][0].as_str().expect("an id");
    let mut furthest = 0;
    for (status, rank) in
        [("delivered", 1), ("sent", 0), ("read", 2), ("delivered", 1), ("failed", 0)]
    {
        for _delivery in 0..2 {
            shop.hear("whatsapp", &whatsapp_status(&given[0], wamid, status, None)).await;
        }
        furthest = furthest.max(rank);
        let fate = shop.fate(&outgoing, |_| true).await;
        assert_eq!(fate["status"], ["sent", "delivered", "read"][furthest], "after {status}");
    }
    assert_eq!(shop.given("whatsapp").len(), 1);
}

/// What can be chosen: as buttons, as a list, and as numbers where it is too much for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_choice_is_understood_by_its_press_and_by_its_number() {
    let shop = Shop::connected(&["whatsapp"], &[]).await;
    shop.hear("whatsapp", &said("wamid.A", now_s(), QUESTION)).await;
    let answer = shop.answer(1).await;
    shop.fate(&answer, is("sent")).await;
    let expect = async |id: &str| {
        let is_so = |shown: &Value| chosen(shown) == id;
        shop.until(is_so).await;
    };
    // Four buttons are one more than there can be.
    let button = |id: &str| json!({ "id": id, "title": format!("The {id}") });
    let four = ["tent", "mat", "bag", "stove"].map(button);
    shop.reply(json!({ "type": "buttons", "body": "Which one?", "buttons": four })).await;
    let given = shop.await_given("whatsapp", 2).await;
    let list = &given[1].json()["interactive"];
    assert_eq!(list["type"], "list", "{list}");
    assert_eq!(list["action"]["sections"][0]["rows"][1]["id"], "mat", "{list}");
    let press = json!({ "type": "list_reply", "list_reply": { "id": "mat", "title": "The mat" } });
    let press = json!({ "type": "interactive", "interactive": press });
    shop.hear("whatsapp", &whatsapp("wamid.B", now_s(), press)).await;
    expect("mat").await;
    // Three are buttons.
    let three = ["tent", "mat", "bag"].map(button);
    shop.reply(json!({ "type": "buttons", "body": "Which one?", "buttons": three })).await;
    let given = shop.await_given("whatsapp", 3).await;
    let buttons = &given[2].json()["interactive"];
    assert_eq!(buttons["type"], "button", "{buttons}");
    assert_eq!(buttons["action"]["buttons"][2]["reply"]["title"], "The bag", "{buttons}");
    // Twelve rows are too many for a list.
    shop.reply(slots(12)).await;
    let given = shop.await_given("whatsapp", 4).await;
    let numbered = words("whatsapp", &given[3]);
    assert!(numbered.contains("When may we call you?"), "{numbered}");
    assert!(numbered.contains("\n2. Slot 2\n") && numbered.ends_with("12. Slot 12"), "{numbered}");
    for (index, reply) in ["12", "the second", "Slot 7, please"].into_iter().enumerate() {
        shop.hear("whatsapp", &said(&format!("wamid.N{index}"), now_s(), reply)).await;
        expect(["slot-12", "slot-2", "slot-7"][index]).await;
    }
}

/// After a day of silence only a template may be sent, and whoever tries otherwise is told.
#[tokio::test(flavor = "multi_thread")]
async fn the_window_and_every_refusal_are_acted_on() {
    let shop = Shop::connected(&["whatsapp"], &[]).await;
    shop.hear("whatsapp", &said("wamid.A", now_s() - DAY_S - 60, QUESTION)).await;
    let late = shop.answer(1).await;
    shop.fate(&late, failed("window_closed")).await;
    let tried = shop.reply(text("Are you still there?")).await;
    shop.fate(&tried, failed("window_closed")).await;
    assert_eq!(shop.given("whatsapp").len(), 0, "nothing that would be refused is sent");
    let template = json!({
        "type": "template", "name": "still_there", "language": "en_GB",
        "params": [{ "value": "Ada" }], "text": "Are you still there, {{1}}?",
    });
    let again = shop.reply(template).await;
    shop.fate(&again, is("sent")).await;
    let sent = shop.given("whatsapp")[0].json();
    assert_eq!(sent["type"], "template");
    assert_eq!(sent["template"]["name"], "still_there");
    assert_eq!(sent["template"]["language"]["code"], "en_GB");
    assert_eq!(sent["template"]["components"][0]["parameters"][0]["text"], "Ada");
    // Or the tenant has one for whatever is to be said.
    let window = json!({ "name": "news", "language": "de", "params": [{ "value": "Ada" }] });
    shop.connect("whatsapp", json!({ "window_template": window })).await;
    let wrapped = shop.reply(text("It is **on its way**.\n\nBob")).await;
    shop.fate(&wrapped, is("sent")).await;
    let sent = shop.given("whatsapp")[1].json();
    let values = &sent["template"]["components"][0]["parameters"];
    assert_eq!(
        (&values[0]["text"], &values[1]["text"]),
        (&json!("Ada"), &json!("It is on its way. Bob"))
    );
    refused(&shop).await;
}

/// The customer opens the window, and the platform refuses all the same.
async fn refused(shop: &Shop) {
    shop.hear("whatsapp", &written("whatsapp", "wamid.B", "I am")).await;
    let open = shop.reply(text("Good!")).await;
    shop.fate(&open, is("sent")).await;
    // Whatever our clock says: the platform's counts.
    shop.farm.farm.script(next("whatsapp", code(131_047)));
    let wrapped = shop.reply(text("Here is your offer.")).await;
    shop.fate(&wrapped, is("sent")).await;
    let types: Vec<Value> =
        shop.given("whatsapp").iter().skip(3).map(|it| it.json()["type"].clone()).collect();
    assert_eq!(types, ["text", "template"]);
    shop.connect("whatsapp", json!({})).await;
    for (refusal, want) in [
        (131_047, "window_closed"),
        (131_049, "held_back"),
        (131_026, "131026"),
        (131_051, "131051"),
        (190, "190"),
    ] {
        shop.farm.farm.script(next("whatsapp", code(refusal)));
        let refused = shop.reply(text("Here is your offer.")).await;
        shop.fate(&refused, failed(want)).await;
    }
    assert_eq!(shop.given("whatsapp").len(), 10, "none of them is tried again");
    // Too many at once: a moment later.
    let limited = Fault::RateLimited { retry_after_s: Some(1) };
    shop.farm.farm.script(next("whatsapp", limited));
    let waited = shop.reply(text("And once more.")).await;
    shop.fate(&waited, is("sent")).await;
    assert_eq!(shop.given("whatsapp").len(), 12);
    // A report can tell it too: this person wants no more.
    let last = shop.given("whatsapp").pop().expect("one");
    assert_eq!(shop.until(|_| true).await["opted_out"], false);
    shop.hear("whatsapp", &whatsapp_status(&last, "wamid.X", "failed", Some(131_050))).await;
    shop.until(|shown| shown["opted_out"] == true).await;
    shop.fate(&waited, failed("131050")).await;
    // And wants some again.
    let wish = json!({
        "wa_id": "16505551234", "user_id": "US.13491208655302741918", "value": "resume",
        "timestamp": now_s().to_string(),
    });
    let value = json!({
        "messaging_product": "whatsapp", "metadata": { "phone_number_id": "1065" },
        "user_preferences": [wish],
    });
    let entry = json!({ "id": "1", "changes": [{ "field": "user_preferences", "value": value }] });
    let told = json!({ "object": "whatsapp_business_account", "entry": [entry] });
    shop.hear("whatsapp", &told.to_string()).await;
    shop.until(|shown| shown["opted_out"] == false).await;
}

/// A new number comes with a new id: the person is the same one. And nobody is sent more in a row than
/// the platform takes.
#[tokio::test(flavor = "multi_thread")]
async fn who_changes_the_number_stays_who_they_are_and_gets_messages_at_the_pace() {
    let shop = Shop::open(&[]).await;
    shop.connect("whatsapp", json!({ "pair_burst": 2, "pair_interval_ms": 700 })).await;
    let began = std::time::Instant::now();
    shop.hear("whatsapp", &said("wamid.A", now_s(), QUESTION)).await;
    let answer = shop.answer(1).await;
    shop.fate(&answer, is("sent")).await;
    for number in 1..=4 {
        shop.reply(text(&format!("Number {number}"))).await;
    }
    let given = shop.await_given("whatsapp", 5).await;
    // Two at once; each of the other three waited for its turn.
    assert!(began.elapsed().as_millis() >= 3 * 700, "{:?}", began.elapsed());
    let texts: Vec<String> = given[1..].iter().map(|entry| words("whatsapp", entry)).collect();
    assert_eq!(texts, ["Number 1", "Number 2", "Number 3", "Number 4"], "in order");

    let old = shop.until(|_| true).await["profile"].clone();
    let system = json!({
        "type": "system",
        "system": {
            "type": "user_changed_number", "body": "Ada changed", "wa_id": "4366012345",
            "user_id": "AT.77",
        },
    });
    shop.hear("whatsapp", &whatsapp("wamid.S", now_s(), system)).await;
    let new =
        whatsapp("wamid.B", now_s(), json!({ "type": "text", "text": { "body": "Me again" } }));
    let new = new.replace("US.13491208655302741918", "AT.77").replace("16505551234", "4366012345");
    shop.hear("whatsapp", &new).await;
    let two = |list: &Value| list["items"].as_array().is_some_and(|items| items.len() == 2);
    shop.node.until("/api/v1/conversations", two).await;
    for row in shop.conversations().await {
        let id = row["id"].as_str().expect("an id");
        let shown = shop.node.get(&format!("/api/v1/conversations/{id}")).await;
        if shown["profile"] == old {
            continue;
        }
        let profile = shown["profile"].as_str().expect("a profile");
        let is_one =
            |shown: &Value| shown["merged"].as_array().is_some_and(|all| all.contains(&old));
        shop.node.until(&format!("/api/v1/profiles/{profile}"), is_one).await;
    }
}

/// The address is the tenant's only if the words are.
#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_is_answered_to_whoever_knows_the_word() {
    let shop = Shop::connected(&["whatsapp"], &[]).await;
    let ask = async |word: &str| {
        let query = format!("?hub.mode=subscribe&hub.verify_token={word}&hub.challenge=1158201444");
        let answer = reqwest::get(shop.hook("whatsapp", &query)).await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    };
    assert_eq!(ask("verify").await, (200, "1158201444".to_owned()));
    assert_eq!(ask("guess").await.0, 401);
}
