use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// One event of the Segment tracking API. Which fields are needed depends on the call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(example = json!({
    "userId": "u-42",
    "event": "Order Completed",
    "properties": {"order_id": "o-1", "revenue": 39.9, "currency": "EUR"},
    "timestamp": "2026-11-20T11:56:00.695Z",
    "messageId": "f3b437a1-dc8c-439c-b8ac-fe382a763b6c"
}))]
pub struct SegmentEvent {
    /// In a batch: `track`, `identify`, `page`, `screen`, `group` or `alias`.
    pub r#type: Option<String>,
    /// The id under which you know the person. This or `anonymousId` is needed.
    pub user_id: Option<String>,
    /// The id of a device or browser.
    pub anonymous_id: Option<String>,
    /// `alias`: the id that is now known as `userId`.
    pub previous_id: Option<String>,
    /// `group`: the group's id.
    pub group_id: Option<String>,
    /// `track`: the event's name.
    pub event: Option<String>,
    /// `page`, `screen`: its name.
    pub name: Option<String>,
    /// `track`, `page`, `screen`: what is known about the event.
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Value>,
    /// `identify`, `group`: what is known about the person or group; `null` unsets a trait.
    #[schema(value_type = Option<Object>)]
    pub traits: Option<Value>,
    /// Where it happened: page, campaign, device. `consent.categoryPreferences` in it (category to
    /// `true` or `false`) becomes the person's consents, each category a purpose.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Value>,
    /// To which destinations a copy of the event may go. Read and checked; events are copied to none.
    #[schema(value_type = Option<Object>)]
    pub integrations: Option<Value>,
    /// When it happened by the client's clock, ISO 8601; now if not given.
    pub timestamp: Option<String>,
    /// When it was sent by the client's clock; corrects `timestamp` if that clock is wrong.
    pub sent_at: Option<String>,
    /// At most 100 bytes; the same id is counted once. Made by the server if not given.
    pub message_id: Option<String>,
    /// The write key, if it is not in a header.
    pub write_key: Option<String>,
}

/// Many events of the Segment tracking API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(example = json!({
    "batch": [{"type": "track", "userId": "u-42", "event": "Cart Viewed"}],
    "sentAt": "2026-11-20T11:56:01.195Z"
}))]
pub struct SegmentBatch {
    /// At most 2 500.
    pub batch: Vec<SegmentEvent>,
    /// For all events without one of their own.
    pub sent_at: Option<String>,
    /// Laid under the context of each event; at most 4 KB.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Value>,
    /// The write key, if it is not in a header.
    pub write_key: Option<String>,
}

/// What the Segment tracking API answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"success": true}))]
pub struct SegmentReply {
    /// Always true with status 200: everything is durable.
    pub success: bool,
}

/// One event for the own API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "user_id": "u-42",
    "event": "Order Completed",
    "properties": {"order_id": "o-1", "revenue": 39.9},
    "timestamp": "2026-11-20T11:56:00.695Z",
    "message_id": "order-o-1"
}))]
pub struct UserEvent {
    /// The id under which you know the person. This or `anonymous_id` is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The id of a device or browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous_id: Option<String>,
    /// The event's name, 1 to 200 bytes; not for identify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Another call than the path's, for example `page` (only on `/events/track`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// What is known about the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Value>,
    /// What is known about the person; `null` unsets a trait.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub traits: Option<Value>,
    /// Where it happened: page, campaign, device; consent as in the Segment tracking API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub context: Option<Value>,
    /// When it happened, ISO 8601; now if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// When it was sent by the client's clock; corrects `timestamp` if that clock is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// At most 100 bytes; the same id is counted once. Made by the server if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// One event, or up to 2 500 in an array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// A single event: the answer says what became of it.
    One(Box<UserEvent>),
    /// Many: the answer has a result for each.
    Many(Vec<UserEvent>),
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// It is durable in its profile (now, or it was already).
    Accepted,
    /// It is not; it is kept in the quarantine.
    Rejected,
}

/// The result of one event of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"index": 0, "status": "accepted", "message_id": "order-o-1"}))]
pub struct ItemResult {
    /// Its place in the request, from 0.
    pub index: usize,
    /// What became of it.
    pub status: ItemStatus,
    /// Its message id, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The profile that holds it; only for credentials with `profiles:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_id: Option<String>,
    /// Rejected: the stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Rejected: what was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Rejected: where in the event (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// The answer to many events: `200` if all were accepted, `207` if some were not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "success": true, "accepted": 1, "rejected": 0,
    "results": [{"index": 0, "status": "accepted", "message_id": "order-o-1"}]
}))]
pub struct IngestReply {
    /// Whether all were accepted.
    pub success: bool,
    /// How many are in their profiles.
    pub accepted: usize,
    /// How many are in the quarantine.
    pub rejected: usize,
    /// One for each event, in their order.
    pub results: Vec<ItemResult>,
}

/// The answer to one event (a result) or to many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TrackReply {
    /// To many.
    Many(IngestReply),
    /// To one.
    One(ItemResult),
}
