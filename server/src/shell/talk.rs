//! Knowledge, conversations and model calls of a tenant.

use super::command::Command;
use super::session::{Output, number};

const ROWS_MAX: usize = 500;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "knowledge status",
        "<tenant>",
        "How much of a tenant's knowledge is in the index of the node that is asked",
        "knowledge status Shop",
        |s, words| {
            Box::pin(async {
                let raw = s.of(&words[0]).await?.get("/api/v1/knowledge/status", &[]).await?;
                Ok(Output::Facts(raw))
            })
        },
    ),
    Command::new(
        "conversations list",
        "<tenant> [status] [n]",
        "Conversations, the latest change first: bot, waiting_human, human, resolved",
        "conversations list Shop waiting_human 20",
        |s, words| {
            Box::pin(async {
                let limit = number(words.get(2), 50, ROWS_MAX)?;
                let mut query = vec![("limit", limit.as_str())];
                query.extend(words.get(1).map(|status| ("status", status.as_str())));
                let raw = s.of(&words[0]).await?.get("/api/v1/conversations", &query).await?;
                Ok(Output::list(raw, "items", CONVERSATIONS))
            })
        },
    ),
    Command::new(
        "conversations show",
        "<tenant> <conversation>",
        "One conversation: who holds it, what was said, what is remembered",
        "conversations show Shop cnv_01jd5x2k3m4n5p6q7r8s9t0v1w",
        |s, words| {
            Box::pin(async {
                let path = format!("/api/v1/conversations/{}", words[1]);
                Ok(Output::Facts(s.of(&words[0]).await?.get(&path, &[]).await?))
            })
        },
    ),
    Command::new(
        "llm calls",
        "<tenant> [n]",
        "The newest calls to language models that the node made which is asked",
        "llm calls Shop 20",
        |s, words| {
            Box::pin(async {
                let limit = number(words.get(1), 20, ROWS_MAX)?;
                let client = s.of(&words[0]).await?;
                let raw = client.get("/api/v1/llm/traces", &[("limit", &limit)]).await?;
                Ok(Output::list(raw, "items", CALLS))
            })
        },
    ),
    Command::new(
        "llm trace",
        "<tenant> <call>",
        "One call: prompt, sources, answer, cost, who was passed over; personal data is blanked",
        "llm trace Shop cal_01jd5x2k3m4n5p6q7r8s9t0v1w",
        |s, words| {
            Box::pin(async {
                let path = format!("/api/v1/llm/traces/{}", words[1]);
                Ok(Output::Facts(s.of(&words[0]).await?.get(&path, &[]).await?))
            })
        },
    ),
];

const CONVERSATIONS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("STATUS", "status"),
    ("CHANNEL", "channel"),
    ("UPDATED", "updated_at"),
    ("TURN", "turn"),
    ("WAITING", "waiting"),
    ("REASON", "reason"),
    ("LANGUAGE", "language"),
];
const CALLS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("AT", "at"),
    ("MODEL", "model"),
    ("PURPOSE", "purpose"),
    ("OUTCOME", "outcome"),
    ("IN", "input_tokens"),
    ("OUT", "output_tokens"),
    ("COST (1e-6)", "cost_micros"),
    ("MS", "latency_ms"),
];
