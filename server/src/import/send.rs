//! One request of rows, until the server has answered it.

use std::time::{Duration, Instant};

use rand::Rng;
use reqwest::Method;
use serde_json::Value;

use crate::client::{CallError, Client};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Rows that are sent together.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The request's body.
    pub(crate) body: Vec<u8>,
    /// How many messages it has.
    pub(crate) messages: usize,
}

/// What the server said to a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// One for each message, in their order.
    pub(crate) items: Vec<Item>,
    /// How often the batch was sent before.
    pub(crate) retries: u64,
}

/// What the server said to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Accepted,
    Duplicate,
    Refused { code: String, detail: String },
}

/// Sends a batch. While the server fails in a way that may pass, it is sent again, for as long as
/// `patience` after the first failure.
pub(crate) async fn deliver(
    client: &Client,
    batch: &Batch,
    patience: Duration,
) -> Result<Verdict, CallError> {
    let mut failing_since: Option<Instant> = None;
    let mut retries = 0;
    loop {
        let headers = [("x-strict-mode", "1")];
        let outcome =
            client.send(Method::POST, "/v1/batch", &[], Some(batch.body.clone()), &headers).await;
        let error = match outcome.and_then(|answer| items(&answer.body, batch.messages)) {
            Ok(items) => return Ok(Verdict { items, retries }),
            Err(error) => error,
        };
        let Some(asked) = error.retry() else { return Err(error) };
        let since = *failing_since.get_or_insert_with(Instant::now);
        let pause = pause(retries, asked, rand::rng().random_range(0.5..1.0));
        if since.elapsed() + pause > patience {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        retries += 1;
    }
}

/// Grows twofold from try to try; never less than what the server asked for. `share` spreads those
/// who failed together.
fn pause(retries: u64, asked: Option<Duration>, share: f64) -> Duration {
    let doublings = u32::try_from(retries.min(16)).unwrap_or(16);
    let own = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE).mul_f64(share);
    own.max(asked.unwrap_or_default())
}

/// The results in the order of the messages.
fn items(body: &Value, messages: usize) -> Result<Vec<Item>, CallError> {
    let Some(results) = body["results"].as_array() else {
        // A server that does not say more than yes.
        return match body["success"].as_bool() {
            Some(true) => Ok(vec![Item::Accepted; messages]),
            _ => Err(unclear("the answer to a batch has no results")),
        };
    };
    let mut items = vec![None; messages];
    for result in results {
        let index = result["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        let slot = index.and_then(|index| items.get_mut(index));
        let slot = slot.ok_or_else(|| unclear("the answer names a message that was not sent"))?;
        *slot = Some(item(result));
    }
    items
        .into_iter()
        .collect::<Option<Vec<Item>>>()
        .ok_or_else(|| unclear("the answer leaves messages out"))
}

fn item(result: &Value) -> Item {
    let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
    match (result["status"].as_str(), result["code"].as_str()) {
        (Some("duplicate"), None) => Item::Duplicate,
        (Some("accepted"), None) => Item::Accepted,
        _ => Item::Refused { code: text("code"), detail: text("detail") },
    }
}

fn unclear(what: &str) -> CallError {
    CallError::Unreachable(format!("{what}: is this an Impresario server?"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_are_put_in_the_order_of_the_messages() {
        let body = json!({"success": false, "results": [
            {"index": 1, "status": "rejected", "code": "timestamp_absurd", "detail": "before 1970"},
            {"index": 0, "status": "accepted"},
            {"index": 2, "status": "duplicate"},
        ]});
        let refused =
            Item::Refused { code: "timestamp_absurd".to_owned(), detail: "before 1970".to_owned() };
        assert_eq!(items(&body, 3), Ok(vec![Item::Accepted, refused, Item::Duplicate]));
        assert!(items(&body, 4).is_err());
        assert!(items(&body, 2).is_err());
        assert_eq!(items(&json!({"success": true}), 2), Ok(vec![Item::Accepted; 2]));
        assert!(items(&json!("<html>"), 2).is_err());
    }

    #[test]
    fn pauses_grow_and_respect_the_server() {
        assert_eq!(pause(0, None, 1.0), FIRST_PAUSE);
        assert_eq!(pause(3, None, 0.5), FIRST_PAUSE * 4);
        assert_eq!(pause(60, None, 1.0), LONGEST_PAUSE);
        assert_eq!(pause(0, Some(Duration::from_secs(30)), 1.0), Duration::from_secs(30));
    }
}
