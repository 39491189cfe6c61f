//! Discord's interactions from end to end: deferred answers, what follows them, components.

use impresario_farm::{Entry, Fault, Rule};
use serde_json::{Value, json};

use crate::models::{connect, requests};

use super::shop::{
    ANSWER, QUESTION, Shop, chosen, id, interaction, is, slots, text, words, written,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_interaction_is_answered_in_its_place_and_the_rest_follows() {
    let shop = Shop::connected(&["discord"], &[]).await;
    let ping = json!({ "id": "1", "application_id": "999", "type": 1, "token": "t", "version": 1 });
    assert_eq!(shop.hear("discord", &ping.to_string()).await.body, r#"{"type":1}"#);
    let typing = interaction(&id("discord", 1), json!({ "type": 4, "data": { "name": "ask" } }));
    let choices: Value =
        serde_json::from_str(&shop.hear("discord", &typing).await.body).expect("JSON");
    assert_eq!(choices, json!({ "type": 8, "data": { "choices": [] } }));
    assert_eq!(shop.conversations().await.len(), 0);

    let asked = id("discord", 2);
    shop.hear("discord", &written("discord", &asked, QUESTION)).await;
    let answer = shop.answer(1).await;
    shop.fate(&answer, is("sent")).await;
    let given = shop.given("discord");
    assert_eq!((given.len(), given[0].method.as_str()), (1, "PATCH"));
    let original = format!("/discord/api/v10/webhooks/999/tok-{asked}/messages/@original");
    assert_eq!(given[0].path, original);
    assert!(words("discord", &given[0]).contains(ANSWER));

    // A person adds more than fits into one message: the place is taken, so it follows.
    let long = "All about it. ".repeat(300);
    let more = shop.reply(text(&long)).await;
    let fate = shop.fate(&more, is("sent")).await;
    let parts = fate["platform_ids"].as_array().map_or(0, Vec::len);
    let given = shop.given("discord");
    assert!(parts >= 3, "{fate}");
    assert_eq!(given.len(), 1 + parts);
    let follow_up = format!("/discord/api/v10/webhooks/999/tok-{asked}?wait=true");
    let mut said = String::new();
    for entry in &given[1..] {
        assert_eq!((entry.method.as_str(), entry.path.as_str()), ("POST", follow_up.as_str()));
        let part = words("discord", entry);
        assert!(part.chars().count() <= 2_000);
        said.push_str(&part);
        said.push(' ');
    }
    let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(bare(&said), bare(&long), "nothing is lost between them");
    choose(&shop).await;
}

/// Two commands, one answer: the place that was kept for the other one is cleared.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_thinks_for_ever_where_one_answer_does_for_two() {
    let shop = Shop::connected(&["discord"], &[]).await;
    shop.put("/api/v1/assistant", json!({ "burst": { "quiet_ms": 2_000, "max_wait_ms": 15_000 } }))
        .await;
    let (first, second) = (id("discord", 1), id("discord", 2));
    shop.hear("discord", &written("discord", &first, "hello")).await;
    shop.hear("discord", &written("discord", &second, QUESTION)).await;
    let cleared = format!("/discord/api/v10/webhooks/999/tok-{first}/messages/@original");
    let is_cleared =
        |log: &[Entry]| log.iter().any(|it| it.method == "DELETE" && it.path == cleared);
    shop.await_log(is_cleared).await;
    let given = shop.given("discord");
    assert_eq!(given.len(), 1);
    assert!(given[0].path.contains(&format!("tok-{second}")), "{}", given[0].path);
    assert!(words("discord", &given[0]).contains(ANSWER));
}

/// Discord shows it for ten seconds only, and a model may think for longer.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_model_thinks_it_shows_that_somebody_writes() {
    let shop = Shop::connected(&["discord"], &[]).await;
    connect(&shop.node, &shop.farm).await;
    shop.farm.farm.script(Rule::next("openai", Fault::Hang));
    shop.hear("discord", &written("discord", &id("discord", 1), QUESTION)).await;
    let typing = "/discord/api/v10/channels/7001/typing";
    shop.await_log(|log| log.iter().filter(|it| it.path == typing).count() >= 2).await;
    assert_eq!(requests(&shop.farm), 1, "it still thinks");
    assert_eq!(shop.given("discord").len(), 0);
}

/// A menu, and a press in it: an interaction again, with a place of its own for the answer.
async fn choose(shop: &Shop) {
    let asked = shop.reply(slots(12)).await;
    let fate = shop.fate(&asked, is("sent")).await;
    let sent = shop.given("discord").pop().expect("one").json();
    let menu = &sent["components"][0]["components"][0];
    assert_eq!((&menu["type"], &menu["options"][11]["value"]), (&json!(3), &json!("slot-12")));
    let pressed = id("discord", 3);
    let body = interaction(
        &pressed,
        json!({
            "type": 3,
            "data": { "component_type": 3, "custom_id": menu["custom_id"], "values": ["slot-9"] },
            "message": { "id": fate["platform_ids"][0], "components": sent["components"] },
        }),
    );
    assert_eq!(shop.hear("discord", &body).await.body, r#"{"type":5}"#);
    shop.until(|shown| chosen(shown) == "slot-9").await;
    let noted = shop.reply(text("We call you then.")).await;
    shop.fate(&noted, is("sent")).await;
    let last = shop.given("discord").pop().expect("one");
    assert_eq!(last.method, "PATCH", "instead of \"is thinking\"");
    assert!(last.path.contains(&format!("tok-{pressed}")), "{}", last.path);
}
