//! Timers, effects that are not done, commands that were set aside.

use serde_json::Value;

use super::command::Command;
use super::readable::readable;
use super::session::{Columns, Fail, Output, Session, number};
use super::table::text;
use crate::client::segment;

const ROWS_MAX: usize = 500;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "timers",
        "[tenant] [n]",
        "Durable timers, the next first",
        "timers Shop",
        |s, words| {
            Box::pin(async {
                let raw = rows(s, "/admin/v1/timers", words).await?;
                Ok(Output::list(raw, "timers", TIMERS))
            })
        },
    ),
    Command::new(
        "outbox list",
        "[tenant] [n]",
        "Effects that are not done yet",
        "outbox list Shop",
        |s, words| {
            Box::pin(async {
                let raw = rows(s, "/admin/v1/outbox", words).await?;
                Ok(Output::list(raw, "effects", EFFECTS))
            })
        },
    ),
    Command::new("outbox retry", "<id>", "Try an effect now", "outbox retry 01ab", |s, words| {
        Box::pin(async {
            let raw =
                s.client.act(&format!("/admin/v1/outbox/{}/retry", segment(&words[0]))).await?;
            Ok(Output::done(raw, "it is tried again"))
        })
    }),
    Command::new(
        "outbox drop",
        "<id>",
        "Forget an effect for good",
        "outbox drop 01ab",
        |s, words| {
            Box::pin(async {
                let raw =
                    s.client.delete(&format!("/admin/v1/outbox/{}", segment(&words[0]))).await?;
                Ok(Output::done(raw, "it is forgotten"))
            })
        },
    )
    .risks("What the effect was to do will never be done."),
    Command::new(
        "dead-letters list",
        "[tenant] [n]",
        "Commands that were set aside because they kept crashing",
        "dead-letters list",
        |s, words| {
            Box::pin(async {
                let raw = rows(s, "/admin/v1/dead-letters", words).await?;
                Ok(Output::list(raw, "dead_letters", LETTERS))
            })
        },
    ),
    Command::new(
        "dead-letters replay",
        "<id>",
        "Send such a command once more",
        "dead-letters replay 01ab",
        |s, words| Box::pin(replay(s, words)),
    ),
    Command::new(
        "dead-letters drop",
        "<id>",
        "Forget such a command for good",
        "dead-letters drop 01ab",
        |s, words| {
            Box::pin(async {
                let raw = s
                    .client
                    .delete(&format!("/admin/v1/dead-letters/{}", segment(&words[0])))
                    .await?;
                Ok(Output::done(raw, "it is forgotten"))
            })
        },
    )
    .risks("What the command was to do will never be done."),
];

const TIMERS: Columns =
    &[("DUE", "due"), ("KIND", "kind"), ("ID", "id"), ("TENANT", "tenant"), ("NAME", "name")];
const EFFECTS: Columns = &[
    ("SINCE", "at"),
    ("KIND", "kind"),
    ("ENTITY", "entity"),
    ("TRIES", "attempts"),
    ("NEXT", "next_at"),
    ("LAST ERROR", "last_error"),
    ("ID", "id"),
];
const LETTERS: Columns = &[
    ("SINCE", "at"),
    ("KIND", "kind"),
    ("ENTITY", "entity"),
    ("CRASHES", "kills"),
    ("REASON", "reason"),
    ("ID", "id"),
];

/// A list that may be of one tenant. A sole number is the number of rows.
async fn rows(session: &Session, path: &str, words: &[String]) -> Result<Value, Fail> {
    let (tenant, limit) = match words {
        [] => (None, None),
        [one] if one.parse::<usize>().is_ok() => (None, Some(one)),
        [tenant, rest @ ..] => (Some(session.tenant(tenant).await?), rest.first()),
    };
    let limit = number(limit, 50, ROWS_MAX)?;
    let mut query = vec![("limit", limit.as_str())];
    query.extend(tenant.as_deref().map(|tenant| ("tenant", tenant)));
    let mut raw = session.client.get(path, &query).await?;
    if !session.json {
        for list in ["timers", "effects", "dead_letters"] {
            raw.get_mut(list).into_iter().for_each(readable);
        }
    }
    Ok(raw)
}

async fn replay(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let raw = session
        .client
        .act(&format!("/admin/v1/dead-letters/{}/replay", segment(&words[0])))
        .await?;
    let words = match text(&raw["rejected"]) {
        none if none.is_empty() => "it is done now".to_owned(),
        why => format!("it was refused this time: {why}"),
    };
    Ok(Output::done(raw, words))
}
