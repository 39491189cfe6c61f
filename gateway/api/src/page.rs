use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; null on the last one.
    pub next: Option<String>,
}

// By hand: the derive refers to the schema of `T` but leaves it out of the collection.
impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("Page_{}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let text_or_null = SchemaType::from_iter([Type::String, Type::Null]);
        ObjectBuilder::new()
            .description(Some("One page of a list."))
            .property(
                "items",
                ArrayBuilder::new()
                    .items(Ref::from_schema_name(T::name()))
                    .description(Some("The entries.")),
            )
            .required("items")
            .property(
                "next",
                ObjectBuilder::new().schema_type(text_or_null).description(Some(
                    "Give it as `cursor` for the next page; null on the last one.",
                )),
            )
            .required("next")
            .into()
    }
}

/// How often an event happened in an hour, a day, or the whole time that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"event": "Order Completed", "from": "2026-11-20T12:00:00.000Z", "count": 17}))]
pub struct EventCount {
    /// The event's name.
    pub event: String,
    /// When the hour, the day or the time that was asked for began (UTC, by event time).
    pub from: String,
    /// How often.
    pub count: i64,
}

/// What a tenant used in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"meter": "events", "period": "2026-11-20", "count": 1234}))]
pub struct UsageRow {
    /// `events`, `active_profiles`, `messages`, `requests` or `profiles`. The last two are as of now,
    /// in the row of the current period.
    pub meter: String,
    /// A day (`2026-11-20`) or a month (`2026-11`), UTC, by time of receipt.
    pub period: String,
    /// How many.
    pub count: i64,
    /// How many the plan allows, where it limits the meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// A piece of input that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "3-17", "code": "no_user_anon_id", "detail": "every event needs userId or anonymousId",
    "raw": "{\"type\":\"track\",\"event\":\"x\"}", "source": "/v1/batch",
    "received_at": "2026-11-20T12:00:00.000Z"
}))]
pub struct QuarantineItem {
    /// Its id.
    pub id: String,
    /// The stable code.
    pub code: String,
    /// What was wrong.
    pub detail: String,
    /// What was sent, at most 32 KB.
    pub raw: String,
    /// The route that it came by.
    pub source: String,
    /// When it came.
    pub received_at: String,
}

/// How much was refused, by code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"counts": {"no_user_anon_id": 3}}))]
pub struct QuarantineCounts {
    /// Code to number.
    pub counts: BTreeMap<String, u64>,
}

/// Which log messages are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"filter": "info,impresario_host=debug"}))]
pub struct LogFilter {
    /// A level, or levels by target separated by commas.
    pub filter: String,
}

/// Whether a node can take requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
pub struct Health {
    /// `ok`, or `stopping`.
    pub status: String,
}
