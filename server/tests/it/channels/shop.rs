//! A tenant that is connected to every platform, and the platforms.

use std::time::{Duration, Instant};

use impresario_farm::channels::{discord_public_key, signed_headers};
use impresario_farm::{Entry, Farm, Fault, Rule, Running};
use serde_json::{Value, json};

use crate::node::Node;
use crate::talk::{found, informed};

/// What has not come about after this will not.
const PATIENCE: Duration = Duration::from_secs(60);
/// Twilio signs the address that it was given, and the node's own changes with each start.
pub(crate) const TWILIO_URL: &str = "https://shop.example/hooks/twilio";
/// Discord's half of the key, in hexadecimal.
const SEED: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

pub(crate) const ALL: [&str; 4] = ["whatsapp", "twilio", "slack", "discord"];
pub(crate) const QUESTION: &str = "how many working days do parcels to Austria take?";
pub(crate) const ANSWER: &str = "four working days";

/// The secret that a platform signs with.
pub(crate) fn secret(platform: &str) -> &'static str {
    match platform {
        "whatsapp" => "app_secret",
        "twilio" => "12345",
        "slack" => "s3cret",
        _ => SEED,
    }
}

/// What the server answered to a webhook.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) took: Duration,
}

pub(crate) struct Shop {
    pub(crate) node: Node,
    pub(crate) tenant: String,
    pub(crate) farm: Running,
    http: reqwest::Client,
}

impl Shop {
    /// A node with a tenant that is connected to nothing yet.
    pub(crate) async fn open(more: &[&str]) -> Self {
        let farm = Farm::local().await.expect("a farm");
        let servers = format!("answers.local_servers={}", farm.address);
        let own = ["--set", "answers.platforms_anywhere=true", "--set", &servers];
        let args = [&own, more].concat();
        let (node, tenant) = informed(&args).await;
        let shop = Self { node, tenant, farm, http: reqwest::Client::new() };
        shop.furnish().await;
        shop
    }

    /// The same at a node that runs, with a new tenant of it.
    pub(crate) async fn at(mut node: Node) -> Self {
        let farm = Farm::local().await.expect("a farm");
        let tenant = found(&mut node).await;
        let shop = Self { node, tenant, farm, http: reqwest::Client::new() };
        shop.furnish().await;
        shop
    }

    /// Answers soon, and one page has an address.
    async fn furnish(&self) {
        let assistant = json!({
            "burst": { "quiet_ms": 300, "max_wait_ms": 3_000 },
            "disclosure": { "enabled": false, "reason": "a test" },
        });
        self.put("/api/v1/assistant", assistant).await;
        let page = "Parcels to Austria take four working days. Above 50 euros shipping is free.";
        let path = "/api/v1/knowledge/product-docs/files?filename=shipping.txt&title=Shipping\
                    &external_id=Shipping&url=https://shop.example/shipping";
        let (status, saved) = self.node.upload(path, "text/plain", page.as_bytes()).await;
        assert!(status.is_success(), "{saved}");
    }

    /// A shop that is connected to these platforms.
    pub(crate) async fn connected(platforms: &[&str], more: &[&str]) -> Self {
        let shop = Self::open(more).await;
        for platform in platforms {
            shop.connect(platform, json!({})).await;
        }
        shop
    }

    /// Connects the tenant to a platform, by its name, with these settings beside the usual ones.
    pub(crate) async fn connect(&self, platform: &str, more: Value) {
        let base = self.farm.url(platform);
        let mut settings = match platform {
            "whatsapp" => json!({
                "phone_number_id": "1065", "access_token": "token", "app_secret": "app_secret",
                "verify_token": "verify", "base_url": base,
            }),
            "twilio" => json!({
                "account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "12345",
                "from": "whatsapp:+14155238886", "webhook_url": TWILIO_URL,
                "status_callback": TWILIO_URL, "base_url": base, "content_base_url": base,
            }),
            "slack" => json!({
                "bot_token": "xoxb-1", "signing_secret": "s3cret", "team_id": "T1",
                "bot_user_id": "UBOT", "base_url": format!("{base}/api"),
            }),
            _ => json!({
                "application_id": "999", "public_key": discord_public_key(SEED),
                "bot_token": "bot-token", "base_url": format!("{base}/api/v10"),
            }),
        };
        for (name, value) in more.as_object().into_iter().flatten() {
            settings[name] = value.clone();
        }
        let path = format!("/api/v1/connections/{platform}");
        self.put(&path, json!({ "kind": platform, "settings": settings })).await;
    }

