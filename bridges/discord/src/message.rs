use impresario_messages::{Address, Channel, Content, Event, Inbound, Media, MediaKind, Person};
use serde_json::Value;

use crate::Settings;

/// Discord's first millisecond: ids carry the milliseconds since then.
const EPOCH_MS: i64 = 1_420_070_400_000;

/// A text that is there and not empty.
pub(crate) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

pub(crate) const fn ignored(reason: &'static str) -> Event {
    Event::Ignored { reason }
}

/// When something was made, by its id.
pub(crate) fn made_ms(id: &str) -> i64 {
    let id: u64 = id.parse().unwrap_or(0);
    i64::try_from(id >> 22).unwrap_or(0).saturating_add(EPOCH_MS)
}

pub(crate) fn address(connection: &str, user: &str, channel: &str) -> Address {
    Address {
        channel: Channel::Discord,
        connection: connection.to_owned(),
        user: user.to_owned(),
        thread: channel.to_owned(),
    }
}

pub(crate) fn person(user: &Value) -> Person {
    let id = text(&user["id"]).map(|id| ("discord_user".to_owned(), id.to_owned()));
    Person {
        name: text(&user["global_name"]).or_else(|| text(&user["username"])).map(str::to_owned),
        external: id.into_iter().collect(),
        verified: true,
        ..Person::default()
    }
}

/// What a dispatch of the gateway says: `name` is its `t`, `data` its `d`. `own_user` is the bot.
#[must_use]
pub fn of_gateway(
    connection: &str,
    settings: &Settings,
    own_user: &str,
    name: &str,
    data: &Value,
) -> Event {
    match name {
        "MESSAGE_CREATE" => written(connection, settings, own_user, data),
        "MESSAGE_REACTION_ADD" | "MESSAGE_REACTION_REMOVE" => {
            reaction(connection, own_user, name.ends_with("ADD"), data)
        }
        _ => ignored("event"),
    }
}

fn written(connection: &str, settings: &Settings, own_user: &str, data: &Value) -> Event {
    let author = &data["author"];
    if author["bot"] == true || text(&data["webhook_id"]).is_some() {
        return ignored("bot");
    }
    // 0 is a message, 19 an answer to one; the others are notes of the channel.
    if !matches!(data["type"].as_u64(), None | Some(0 | 19)) {
        return ignored("kind");
    }
    let (Some(id), Some(user), Some(channel)) =
        (text(&data["id"]), text(&author["id"]), text(&data["channel_id"]))
    else {
        return ignored("no_sender");
    };
    if user == own_user {
        return ignored("bot");
    }
    let mentions = data["mentions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mentioned = mentions.iter().any(|user| user["id"] == own_user);
    let answered = data["referenced_message"]["author"]["id"] == own_user;
    let direct = text(&data["guild_id"]).is_none();
    if !direct && !mentioned && !answered && !settings.answer_all {
        return ignored("not_addressed");
    }
    let words = text(&data["content"]).unwrap_or_default();
    let words =
        words.replace(&format!("<@{own_user}>"), "").replace(&format!("<@!{own_user}>"), "");
    let guild = text(&data["guild_id"]).map(|id| ("guild_id".to_owned(), id.to_owned()));
    Event::Message(Box::new(Inbound {
        id: id.to_owned(),
        address: address(connection, user, channel),
        person: person(author),
        at_ms: made_ms(id),
        content: content(words.trim(), data),
        reply_to: text(&data["message_reference"]["message_id"]).map(str::to_owned),
        extra: guild.into_iter().collect(),
    }))
}

fn content(words: &str, data: &Value) -> Content {
    let Some(file) = data["attachments"].as_array().and_then(|files| files.first()) else {
        return Content::text(words);
    };
    let mime = text(&file["content_type"]).unwrap_or_default();
    let kind = if mime.is_empty() { MediaKind::Document } else { MediaKind::of_mime(mime) };
    Content::Media(Media {
        mime: mime.to_owned(),
        caption: Some(words.to_owned()).filter(|words| !words.is_empty()),
        name: text(&file["filename"]).map(str::to_owned),
        size: file["size"].as_u64(),
        ..Media::new(kind, text(&file["url"]).unwrap_or_default())
    })
}

fn reaction(connection: &str, own_user: &str, added: bool, data: &Value) -> Event {
    let (Some(user), Some(channel), Some(message)) =
        (text(&data["user_id"]), text(&data["channel_id"]), text(&data["message_id"]))
    else {
        return ignored("reaction");
    };
    // Only reactions to what the bot said are said to the bot.
    let to_us = data["message_author_id"] == own_user || text(&data["guild_id"]).is_none();
    if user == own_user || !to_us {
        return ignored("reaction");
    }
    let name = text(&data["emoji"]["name"]).unwrap_or_default();
    let what = if added { "add" } else { "remove" };
    Event::Message(Box::new(Inbound {
        // A reaction has no id and no time; these four are never twice at the same time.
        id: format!("{message}:{user}:{name}:{what}"),
        address: address(connection, user, channel),
        person: person(&data["member"]["user"]),
        at_ms: made_ms(message),
        content: Content::Reaction {
            message_id: message.to_owned(),
            emoji: added.then(|| name.to_owned()),
        },
        reply_to: Some(message.to_owned()),
        extra: Vec::new(),
    }))
}
