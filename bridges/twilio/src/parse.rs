use std::collections::BTreeMap;

use impresario_calls::Unreadable;
use impresario_messages::{
    Address, Channel, Choice, Content, Delivery, Event, Fault, Inbound, Location, Media, MediaKind,
    Person, StatusUpdate,
};

/// The most media of one message.
const MEDIA_MAX: usize = 10;

/// Everything in a webhook. `query` is the URL's, in which a status report has our id; Twilio sends
/// no times, so `now_ms` is when it came.
///
/// # Errors
/// If the body is not a form with a message's id.
pub fn parse(
    connection: &str,
    query: &str,
    raw: &[u8],
    now_ms: i64,
) -> Result<Vec<Event>, Unreadable> {
    if std::str::from_utf8(raw).is_err() {
        return Err(Unreadable("the form is not UTF-8".to_owned()));
    }
    let form: BTreeMap<String, String> = form_urlencoded::parse(raw).into_owned().collect();
    let hook = Hook { connection, form, now_ms };
    let Some(sid) = hook.get("MessageSid").or_else(|| hook.get("SmsSid")) else {
        return Err(Unreadable("the form has no MessageSid".to_owned()));
    };
    Ok(match hook.get("MessageStatus").filter(|state| *state != "received") {
        Some(state) => vec![hook.status(sid, state, query)],
        None => hook.messages(sid),
    })
}

struct Hook<'a> {
    connection: &'a str,
    form: BTreeMap<String, String>,
    now_ms: i64,
}

impl Hook<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn address(&self, user: &str, number: &str) -> Address {
        Address {
            channel: Channel::Twilio,
            connection: self.connection.to_owned(),
            user: user.to_owned(),
            thread: number.to_owned(),
        }
    }

    fn messages(&self, sid: &str) -> Vec<Event> {
        let (Some(from), Some(to)) = (self.get("From"), self.get("To")) else {
            return vec![Event::Ignored { reason: "no_sender" }];
        };
        let person = self.person(from);
        let extra = self.extra();
        let message = |(index, content): (usize, Content)| {
            let id = if index == 0 { sid.to_owned() } else { format!("{sid}#{index}") };
            Event::Message(Box::new(Inbound {
                id,
                address: self.address(from, to),
                person: person.clone(),
                at_ms: self.now_ms,
                content,
                reply_to: self.get("OriginalRepliedMessageSid").map(str::to_owned),
                extra: extra.clone(),
            }))
        };
        self.contents().into_iter().enumerate().map(message).collect()
    }

    fn person(&self, from: &str) -> Person {
        let number = from.strip_prefix("whatsapp:").unwrap_or(from);
        let phone = number.starts_with('+').then(|| number.to_owned());
        let id = self.get("WaId").map(|id| ("whatsapp_id".to_owned(), id.to_owned()));
        Person {
            name: self.get("ProfileName").map(str::to_owned),
            phone,
            email: None,
            external: id.into_iter().collect(),
            verified: true,
        }
    }

    fn contents(&self) -> Vec<Content> {
        let body = self.get("Body");
        let choice = |id: &str, title: &str| {
            let title = if title.is_empty() { body.unwrap_or(id) } else { title };
            vec![Content::Choice(Choice { id: id.to_owned(), title: title.to_owned() })]
        };
        let text = |name: &str| self.get(name).unwrap_or_default();
        if let Some(id) = self.get("ButtonPayload") {
            return choice(id, text("ButtonText"));
        }
        if let Some(id) = self.get("ListId") {
            return choice(id, text("ListTitle"));
        }
        let degrees = |name: &str| self.get(name).and_then(|value| value.parse::<f64>().ok());
        if let (Some(latitude), Some(longitude)) = (degrees("Latitude"), degrees("Longitude")) {
            return vec![Content::Location(Location {
                latitude,
                longitude,
                name: self.get("Label").or(body).map(str::to_owned),
                address: self.get("Address").map(str::to_owned),
            })];
        }
        let media = self.media(body);
        match (media.is_empty(), body) {
            (false, _) => media,
            (true, Some(body)) => vec![Content::text(body)],
            (true, None) => {
                let kind = self.get("MessageType").unwrap_or("empty").to_owned();
                vec![Content::Unsupported { kind }]
            }
        }
    }

    fn media(&self, body: Option<&str>) -> Vec<Content> {
        let count = self.get("NumMedia").and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
        (0..count.min(MEDIA_MAX))
            .filter_map(|index| {
                let url = self.get(&format!("MediaUrl{index}"))?;
                let mime = self.get(&format!("MediaContentType{index}")).unwrap_or_default();
                let kind = match mime {
                    "image/webp" => MediaKind::Sticker,
                    other => MediaKind::of_mime(other),
                };
                Some(Content::Media(Media {
                    mime: mime.to_owned(),
                    caption: body.filter(|_| index == 0).map(str::to_owned),
                    ..Media::new(kind, url)
                }))
            })
            .collect()
    }

    /// Where the person comes from: an advertisement that opens WhatsApp.
    fn extra(&self) -> Vec<(String, String)> {
        let referral = self.form.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix("Referral")?;
            Some((format!("referral.{}", snake(name)), value.clone()))
        });
        let forwarded = self.get("Forwarded").map(|value| ("context.forwarded", value));
        let forwarded = forwarded.map(|(key, value)| (key.to_owned(), value.to_owned()));
        referral.filter(|(_, value)| !value.is_empty()).chain(forwarded).collect()
    }

    fn status(&self, sid: &str, state: &str, query: &str) -> Event {
        let status = match state {
            "accepted" | "scheduled" | "queued" | "sending" | "sent" => Delivery::Sent,
            "delivered" => Delivery::Delivered,
            "read" => Delivery::Read,
            "undelivered" | "failed" | "canceled" => Delivery::Failed,
            _ => return Event::Ignored { reason: "status" },
        };
        let ours: BTreeMap<String, String> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let error = self.get("ErrorCode").filter(|code| *code != "0").map(|code| Fault {
            code: code.to_owned(),
            detail: self.get("ErrorMessage").unwrap_or_default().to_owned(),
        });
        let text = |name: &str| self.get(name).unwrap_or_default();
        Event::Status(StatusUpdate {
            platform_id: sid.to_owned(),
            // What we sent went from our number to the person.
            address: self.address(text("To"), text("From")),
            status,
            at_ms: self.now_ms,
            error: error.filter(|_| status == Delivery::Failed),
            outgoing_id: ours.get("outgoing").cloned(),
            part: ours.get("part").and_then(|part| part.parse().ok()),
            extra: Vec::new(),
        })
    }
}

/// `SourceId` as `source_id`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