    pub(crate) async fn put(&self, path: &str, body: Value) {
        let (status, answer) = self.node.ask("PUT", path, body).await;
        assert!(status.is_success(), "{path}: {answer}");
    }

    /// `kill -9`, and the same folder again.
    pub(crate) async fn crash(&mut self) {
        self.node.kill_and_start().await;
        self.node.be(&self.tenant);
    }

    /// Where a platform's webhooks go.
    pub(crate) fn hook(&self, platform: &str, query: &str) -> String {
        format!("{}/hooks/{}/{platform}{query}", self.node.url(), self.tenant)
    }

    /// Posts a webhook with these headers.
    pub(crate) async fn post(
        &self,
        platform: &str,
        query: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Posted {
        let mut request = self.http.post(self.hook(platform, query)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let began = Instant::now();
        let response = request.send().await.expect("the node answers");
        let status = response.status().as_u16();
        let body = response.text().await.expect("a text");
        Posted { status, body, took: began.elapsed() }
    }

    /// Posts a webhook, signed by its platform.
    pub(crate) async fn hear(&self, platform: &str, body: &str) -> Posted {
        self.hear_at(platform, "", body).await
    }

    /// The same at an address with a query.
    pub(crate) async fn hear_at(&self, platform: &str, query: &str, body: &str) -> Posted {
        let url = format!("{TWILIO_URL}{query}");
        let headers = signed_headers(platform, secret(platform), &url, body, now_s());
        let posted = self.post(platform, query, &headers, body).await;
        assert_eq!(posted.status, 200, "{platform}: {}", posted.body);
        posted
    }

    /// What the platform was given for its people.
    pub(crate) fn given(&self, platform: &str) -> Vec<Entry> {
        let mut log = self.farm.farm.log();
        log.retain(|entry| is_message(platform, entry));
        log
    }

    /// The same, once there is so much of it.
    pub(crate) async fn await_given(&self, platform: &str, count: usize) -> Vec<Entry> {
        let enough =
            |log: &[Entry]| log.iter().filter(|entry| is_message(platform, entry)).count() >= count;
        self.await_log(enough).await;
        self.given(platform)
    }

    /// Waits until the farm's log is so.
    pub(crate) async fn await_log(&self, is_so: impl Fn(&[Entry]) -> bool + Send) {
        let waiting = self.farm.farm.wait(is_so);
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let log = self.farm.farm.log();
            let paths: Vec<String> = log
                .iter()
                .map(|entry| format!("{} {} {}", entry.method, entry.path, entry.body))
                .collect();
            panic!("the platforms only saw: {paths:#?}");
        }
    }

    /// The conversations, by their channel.
    pub(crate) async fn conversations(&self) -> Vec<Value> {
        let list = self.node.get("/api/v1/conversations").await;
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// The only conversation, once it is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        let path = self.path().await;
        self.node.until(&path, is_so).await
    }

    /// The path of the only conversation.
    pub(crate) async fn path(&self) -> String {
        let one = |list: &Value| list["items"].as_array().is_some_and(|items| items.len() == 1);
        let list = self.node.until("/api/v1/conversations", one).await;
        format!("/api/v1/conversations/{}", list["items"][0]["id"].as_str().expect("an id"))
    }

    /// What a person of the shop says in the only conversation, and its id.
    pub(crate) async fn reply(&self, content: Value) -> String {
        let path = format!("{}/reply", self.path().await);
        let told = self.node.post(&path, json!({ "by": "bob", "content": [content] })).await;
        told["outgoing"].as_str().expect("an id").to_owned()
    }

    /// What became of a message that was sent, once it is so.
    pub(crate) async fn fate(&self, outgoing: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let of = |shown: &Value| {
            let all = shown["deliveries"].as_array()?;
            all.iter().find(|fate| fate["outgoing"] == outgoing).cloned()
        };
        let shown = self.until(|shown| of(shown).is_some_and(|fate| is_so(&fate))).await;
        of(&shown).expect("one")
    }

    /// The message that the assistant said last in the only conversation, once it has said so many.
    pub(crate) async fn answer(&self, count: u64) -> String {
        let shown = self.until(|shown| shown["counters"]["replies"] == count).await;
        let messages = shown["messages"].as_array().cloned().unwrap_or_default();
        let said = messages.iter().rev().find(|message| message["from"] == "assistant");
        said.and_then(|said| said["id"].as_str()).expect("an answer").to_owned()
    }
}

/// A message whose failure is this.
pub(crate) fn failed(code: &str) -> impl Fn(&Value) -> bool {
    move |fate| fate["status"] == "failed" && fate["error"]["code"] == code
}

/// A message that came so far, and of which nothing is unknown.
pub(crate) fn is(status: &str) -> impl Fn(&Value) -> bool {
    move |fate| fate["status"] == status && fate["sending"].is_null()
}

/// A script for the next message to a person.
pub(crate) fn next(platform: &str, fault: Fault) -> Rule {
    let place = match platform {
        "slack" => "chat.postMessage",
        "twilio" => "Messages.json",
        _ => "/messages",
    };
    let mut rule = Rule::next(platform, fault).at(place);
    if platform == "whatsapp" {
        // And not that one was read.
        rule.contains = Some("biz_opaque_callback_data".to_owned());
    }
    rule
}

/// A refusal with this code.
pub(crate) fn code(code: u32) -> Fault {
    Fault::Named { name: "code".to_owned(), data: json!(code) }
}

/// Words.
pub(crate) fn text(words: &str) -> Value {
    json!({ "type": "text", "text": words })
}

/// A question with so many rows.
pub(crate) fn slots(count: usize) -> Value {
    let row = |number: usize| json!({ "id": format!("slot-{number}"), "title": format!("Slot {number}") });
    let rows: Vec<Value> = (1..=count).map(row).collect();
    json!({
        "type": "list", "body": "When may we call you?", "button": "Times",
        "sections": [{ "title": "", "rows": rows }],
    })
}

/// What was chosen by the customer last.
pub(crate) fn chosen(shown: &Value) -> Value {
    let messages = shown["messages"].as_array().cloned().unwrap_or_default();
    let said = messages.iter().rev().find(|message| message["from"] == "customer");
    said.map(|said| said["choice"]["id"].clone()).unwrap_or_default()
}

fn is_message(platform: &str, entry: &Entry) -> bool {
    let ends = |end: &str| entry.path.ends_with(end);
    entry.provider == platform
        && match platform {
            "whatsapp" => ends("/messages") && entry.json()["status"].is_null(),
            "twilio" => entry.method == "POST" && ends("/Messages.json"),
            "slack" => ends("chat.postMessage"),
            _ => {
                entry.method != "DELETE"
                    && (ends("/messages") || entry.path.contains("/webhooks/999/"))
            }
        }
}

/// What the person reads.
pub(crate) fn words(platform: &str, entry: &Entry) -> String {
    let json = entry.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match platform {
        "whatsapp" => text(&json["text"]["body"]),
        "twilio" => field(entry, "Body"),
        "slack" => text(&json["text"]),
        _ => text(&json["content"]),
    }
}

/// A field of a form.
pub(crate) fn field(entry: &Entry, name: &str) -> String {
    let url = reqwest::Url::parse(&format!("http://form/?{}", entry.body)).expect("a form");
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "platforms sign with the real time")]
pub(crate) fn now_s() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("before the end of time")
}

