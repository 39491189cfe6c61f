use serde::Serialize;

use super::row::Fields;

/// What a catalogue item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// Something that is sold.
    Product,
    /// Something that is done.
    Service,
}

/// A product or a service as a row says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemDraft {
    /// What it is.
    pub kind: ItemKind,
    /// The seller's number; may be empty.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// What it is like; may be empty.
    pub description: String,
    /// In millionths of the currency.
    pub price_micros: Option<i64>,
    /// ISO 4217; empty without a price.
    pub currency: String,
    /// Pieces left.
    pub stock: Option<i64>,
    /// Times that can be booked.
    pub slots: Vec<String>,
    /// Other names.
    pub aliases: Vec<String>,
    /// A picture's address.
    pub image: Option<String>,
    /// Its shelf; may be empty.
    pub category: String,
    /// Items that go with it.
    pub complements: Vec<String>,
    /// Words that it should be found by.
    pub keywords: Vec<String>,
    /// Its language.
    pub language: Option<String>,
    /// The text of a JSON object; may be empty.
    pub metadata: String,
}

impl ItemDraft {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<(Option<String>, Self)> {
        let sku = fields.text(&["sku", "article_number", "number"]).unwrap_or_default();
        let id = fields.text(&["external_id", "id"]);
        let id = id.or_else(|| (!sku.is_empty()).then(|| sku.clone()));
        let name = fields.needed(&["name", "title"]);
        let kind = kind(fields);
        let (price_micros, currency) = price(fields);
        let rest = Self {
            kind,
            sku,
            name: String::new(),
            description: fields.text(&["description", "content", "text"]).unwrap_or_default(),
            price_micros,
            currency,
            stock: fields.integer(&["stock", "quantity", "inventory"], 0, i64::MAX),
            slots: fields.list(&["slots", "times"]),
            aliases: fields.list(&["aliases", "synonyms", "also_known_as"]),
            image: fields.text(&["image", "image_url", "image_link", "picture"]),
            category: fields.text(&["category", "product_type"]).unwrap_or_default(),
            complements: fields.list(&["complements", "related", "cross_sell"]),
            keywords: fields.list(&["keywords", "tags"]),
            language: fields.text(&["language", "lang", "locale"]),
            metadata: fields.metadata(),
        };
        Some((id, Self { name: name?, ..rest }))
    }
}

fn kind(fields: &mut Fields<'_>) -> ItemKind {
    match fields.text(&["kind", "type"]).map(|kind| kind.to_ascii_lowercase()).as_deref() {
        None | Some("product") => ItemKind::Product,
        Some("service") => ItemKind::Service,
        Some(_) => {
            fields.invalid("kind", "must be product or service");
            ItemKind::Product
        }
    }
}

fn price(fields: &mut Fields<'_>) -> (Option<i64>, String) {
    let given = fields.text(&["currency"]).map(|currency| currency.to_ascii_uppercase());
    let Some((micros, beside)) = fields.money(&["price", "amount"]) else {
        return (None, String::new());
    };
    let currency = match (given, beside) {
        // The column says it exactly; `$` may stand for many.
        (Some(given), _) => given,
        (None, Some(beside)) => beside,
        (None, None) => {
            fields.invalid("currency", "a price needs its currency (ISO 4217)");
            return (None, String::new());
        }
    };
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        fields.invalid("currency", "must be three letters (ISO 4217)");
    }
    (Some(micros), currency)
}
