use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of an event or a batch as they were sent, nothing checked but the JSON types. Of
/// duplicate keys the last one counts. Own routes may use `snake_case` names.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) kind: Option<Cow<'a, str>>,
    pub(crate) message_id: Option<Cow<'a, str>>,
    pub(crate) user_id: Option<Cow<'a, str>>,
    pub(crate) anonymous_id: Option<Cow<'a, str>>,
    pub(crate) previous_id: Option<Cow<'a, str>>,
    pub(crate) group_id: Option<Cow<'a, str>>,
    pub(crate) event: Option<Cow<'a, str>>,
    pub(crate) name: Option<Cow<'a, str>>,
    pub(crate) category: Option<Cow<'a, str>>,
    pub(crate) timestamp: Option<Cow<'a, str>>,
    pub(crate) original_timestamp: Option<Cow<'a, str>>,
    pub(crate) sent_at: Option<Cow<'a, str>>,
    pub(crate) write_key: Option<Cow<'a, str>>,
    pub(crate) properties: Option<&'a RawValue>,
    pub(crate) traits: Option<&'a RawValue>,
    pub(crate) context: Option<&'a RawValue>,
    pub(crate) integrations: Option<&'a RawValue>,
    pub(crate) batch: Option<Vec<&'a RawValue>>,
    /// The name of a field that has the wrong JSON type.
    pub(crate) wrong: Option<&'static str>,
}

/// Reads the fields of one JSON object.
pub(crate) fn read(text: &str) -> Result<Fields<'_>, serde_json::Error> {
    serde_json::from_str(text)
}

/// Reads the items of one JSON array.
pub(crate) fn read_array(text: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    serde_json::from_str(text)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Type,
    MessageId,
    UserId,
    AnonymousId,
    PreviousId,
    GroupId,
    Event,
    Name,
    Category,
    Timestamp,
    OriginalTimestamp,
    SentAt,
    WriteKey,
    Properties,
    Traits,
    Context,
    Integrations,
    Batch,
    Other,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Field, E> {
                Ok(match name {
                    "type" => Field::Type,
                    "messageId" | "message_id" => Field::MessageId,
                    "userId" | "user_id" => Field::UserId,
                    "anonymousId" | "anonymous_id" => Field::AnonymousId,
                    "previousId" | "previous_id" => Field::PreviousId,
                    "groupId" | "group_id" => Field::GroupId,
                    "event" => Field::Event,
                    "name" => Field::Name,
                    "category" => Field::Category,
                    "timestamp" => Field::Timestamp,
                    "originalTimestamp" | "original_timestamp" => Field::OriginalTimestamp,
                    "sentAt" | "sent_at" => Field::SentAt,
                    "writeKey" | "write_key" => Field::WriteKey,
                    "properties" => Field::Properties,
                    "traits" => Field::Traits,
                    "context" => Field::Context,
                    "integrations" => Field::Integrations,
                    "batch" | "events" => Field::Batch,
                    _ => Field::Other,
                })
            }
        }
        reader.deserialize_identifier(Read)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(ReadFields)
    }
}

struct ReadFields;

impl<'de> Visitor<'de> for ReadFields {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = entries.next_key::<Field>()? {
            let fields = &mut fields;
            match name {
                Field::Type => fields.kind = fields.text("type", entries.next_value()?),
                Field::MessageId => {
                    fields.message_id = fields.text("messageId", entries.next_value()?)
                }
                Field::UserId => fields.user_id = fields.text("userId", entries.next_value()?),
                Field::AnonymousId => {
                    fields.anonymous_id = fields.text("anonymousId", entries.next_value()?)
                }
                Field::PreviousId => {
                    fields.previous_id = fields.text("previousId", entries.next_value()?)
                }
                Field::GroupId => fields.group_id = fields.text("groupId", entries.next_value()?),
                Field::Event => fields.event = fields.text("event", entries.next_value()?),
                Field::Name => fields.name = fields.text("name", entries.next_value()?),
                Field::Category => fields.category = fields.text("category", entries.next_value()?),
                Field::Timestamp => {
                    fields.timestamp = fields.text("timestamp", entries.next_value()?)
                }
                Field::OriginalTimestamp => {
                    fields.original_timestamp =
                        fields.text("originalTimestamp", entries.next_value()?);
                }
                Field::SentAt => fields.sent_at = fields.text("sentAt", entries.next_value()?),
                Field::WriteKey => {
                    fields.write_key = fields.text("writeKey", entries.next_value()?)
                }
                Field::Properties => {
                    fields.properties = fields.object("properties", entries.next_value()?)
                }
                Field::Traits => fields.traits = fields.object("traits", entries.next_value()?),
                Field::Context => fields.context = fields.object("context", entries.next_value()?),
                Field::Integrations => {
                    fields.integrations = fields.object("integrations", entries.next_value()?)
                }
                Field::Batch => match entries.next_value::<Items<'de>>()? {
                    Items::Array(items) => fields.batch = Some(items),
                    Items::Other => fields.wrong = Some("batch"),
                },
                Field::Other => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

impl<'a> Fields<'a> {
    /// The text of a field; an empty one counts as missing.
    fn text(&mut self, name: &'static str, value: Loose<'a>) -> Option<Cow<'a, str>> {
        match value {
            Loose::Text(text) if text.is_empty() => None,
            Loose::Text(text) => Some(text),
            Loose::Null => None,
            Loose::Other => {
                self.wrong = Some(name);
                None
            }
        }
    }

    fn object(&mut self, name: &'static str, value: &'a RawValue) -> Option<&'a RawValue> {
        match value.get().as_bytes().first() {
            Some(b'{') => Some(value),
            Some(b'n') => None,
            _ => {
                self.wrong = Some(name);
                None
            }
        }
    }
}

/// A text, or a number as its text: many clients send numeric ids.
enum Loose<'a> {
    Text(Cow<'a, str>),
    Null,
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(ReadLoose)
    }
}

struct ReadLoose;

impl<'de> Visitor<'de> for ReadLoose {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::Other)
    }

    fn visit_unit<E>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose<'de>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }
}

enum Items<'a> {
    Array(Vec<&'a RawValue>),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let value = <&'de RawValue>::deserialize(reader)?;
        if value.get().starts_with('[') {
            serde_json::from_str(value.get()).map(Items::Array).map_err(D::Error::custom)
        } else {
            Ok(Items::Other)
        }
    }
}
