use impresario_calls::Unreadable;
use impresario_messages::{
    Address, Channel, Content, Event, HandshakeAnswer, Inbound, Media, MediaKind, Person,
};
use serde_json::Value;

use crate::{Settings, interact};

/// In the extras of what was said in a thread without naming the bot: it is said to the bot only if the
/// person talks to it there already.
pub const UNADDRESSED: &str = "unaddressed";

/// Everything in a request whose signature is right: an event, an interaction or a slash command.
/// `now_ms` is used where Slack gives no time.
///
/// # Errors
/// If the body is neither JSON nor a form of Slack's.
pub fn parse(
    connection: &str,
    settings: &Settings,
    content_type: &str,
    raw: &[u8],
    now_ms: i64,
) -> Result<Vec<Event>, Unreadable> {
    let room = Room { connection, settings };
    if content_type.starts_with("application/x-www-form-urlencoded") {
        return interact::parse(&room, raw, now_ms);
    }
    let body: Value = serde_json::from_slice(raw).map_err(|error| Unreadable(error.to_string()))?;
    Ok(vec![match body["type"].as_str() {
        Some("url_verification") => Event::Handshake(HandshakeAnswer {
            content_type: "text/plain",
            body: text(&body["challenge"]).unwrap_or_default().to_owned(),
        }),
        Some("event_callback") => room.event(&body),
        Some("app_rate_limited") => ignored("rate_limited"),
        _ => ignored("type"),
    }])
}

pub(crate) const fn ignored(reason: &'static str) -> Event {
    Event::Ignored { reason }
}

/// A text that is there and not empty.
pub(crate) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// Slack writes times as seconds with six decimals; they are ids at the same time.
pub(crate) fn at_ms(stamp: &str) -> i64 {
    let (seconds, rest) = stamp.split_once('.').unwrap_or((stamp, "0"));
    let ms = rest.get(..3).unwrap_or("0").parse::<i64>().unwrap_or(0);
    seconds.parse::<i64>().unwrap_or(0).saturating_mul(1_000).saturating_add(ms)
}

pub(crate) struct Room<'a> {
    pub(crate) connection: &'a str,
    pub(crate) settings: &'a Settings,
}

