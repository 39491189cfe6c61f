//! Discord's gateway from end to end: free text, what is not for the bot, cuts, a crash, the end.

use impresario_farm::{Ending, Entry, Fault, Rule};
use serde_json::{Value, json};

use crate::cluster::{number, three_with};
use crate::node::Node;

use super::shop::{ANSWER, QUESTION, Shop, id, is, words};

/// The connections to the gateway, by their requests.
fn lines(log: &[Entry]) -> Vec<Entry> {
    log.iter().filter(|entry| entry.path.starts_with("/discord/gateway/")).cloned().collect()
}

/// The op of a connection's greeting; 0 before it.
fn greeting(entry: &Entry) -> u64 {
    entry.json()["op"].as_u64().unwrap_or_default()
}

/// What the gateway has to tell from now on.
async fn dispatch(shop: &Shop, id: &str, channel: &str, text: &str, more: Value) {
    let mut data = json!({
        "id": id, "channel_id": channel, "type": 0, "content": text, "mentions": [],
        "author": { "id": "6001", "username": "ada", "global_name": "Ada" },
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        data[name] = value.clone();
    }
    let url = format!("{}/_dispatch", shop.farm.url("discord"));
    let told = json!({ "t": "MESSAGE_CREATE", "d": data });
    let posted = reqwest::Client::new().post(url).json(&told).send().await.expect("the farm");
    assert!(posted.status().is_success());
}

fn cut(after: u64) -> Rule {
    let data = json!({ "code": 4_000, "after": after });
    Rule::next("discord", Fault::Named { name: "close".to_owned(), data }).at("discord/gateway/")
}

#[tokio::test(flavor = "multi_thread")]
async fn free_text_is_answered_through_cuts_and_a_crash_until_nobody_wants_it() {
    let mut shop = Shop::open(&[]).await;
    // The line breaks after the first message.
    shop.farm.farm.script(cut(1));
    shop.connect("discord", json!({ "gateway": true })).await;
    shop.await_log(|log| lines(log).iter().any(|line| greeting(line) == 2)).await;
    let line = lines(&shop.farm.farm.log())[0].json();
    assert_eq!(line["d"]["token"], "bot-token", "{line}");

    let asked = id("discord", 1);
    dispatch(&shop, &asked, "7001", QUESTION, json!({})).await;
    // While nobody listens; and twice, as after a lost connection.
    let further = id("discord", 2);
    let question = "how many years of warranty does every tent have?";
    for _delivery in 0..2 {
        dispatch(&shop, &further, "7001", question, json!({})).await;
    }
    // People among themselves, and a bot.
    dispatch(&shop, &id("discord", 3), "7002", "hi all", json!({ "guild_id": "8001" })).await;
    let bot = json!({ "author": { "id": "6002", "bot": true } });
    dispatch(&shop, &id("discord", 4), "7003", "beep", bot).await;
    shop.await_log(|log| lines(log).iter().any(|line| greeting(line) == 6)).await;
    let log = lines(&shop.farm.farm.log());
    assert_eq!(log[0].ending, Ending::Cut);
    let resumed = log[1].json();
    assert_eq!(
        (&resumed["d"]["session_id"], &resumed["d"]["seq"]),
        (&json!("session-1"), &json!(2))
    );

    let is_quiet = |shown: &Value| {
        shown["counters"]["received"] == 2 && shown["thinking"] == false && shown["collecting"] == 0
    };
    let shown = shop.until(is_quiet).await;
    let replies = shown["counters"]["replies"].as_u64().unwrap_or_default();
    let answer = shop.answer(replies).await;
    shop.fate(&answer, is("sent")).await;
    let given = shop.given("discord");
    let said: Vec<String> = given.iter().map(|entry| words("discord", entry)).collect();
    assert!(said.iter().any(|said| said.contains(ANSWER)), "{said:?}");
    assert!(said.iter().any(|said| said.contains("five years")), "{said:?}");
    assert_eq!(said.len() as u64, replies, "{said:?}");
    let first = &given[0];
    assert_eq!(first.path, "/discord/api/v10/channels/7001/messages");
    assert_eq!(first.header("authorization"), Some("Bot bot-token"));
    assert_eq!(first.json()["enforce_nonce"], true);
    let reference = &first.json()["message_reference"]["message_id"];
    assert!([&json!(asked), &json!(further)].contains(&reference), "{reference}");
    after_a_crash(&mut shop, said.len()).await;
}

/// The new process begins anew, hears everything again, and only answers what is new.
async fn after_a_crash(shop: &mut Shop, so_far: usize) {
    let lines_before = lines(&shop.farm.farm.log()).len();
    shop.crash().await;
    let is_back = |log: &[Entry]| lines(log).iter().skip(lines_before).any(|it| greeting(it) == 2);
    shop.await_log(is_back).await;
    let mention = json!({ "guild_id": "8001", "mentions": [{ "id": "999" }] });
    let text = "<@999> can I send anything back within 30 days of delivery?";
    dispatch(shop, &id("discord", 5), "7002", text, mention).await;
    let given = shop.await_given("discord", so_far + 1).await;
    let last = given.last().expect("one");
    assert_eq!(last.path, "/discord/api/v10/channels/7002/messages");
    assert!(words("discord", last).contains("30 days"));
    assert_eq!(shop.conversations().await.len(), 2);
    // Without the wish for free text the line is hung up.
    shop.connect("discord", json!({ "gateway": false })).await;
    shop.await_log(|log| open(log) == 0).await;
    assert_eq!(shop.given("discord").len(), so_far + 1);
}

/// The connections that stand.
fn open(log: &[Entry]) -> usize {
    lines(log).iter().filter(|line| line.ending == Ending::Open).count()
}

/// The place, among these nodes, of the one that decides for the only tenant.
async fn keeper(nodes: &[&Node]) -> usize {
    // Told something it is awake, wherever it is.
    let told = json!({ "allowed_origins": [] });
    let (status, answer) = nodes[0].ask("PATCH", "/api/v1/tenant", told).await;
    assert!(status.is_success(), "{answer}");
    let one = |list: &Value| list["actors"].as_array().is_some_and(|actors| actors.len() == 1);
    let actors = nodes[0].until("/admin/v1/actors?kind=tenant", one).await;
    let wanted = actors["actors"][0]["node"].as_u64().expect("a number");
    for (place, node) in nodes.iter().enumerate() {
        if number(node).await == wanted {
            return place;
        }
    }
    panic!("nobody is node {wanted}");
}

/// One node of a cluster keeps the line: another one when it gives the tenant away, and when it dies.
#[tokio::test(flavor = "multi_thread")]
async fn another_node_takes_the_line_over() {
    let [first, second, third] = three_with(&["--set", "answers.platforms_anywhere=true"]).await;
    // Who leads what is as it is to be: nothing moves by itself any more.
    let is_settled = |cluster: &Value| {
        let groups = cluster["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
        !groups.is_empty()
            && groups.iter().all(|group| group["leader"] == group["wanted"]["leader"])
    };
    first.until("/admin/v1/cluster", is_settled).await;
    let mut shop = Shop::at(first).await;
    let mut others = vec![second, third];
    let questions = [
        (QUESTION, ANSWER),
        ("how many years of warranty does every tent have?", "five years"),
        ("within how many days of delivery can I send anything back?", "30 days"),
    ];
    shop.connect("discord", json!({ "gateway": true })).await;
    for (turn, (question, answer)) in (1..).zip(questions) {
        shop.await_log(|log| open(log) == 1).await;
        let asked = id("discord", turn as u64);
        dispatch(&shop, &asked, &format!("700{turn}"), question, json!({})).await;
        let given = shop.await_given("discord", turn).await;
        let texts: Vec<String> = given.iter().map(|entry| words("discord", entry)).collect();
        assert_eq!(texts.len(), turn, "{texts:?}");
        assert!(texts[turn - 1].contains(answer), "{texts:?}");
        let begun = lines(&shop.farm.farm.log()).len();
        match turn {
            1 => give_away(&shop, &others).await,
            2 => kill(&mut shop, &mut others).await,
            _ => return,
        }
        shop.await_log(|log| lines(log).len() > begun && open(log) == 1).await;
    }
}

/// Whoever decides for the tenant gives everything that it decides for to others.
async fn give_away(shop: &Shop, others: &[Node]) {
    let nodes = [&shop.node, &others[0], &others[1]];
    let away = number(nodes[keeper(&nodes).await]).await;
    shop.node.post(&format!("/admin/v1/nodes/{away}/drain"), json!({})).await;
    shop.node.post(&format!("/admin/v1/nodes/{away}/resume"), Value::Null).await;
}

/// Whoever decides for the tenant dies.
async fn kill(shop: &mut Shop, others: &mut Vec<Node>) {
    let place = keeper(&[&shop.node, &others[0], &others[1]]).await;
    if place == 0 {
        std::mem::swap(&mut shop.node, &mut others[0]);
        shop.node.be(&shop.tenant);
    }
    drop(others.remove(place.max(1) - 1));
}