/// What a platform sends when somebody writes this, with this id.
pub(crate) fn written(platform: &str, id: &str, text: &str) -> String {
    match platform {
        "whatsapp" => whatsapp(id, now_s(), json!({ "type": "text", "text": { "body": text } })),
        "twilio" => form(&[
            ("MessageSid", id),
            ("From", "whatsapp:+16505551234"),
            ("To", "whatsapp:+14155238886"),
            ("Body", text),
            ("ProfileName", "Ada"),
            ("WaId", "16505551234"),
            ("NumMedia", "0"),
        ]),
        "slack" => slack(json!({
            "type": "message", "channel_type": "im", "channel": "D1", "user": "U1",
            "ts": id, "text": text,
        })),
        _ => interaction(
            id,
            json!({
                "type": 2,
                "data": { "name": "ask", "options": [{ "name": "question", "type": 3, "value": text }] },
            }),
        ),
    }
}

/// A message id of a platform, by number.
pub(crate) fn id(platform: &str, number: u64) -> String {
    match platform {
        "whatsapp" => format!("wamid.IN{number}"),
        "twilio" => format!("SM{number:032x}"),
        "slack" => format!("{}.{number:06}", now_s()),
        // Made now, by Discord's way to write ids.
        _ => {
            let ms = u64::try_from(now_s()).expect("after 1970") * 1_000 - 1_420_070_400_000;
            format!("{}", (ms << 22) + number)
        }
    }
}

