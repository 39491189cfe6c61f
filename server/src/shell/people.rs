//! Profiles and segments of a tenant.

use serde_json::Value;

use super::command::Command;
use super::print;
use super::session::{Fail, Output, Part, Session, number};
use crate::client::segment;

const ROWS_MAX: usize = 500;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "profiles find",
        "<tenant> [by] [value] [value]",
        "All profiles, or those with an exact user_id, anonymous_id, email, external_id or trait",
        "profiles find Shop trait city Berlin",
        |s, words| Box::pin(find(s, words)),
    ),
    Command::new(
        "profiles show",
        "<tenant> <profile>",
        "One profile: prf_…, user:…, anonymous:…, email:… or external:type:id",
        "profiles show Shop user:u-42",
        |s, words| Box::pin(show(s, words)),
    ),
    Command::new(
        "profiles timeline",
        "<tenant> <profile> [n]",
        "What happened to a profile, newest first",
        "profiles timeline Shop user:u-42 20",
        |s, words| Box::pin(timeline(s, words)),
    ),
    Command::new(
        "segments list",
        "<tenant>",
        "A tenant's segments",
        "segments list Shop",
        |s, words| {
            Box::pin(async {
                let raw =
                    s.of(&words[0]).await?.get("/api/v1/segments", &[("limit", "500")]).await?;
                Ok(Output::list(raw, "items", SEGMENTS))
            })
        },
    ),
    Command::new(
        "segments show",
        "<tenant> <segment>",
        "One segment: rule, versions, how many members",
        "segments show Shop seg_01jd5x2k3m4n5p6q7r8s9t0v1w",
        |s, words| Box::pin(show_segment(s, words)),
    ),
    Command::new(
        "segments members",
        "<tenant> <segment> [n]",
        "The members of a segment now",
        "segments members Shop seg_01jd5x2k3m4n5p6q7r8s9t0v1w 20",
        |s, words| {
            Box::pin(async {
                let limit = number(words.get(2), 50, ROWS_MAX)?;
                let path = format!("/api/v1/segments/{}/members", segment(&words[1]));
                let raw = s.of(&words[0]).await?.get(&path, &[("limit", &limit)]).await?;
                Ok(Output::list(raw, "items", MEMBERS))
            })
        },
    ),
];

const PROFILES: &[(&str, &str)] = &[("ID", "id"), ("SINCE", "since")];
const TIMELINE: &[(&str, &str)] = &[
    ("AT", "at"),
    ("TYPE", "type"),
    ("NAME", "name"),
    ("SEGMENT", "segment"),
    ("PROFILE", "profile"),
    ("PROPERTIES", "properties"),
];
const SEGMENTS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("STATUS", "status"),
    ("VERSION", "version"),
    ("BUILD", "/build/status"),
    ("CHANGED", "updated_at"),
    ("NAME", "name"),
];
const MEMBERS: &[(&str, &str)] = &[("PROFILE", "profile"), ("SINCE", "entered_at")];
const COUNTERS: &[(&str, &str)] =
    &[("EVENT", "name"), ("COUNT", "count"), ("FIRST", "first"), ("LAST", "last")];

async fn find(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let client = session.of(&words[0]).await?;
    let query: Vec<(&str, &str)> = match &words[1..] {
        [] => Vec::new(),
        [by, value]
            if matches!(by.as_str(), "user_id" | "anonymous_id" | "email" | "external_id") =>
        {
            vec![(by.as_str(), value.as_str())]
        }
        [by, name, value] if by == "trait" => {
            vec![("trait", name.as_str()), ("value", value.as_str())]
        }
        _ => {
            return Err(Fail::Usage(
                "find by user_id, anonymous_id, email or external_id and a value, or by trait, a name and a value"
                    .to_owned(),
            ));
        }
    };
    let raw = client.get("/api/v1/profiles", &query).await?;
    Ok(Output::list(raw, "items", PROFILES))
}

async fn show(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let path = format!("/api/v1/profiles/{}", segment(&words[1]));
    let raw = session.of(&words[0]).await?.get(&path, &[]).await?;
    let mut shown = raw.clone();
    let mut take = |name: &str| {
        let members = shown.as_object_mut();
        let rows = members.and_then(|members| members.remove(name)).unwrap_or_default();
        rows.as_array().cloned().unwrap_or_default()
    };
    let (counters, recent, _) = (take("counters"), take("recent"), take("sessions"));
    let recent: Vec<Value> = recent.into_iter().take(10).collect();
    let parts = vec![
        Part::Facts(shown),
        Part::List("", counters, COUNTERS),
        Part::List("", recent, &[("LATELY", "at"), ("EVENT", "name")]),
    ];
    Ok(Output::Parts { raw, parts })
}

async fn timeline(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let limit = number(words.get(2), 50, ROWS_MAX)?;
    let path = format!("/api/v1/profiles/{}/timeline", segment(&words[1]));
    let raw = session.of(&words[0]).await?.get(&path, &[("limit", &limit)]).await?;
    if let Some(into) = raw["merged_into"].as_str() {
        print::error(&format!("this profile is merged into {into}; its timeline goes on there"));
    }
    Ok(Output::list(raw, "items", TIMELINE))
}

async fn show_segment(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let client = session.of(&words[0]).await?;
    let path = format!("/api/v1/segments/{}", segment(&words[1]));
    let mut raw = client.get(&path, &[]).await?;
    let size = client.get(&format!("{path}/size"), &[]).await?;
    if let Some(members) = raw.as_object_mut() {
        members.insert("members".to_owned(), size["members"].clone());
        // The rule as one text that can be copied.
        if !session.json
            && let Some(rule) = members.get_mut("rule")
        {
            *rule = rule.to_string().into();
        }
    }
    Ok(Output::Facts(raw))
}
