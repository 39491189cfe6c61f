//! Backups, restores, archives of tenants.

use serde_json::{Value, json};

use super::command::Command;
use super::readable::readable;
use super::session::{Columns, Fail, Output, Session};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "backup create",
        "[target]",
        "Take a backup of everything, to the configured place or to this one",
        "backup create /var/backups/impresario",
        |s, words| {
            Box::pin(async {
                let order = order(&[("target", words.first())]);
                facts(s, s.client.post_long("/admin/v1/backups", &order).await?)
            })
        },
    ),
    Command::new(
        "backup list",
        "[target]",
        "The backups at a place",
        "backup list s3://company/impresario",
        |s, words| {
            Box::pin(async {
                let query: Vec<(&str, &str)> =
                    words.first().map(|target| ("target", target.as_str())).into_iter().collect();
                let mut raw = s.client.get("/admin/v1/backups", &query).await?;
                if !s.json {
                    readable(&mut raw);
                }
                Ok(Output::list(raw, "backups", BACKUPS))
            })
        },
    ),
    Command::new(
        "backup verify",
        "[id] [target]",
        "Read a backup, the newest if none is named, and hold it against its checksums",
        "backup verify 20261120T120000Z",
        |s, words| {
            Box::pin(async {
                let order = order(&[("id", words.first()), ("target", words.get(1))]);
                facts(s, s.client.post_long("/admin/v1/backups/verify", &order).await?)
            })
        },
    ),
    Command::new(
        "backup shipping",
        "",
        "How far the log is shipped: what a restore could lose",
        "backup shipping",
        |s, _| Box::pin(async { facts(s, s.client.get("/admin/v1/backups/shipping", &[]).await?) }),
    ),
    Command::new(
        "restore",
        "<id> [target] [until]",
        "Fill this cluster, which must be empty, from a backup",
        "restore 20261120T120000Z /var/backups/impresario 2026-11-20T12:30:00Z",
        |s, words| {
            Box::pin(async {
                let order = order(&[
                    ("id", words.first()),
                    ("target", words.get(1)),
                    ("until", words.get(2)),
                ]);
                facts(s, s.client.post_long("/admin/v1/backups/restore", &order).await?)
            })
        },
    )
    .ends(
        "The cluster is filled from the backup. It must be empty; if it is not, nothing is done.",
    ),
];

const BACKUPS: Columns = &[
    ("ID", "id"),
    ("AT", "at"),
    ("COMPLETE", "complete"),
    ("PARTITIONS", "partitions"),
    ("BYTES", "bytes"),
    ("UNTIL", "until"),
];

fn order(parts: &[(&str, Option<&String>)]) -> Value {
    let mut order = json!({});
    for (name, value) in parts {
        if let Some(value) = value {
            order[*name] = json!(value);
        }
    }
    order
}

fn facts(session: &Session, mut raw: Value) -> Result<Output, Fail> {
    if !session.json {
        readable(&mut raw);
    }
    Ok(Output::Facts(raw))
}
