//! Products and services.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What an item of the catalogue has beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    /// The seller's number; may be empty.
    pub sku: String,
    /// In millionths of the currency.
    pub price_micros: Option<i64>,
    /// ISO 4217, three capital letters; empty without a price.
    pub currency: String,
    /// Pieces left; null: not counted.
    pub stock: Option<i64>,
    /// Times that can be booked, as the seller writes them.
    pub slots: Vec<String>,
    /// Other names.
    pub aliases: Vec<String>,
    /// A picture's address.
    pub image: Option<String>,
    /// Items that go with it, by sku or name.
    pub complements: Vec<String>,
}

/// An item of the catalogue to make or to replace.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Trail shoe", "description": "Light, for stony paths.", "sku": "TS-7", "price": 89.9,
    "currency": "EUR", "stock": 12, "aliases": ["hiking shoe"], "complements": ["wool socks"]
}))]
pub struct SaveItem {
    /// 1 to 500 characters.
    pub name: String,
    /// Markdown.
    #[serde(default)]
    pub description: String,
    /// `product` (if not given) or `service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The id under which you know it; the sku if not given. An item that is made with it again is
    /// replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The seller's number.
    #[serde(default)]
    pub sku: String,
    /// An exact decimal number, at most six digits after the point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub price: Option<Box<RawValue>>,
    /// ISO 4217; needed with a price.
    #[serde(default)]
    pub currency: String,
    /// Pieces left; not counted if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<i64>,
    /// Times that can be booked.
    #[serde(default)]
    pub slots: Vec<String>,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// A picture's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Items that go with it, by sku or name.
    #[serde(default)]
    pub complements: Vec<String>,
    /// Words that it should be found by.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// A shelf of the catalogue.
    #[serde(default)]
    pub category: String,
    /// The higher, the earlier among equals: -100 to 100.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: i32,
    /// Who may be answered from it; empty for everybody.
    #[serde(default)]
    pub audience: Vec<String>,
    /// Whatever else is to be kept.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// ISO 639-1; detected if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// From when on it is not offered any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Refuse unless this is the version now; 0 for one that is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Changes to an item that leave its words alone; a field that is not given stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"price": 79.9, "stock": 3}))]
pub struct ItemPatch {
    /// A new price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub price: Option<Box<RawValue>>,
    /// Its currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Pieces left; a negative number means that they are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<i64>,
    /// Replaces the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<Vec<String>>,
    /// Replaces the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aliases: Option<Vec<String>>,
    /// Empty takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Replaces the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complements: Option<Vec<String>>,
    /// Refuse unless this is the version now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}
