//! What is to be seen at one moment.

use serde_json::Value;

use crate::client::{CallError, Client};
use crate::shell::call_lines;
use crate::shell::print::time_of_day;

/// Everything that is shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) at: String,
    pub(super) cluster: Value,
    pub(super) top: Value,
    /// Why there is less than everything, and what to do.
    pub(super) error: Option<Vec<String>>,
}

/// Entities and tenants that are asked for.
const LIMIT: &str = "50";

impl Look {
    pub(super) async fn take(client: &Client) -> Self {
        let limit = [("limit", LIMIT)];
        let (cluster, top) =
            tokio::join!(client.get("/admin/v1/cluster", &[]), client.get("/admin/v1/top", &limit));
        let mut look = Self { at: time_of_day(), ..Self::default() };
        look.cluster = look.took(client, cluster);
        look.top = look.took(client, top);
        look
    }

    fn took(&mut self, client: &Client, answer: Result<Value, CallError>) -> Value {
        answer.unwrap_or_else(|error| {
            self.error.get_or_insert_with(|| call_lines(client.base(), &error));
            Value::Null
        })
    }
}