impl Room<'_> {
    pub(crate) fn address(&self, user: &str, channel: &str, thread: Option<&str>) -> Address {
        let thread = match thread {
            Some(thread) => format!("{channel}:{thread}"),
            None => channel.to_owned(),
        };
        Address {
            channel: Channel::Slack,
            connection: self.connection.to_owned(),
            user: user.to_owned(),
            thread,
        }
    }

    /// Whether a request is of the workspace that may speak.
    pub(crate) fn is_ours(&self, team: Option<&str>) -> bool {
        let wanted = self.settings.team_id.as_deref();
        wanted.is_none_or(|wanted| team.is_none_or(|team| team == wanted))
    }

    fn event(&self, body: &Value) -> Event {
        if !self.is_ours(text(&body["team_id"])) {
            return ignored("other_team");
        }
        let event = &body["event"];
        match event["type"].as_str() {
            Some("message" | "app_mention") => self.message(body, event),
            Some("reaction_added" | "reaction_removed") => self.reaction(body, event),
            _ => ignored("event"),
        }
    }

    fn message(&self, body: &Value, event: &Value) -> Event {
        let own = self.settings.bot_user_id.as_deref();
        let from_bot = event.get("bot_id").is_some_and(|id| !id.is_null());
        if from_bot || (own.is_some() && text(&event["user"]) == own) {
            return ignored("bot");
        }
        match event["subtype"].as_str() {
            None | Some("file_share" | "thread_broadcast" | "me_message") => {}
            // Edits, deletions, joins and what else a channel reports.
            Some(_) => return ignored("subtype"),
        }
        let (Some(user), Some(channel), Some(stamp)) =
            (text(&event["user"]), text(&event["channel"]), text(&event["ts"]))
        else {
            return ignored("no_sender");
        };
        let direct = event["channel_type"] == "im";
        let mention = event["type"] == "app_mention";
        let thread = text(&event["thread_ts"]);
        if !direct && !mention && thread.is_none() && !self.settings.answer_all {
            return ignored("not_addressed");
        }
        // A mention comes twice, as a message and as a mention: both have the same time.
        let written = text(&event["text"]).unwrap_or_default();
        let words = self.words(written);
        let named = own.is_some_and(|own| written.contains(&format!("<@{own}")));
        let mut extra = extra(body, event);
        if !direct && !mention && !named && !self.settings.answer_all {
            extra.push((UNADDRESSED.to_owned(), "true".to_owned()));
        }
        // In a channel the answers to one message are a thread; a direct talk is one room.
        let room = thread.or((!direct).then_some(stamp));
        Event::Message(Box::new(Inbound {
            id: format!("{channel}:{stamp}"),
            address: self.address(user, channel, room),
            person: person(user, text(&body["team_id"])),
            at_ms: at_ms(stamp),
            content: content(event, words),
            reply_to: thread.filter(|thread| *thread != stamp).map(|it| format!("{channel}:{it}")),
            extra,
        }))
    }

    /// Slack's markup as words: without the mention of the bot, entities as letters, links as URLs.
    pub(crate) fn words(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            out.push_str(before);
            let Some((inside, behind)) = after.split_once('>') else {
                out.push('<');
                rest = after;
                continue;
            };
            let (target, label) = inside.split_once('|').unwrap_or((inside, ""));
            let own = self.settings.bot_user_id.as_deref();
            if own.is_none() || target.strip_prefix('@') != own {
                let link = target.contains("://") || target.starts_with("mailto:");
                out.push_str(match (label, link) {
                    ("", _) => target,
                    (label, true) if target.ends_with(label) => label,
                    (label, false) => label,
                    (_, true) => target,
                });
            }
            rest = behind;
        }
        out.push_str(rest);
        let out = out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        out.trim().to_owned()
    }

    fn reaction(&self, body: &Value, event: &Value) -> Event {
        let item = &event["item"];
        let (Some(user), Some(channel), Some(stamp)) =
            (text(&event["user"]), text(&item["channel"]), text(&item["ts"]))
        else {
            return ignored("reaction");
        };
        let own = self.settings.bot_user_id.as_deref();
        if Some(user) == own {
            return ignored("bot");
        }
        // Only reactions to what the bot said are said to the bot.
        let author = text(&event["item_user"]);
        if !channel.starts_with('D') && (own.is_none() || author != own) {
            return ignored("reaction");
        }
        let added = event["type"] == "reaction_added";
        let emoji = text(&event["reaction"]).filter(|_| added).map(|name| format!(":{name}:"));
        Event::Message(Box::new(Inbound {
            id: text(&body["event_id"]).unwrap_or_default().to_owned(),
            address: self.address(user, channel, None),
            person: person(user, text(&body["team_id"])),
            at_ms: at_ms(text(&event["event_ts"]).unwrap_or_default()),
            content: Content::Reaction { message_id: format!("{channel}:{stamp}"), emoji },
            reply_to: None,
            extra: extra(body, event),
        }))
    }
}

pub(crate) fn person(user: &str, team: Option<&str>) -> Person {
    let team = team.map(|team| ("slack_team".to_owned(), team.to_owned()));
    Person {
        external: [("slack_user".to_owned(), user.to_owned())].into_iter().chain(team).collect(),
        verified: true,
        ..Person::default()
    }
}

fn content(event: &Value, words: String) -> Content {
    let Some(file) = event["files"].as_array().and_then(|files| files.first()) else {
        return Content::text(words);
    };
    let url = text(&file["url_private_download"]).or_else(|| text(&file["url_private"]));
    let mime = text(&file["mimetype"]).unwrap_or_default();
    let kind = if mime.is_empty() { MediaKind::Document } else { MediaKind::of_mime(mime) };
    Content::Media(Media {
        mime: mime.to_owned(),
        caption: Some(words).filter(|words| !words.is_empty()),
        name: text(&file["name"]).map(str::to_owned),
        size: file["size"].as_u64(),
        ..Media::new(kind, url.or_else(|| text(&file["id"])).unwrap_or_default())
    })
}

fn extra(body: &Value, event: &Value) -> Vec<(String, String)> {
    let mut extra = Vec::new();
    let mut add = |name: &str, value: Option<&str>| {
        extra.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    };
    add("event_id", text(&body["event_id"]));
    add("team_id", text(&body["team_id"]));
    add("channel_type", text(&event["channel_type"]));
    let files = event["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    for file in files.iter().skip(1) {
        add("file", text(&file["url_private"]));
    }
    extra
}