/// A webhook of WhatsApp with one message of Ada's.
pub(crate) fn whatsapp(id: &str, at_s: i64, message: Value) -> String {
    let mut message = message;
    message["id"] = json!(id);
    message["from"] = json!("16505551234");
    message["from_user_id"] = json!("US.13491208655302741918");
    message["timestamp"] = json!(at_s.to_string());
    let contact = json!({
        "profile": { "name": "Ada" }, "wa_id": "16505551234", "user_id": "US.13491208655302741918",
    });
    whatsapp_value(json!({ "contacts": [contact], "messages": [message] }))
}

/// A webhook of WhatsApp that says how far a message has come.
pub(crate) fn whatsapp_status(
    sent: &Entry,
    wamid: &str,
    status: &str,
    code: Option<u32>,
) -> String {
    let mut report = json!({
        "id": wamid, "status": status, "timestamp": now_s().to_string(),
        // Not as their messages name them.
        "recipient_id": "16505551234",
        "biz_opaque_callback_data": sent.json()["biz_opaque_callback_data"],
    });
    if let Some(code) = code {
        report["errors"] = json!([{ "code": code, "title": "as scripted" }]);
    }
    whatsapp_value(json!({ "statuses": [report] }))
}

fn whatsapp_value(value: Value) -> String {
    let mut value = value;
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] = json!({ "display_phone_number": "15550783881", "phone_number_id": "1065" });
    let change = json!({ "field": "messages", "value": value });
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [change] }] })
        .to_string()
}

/// An event of Slack.
pub(crate) fn slack(event: Value) -> String {
    json!({
        "type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_time": now_s(),
        "event_id": format!("Ev{}", event["ts"].as_str().unwrap_or_default()), "event": event,
    })
    .to_string()
}

/// An interaction of Discord.
pub(crate) fn interaction(id: &str, more: Value) -> String {
    let mut body = json!({
        "id": id, "application_id": "999", "token": format!("tok-{id}"), "version": 1,
        "channel_id": "7001", "guild_id": "8001", "locale": "en-GB",
        "member": { "user": { "id": "6001", "username": "ada", "global_name": "Ada" } },
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body.to_string()
}

/// A form as it is sent.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://form/").expect("an address");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}
