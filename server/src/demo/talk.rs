//! The part of the tour in which customers ask, and are answered from what the shop knows.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::checks::settle;
use super::tour::{Tour, member};

/// What the shop has written down.
const HANDBOOK: [(&str, &str); 6] = [
    (
        "Returns",
        "You can send anything back within 30 days of delivery. The return label is free and comes \
         with the parcel. We refund the price within five working days after the goods have arrived.",
    ),
    (
        "Shipping",
        "Parcels within Germany arrive after two working days. Shipping to Austria and Switzerland \
         takes four working days. Above 50 euros shipping is free.",
    ),
    (
        "Warranty",
        "Every tent and every backpack has a warranty of five years. Zips and poles are repaired \
         free of charge.",
    ),
    (
        "Payment",
        "We accept bank transfer, credit cards and PayPal. Orders by bank transfer are sent when \
         the money has arrived.",
    ),
    (
        "Care of down jackets",
        "Wash a down jacket at 30 degrees with a special detergent and dry it with two tennis balls \
         in the dryer, so that the down does not clump.",
    ),
    (
        "Store",
        "Our store in Kiel is open from Monday to Saturday between 10 and 19 o'clock. You can pick \
         up online orders there.",
    ),
];

/// The connection of the shop's website.
pub(super) const WEBSITE: &str = "web";

/// The customer of the tour.
const CUSTOMER: &str = "lena";

impl Tour {
    /// Knowledge, a question over HTTP, and a chat.
    pub(super) async fn talk(&mut self) -> Result<()> {
        self.knowledge().await?;
        self.question().await?;
        self.chat().await?;
        self.website_chat().await
    }

    async fn knowledge(&mut self) -> Result<()> {
        self.screen.step(
            "What the shop knows",
            "A few pages; they are cut, indexed and, where a model is there, embedded.",
        );
        let owner = self.owner()?;
        let path = "/api/v1/knowledge/product-docs/documents";
        for (title, content) in HANDBOOK {
            let body = json!({ "title": title, "content": content, "external_id": title });
            if title == "Returns" {
                self.ask(&owner, "POST", path, Some(&body)).await?;
            } else {
                owner.post(path, &body).await.with_context(|| format!("POST {path}"))?;
            }
        }
        let path = "/api/v1/knowledge/status";
        let wanted = HANDBOOK.len() as u64;
        let look = async || Ok(owner.get(path, &[]).await?);
        let status: Value = settle(look, |status: &Value| {
            status["documents"].as_u64() == Some(wanted) && status["waiting"].as_u64() == Some(0)
                || status["documents"].as_u64() == Some(wanted) && status["model"].is_null()
        })
        .await?;
        self.screen.asks("GET", path, None);
        self.screen.answers(&status.to_string());
        self.checks.equal(&self.screen, "documents in the index", wanted, &status["documents"]);
        Ok(())
    }

    async fn question(&mut self) -> Result<()> {
        self.screen.step(
            "A question",
            "Answered with sentences of the pages, each with the number of its source; or not at all.",
        );
        let answer = self.answer_to("How long does shipping to Austria take?").await?;
        let cited = answer["citations"][0]["title"].as_str().unwrap_or("nothing");
        self.screen.answers(&format!("[1] {cited}"));
        self.checks.equal(&self.screen, "the source of an answer", "Shipping", cited);
        let answer = self.answer_to("Who won the football world cup in 1974?").await?;
        let abstained = answer["abstained"].as_bool().unwrap_or_default();
        self.checks.equal(&self.screen, "what nobody wrote down is not answered", true, abstained);
        Ok(())
    }

    /// Asks what is known, and shows what is said.
    async fn answer_to(&self, question: &str) -> Result<Value> {
        let path = "/api/v1/knowledge/answer";
        let body = json!({ "question": question });
        self.screen.asks("POST", path, Some(&body));
        let answer: Value = self.owner()?.post(path, &body).await.context("POST the question")?;
        let is_known = answer["abstained"] == json!(false);
        let said = answer["text"].as_str().filter(|_| is_known);
        self.screen
            .answers(said.unwrap_or("no answer: nothing that is written down bears one out"));
        Ok(answer)
    }

    /// Writes as the customer; gives the conversation.
    async fn write(&self, text: &str) -> Result<String> {
        let path = "/api/v1/conversations/messages";
        let body = json!({ "user": CUSTOMER, "text": text });
        self.screen.asks("POST", path, Some(&body));
        let taken = self.owner()?.post(path, &body).await.context("POST the message")?;
        member(&taken, "conversation")
    }

    /// The widget's connection: whoever opens the page can ask.
    async fn website_chat(&mut self) -> Result<()> {
        self.screen.step(
            "The chat on the website",
            "One script tag on the shop's pages; here is a page with nothing else on it.",
        );
        let owner = self.owner()?;
        let looks = json!({
            "name": "Nordlicht",
            "widget": {
                "title": "Nordlicht Shop",
                "greeting": "Moin! Ask me about returns, shipping, payment or our store in Kiel.",
                "color": "#0b5d66",
            },
        });
        self.ask(&owner, "PUT", "/api/v1/assistant", Some(&looks)).await?;
        let path = format!("/api/v1/connections/{WEBSITE}");
        let settings = json!({ "kind": "web", "settings": {} });
        self.ask(&owner, "PUT", &path, Some(&settings)).await?;
        let path = format!("/widget/v1/{}/{WEBSITE}/config", self.tenant);
        let shown: Value = self.node.root()?.get(&path, &[]).await?;
        let title = shown["title"].as_str().unwrap_or_default();
        self.checks.equal(&self.screen, "what the widget is called", "Nordlicht Shop", title);
        self.screen.note(&format!("{}/chat/{}/{WEBSITE}", self.node.url(), self.tenant));
        Ok(())
    }

    async fn chat(&mut self) -> Result<()> {
        self.screen.step(
            "A conversation",
            "Three messages in a row get one answer; who asks for a human gets one.",
        );
        let owner = self.owner()?;
        let mut conversation = String::new();
        for text in ["hi", "I ordered a tent", "within how many days can I send it back?"] {
            conversation = self.write(text).await?;
        }
        let path = format!("/api/v1/conversations/{conversation}");
        let look = async || Ok(owner.get(&path, &[]).await?);
        let shown = settle(&look, |shown: &Value| !replies(shown).is_empty()).await?;
        let said = replies(&shown);
        self.screen.asks("GET", &path, None);
        for line in said.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty()) {
            self.screen.answers(line);
        }
        self.checks.equal(&self.screen, "answers to three messages", 1, said.len());
        let is_right = said.first().is_some_and(|text| text.contains("30 days"));
        self.checks.equal(&self.screen, "the answer says it", true, is_right);
        self.write("I want to talk to a human please").await?;
        let is_waiting = |shown: &Value| shown["status"] == "waiting_human";
        let shown = settle(&look, is_waiting).await?;
        let status = shown["status"].as_str().unwrap_or_default();
        self.checks.equal(&self.screen, "who holds the conversation", "waiting_human", status);
        Ok(())
    }
}

/// What the assistant has said.
fn replies(shown: &Value) -> Vec<String> {
    let messages = shown["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let said = messages.iter().filter(|message| message["from"] == "assistant");
    said.map(|message| {
        let content = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        let texts =
            content.iter().filter_map(|part| part["text"].as_str().or(part["body"].as_str()));
        texts.collect::<Vec<_>>().join(" ")
    })
    .collect()
}
