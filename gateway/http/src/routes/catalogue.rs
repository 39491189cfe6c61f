//! Products and services: documents of the collection `catalogue` with a price, a stock, times.

use axum::response::Response;
use http::StatusCode;
use impresario_api::codes;
use impresario_api::{Document, DocumentRow, DocumentSaved, ItemPatch, Page, SaveItem};
use impresario_ids::DocumentId;
use impresario_knowledge::{Command, Content, Kind, Patch, Product, Query, View, id_of_external};
use serde_json::value::RawValue;

use super::knowledge::{
    CODES, ERASE, MANAGE, SAVE_CODES, STATUS, at, change, in_collection, listed, metadata, removal,
    save,
};
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::{CURSOR, LIMIT, Route};

/// Where items are kept.
pub(super) const COLLECTION: &str = "catalogue";
const TAG: &str = "Catalogue";

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/catalogue", MANAGE, |call| Box::pin(list(call)))
        .doc(TAG, "List products and services", "")
        .gives::<Page<DocumentRow>>()
        .query(&[STATUS, LIMIT, CURSOR]),
    Route::post("/api/v1/catalogue", MANAGE, |call| Box::pin(create(call)))
        .doc(
            TAG,
            "Make a product or a service",
            "With the `external_id` or `sku` of one that is there, that one is replaced.",
        )
        .takes::<SaveItem>()
        .gives::<DocumentSaved>()
        .status(201)
        .codes(SAVE_CODES),
    Route::get("/api/v1/catalogue/{id}", MANAGE, |call| Box::pin(show(call)))
        .doc(TAG, "Get a product or a service", "")
        .gives::<Document>()
        .codes(CODES),
    Route::put("/api/v1/catalogue/{id}", MANAGE, |call| Box::pin(replace(call)))
        .doc(TAG, "Replace a product or a service", "")
        .takes::<SaveItem>()
        .gives::<DocumentSaved>()
        .codes(SAVE_CODES),
    Route::patch("/api/v1/catalogue/{id}", MANAGE, |call| Box::pin(patch(call)))
        .doc(TAG, "Change price, stock or times", "Answers follow from the next message on.")
        .takes::<ItemPatch>()
        .gives::<DocumentSaved>()
        .codes(SAVE_CODES),
    Route::delete("/api/v1/catalogue/{id}", MANAGE, |call| Box::pin(remove(call)))
        .doc(TAG, "Delete a product or a service", "It can be restored, unless `erase` is given.")
        .gives::<DocumentSaved>()
        .query(&[ERASE])
        .codes(CODES),
    Route::act("/api/v1/catalogue/{id}/restore", MANAGE, |call| Box::pin(restore(call)))
        .doc(TAG, "Restore a deleted product or service", "")
        .gives::<DocumentSaved>()
        .codes(CODES),
];

async fn list(call: &mut Call) -> Result<Response, Fault> {
    listed(call, COLLECTION.to_owned()).await
}

async fn known(call: &mut Call) -> Result<View, Fault> {
    in_collection(call, COLLECTION, Query::Summary).await
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    call::ok(&in_collection(call, COLLECTION, Query::Get).await?)
}

/// An exact decimal number in millionths; `None` if it is none, or has more than six digits after
/// the point.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let text = text.trim().trim_matches('"');
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || rest.len() > 6 || !digits(whole) || !digits(rest) {
        return None;
    }
    let rest: i64 = format!("{rest:0<6}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(rest)
}

fn price(given: Option<&RawValue>) -> Result<Option<i64>, Fault> {
    let Some(given) = given.filter(|given| given.get() != "null") else { return Ok(None) };
    match micros(given.get()) {
        Some(micros) => Ok(Some(micros)),
        None => Err(Fault::new(&codes::DOCUMENT_FIELD_INVALID)
            .detail("a price is a decimal number from 0 with at most six digits after the point")
            .pointer("/price")),
    }
}

/// Everything about an item but its words.
fn content(item: SaveItem) -> Result<(Content, String), Fault> {
    let kind = match item.kind.as_deref() {
        None | Some("product") => Kind::Product,
        Some("service") => Kind::Service,
        Some(_) => {
            return Err(Fault::new(&codes::INVALID_REQUEST)
                .detail("kind is product or service")
                .pointer("/kind"));
        }
    };
    let price_micros = price(item.price.as_deref())?;
    let given = |text: &String| !text.is_empty();
    let external_id = item.external_id.or_else(|| Some(item.sku.clone())).filter(given);
    let content = Content {
        kind,
        collection: COLLECTION.to_owned(),
        title: item.name.clone(),
        keywords: item.keywords,
        category: item.category,
        priority: item.priority,
        audience: item.audience,
        metadata: metadata(item.metadata),
        language: item.language,
        product: Some(Product {
            sku: item.sku,
            price_micros,
            currency: item.currency,
            stock: item.stock,
            slots: item.slots,
            aliases: item.aliases,
            image: item.image,
            complements: item.complements,
        }),
        external_id,
        expires_at: at("expires_at", item.expires_at.as_deref())?,
        ..Content::default()
    };
    // An item without a description is found by its name.
    let words = if item.description.trim().is_empty() { item.name } else { item.description };
    Ok((content, words))
}

async fn create(call: &mut Call) -> Result<Response, Fault> {
    let item: SaveItem = call.json()?;
    let expected_version = item.expected_version;
    let (content, words) = content(item)?;
    let id = match &content.external_id {
        Some(external) => id_of_external(call.tenant()?, COLLECTION, external),
        None => call.fresh_id()?,
    };
    save(call, StatusCode::CREATED, id, content, &words, "text/markdown", expected_version).await
}

async fn replace(call: &mut Call) -> Result<Response, Fault> {
    let old = known(call).await?;
    let item: SaveItem = call.json()?;
    let expected_version = item.expected_version;
    let (mut content, words) = content(item)?;
    content.external_id = old.external_id;
    let id: DocumentId = call.path_id("id").await?;
    save(call, StatusCode::OK, id, content, &words, "text/markdown", expected_version).await
}

async fn patch(call: &mut Call) -> Result<Response, Fault> {
    let old = known(call).await?;
    let given: ItemPatch = call.json()?;
    // Between reading and changing somebody else may have changed it: refuse rather than undo.
    let expected_version = Some(given.expected_version.unwrap_or(old.version));
    let mut product = old.product.clone().unwrap_or_default();
    if let Some(micros) = price(given.price.as_deref())? {
        product.price_micros = Some(micros);
    }
    if let Some(currency) = given.currency {
        product.currency = currency;
    }
    if let Some(stock) = given.stock {
        product.stock = (stock >= 0).then_some(stock);
    }
    if let Some(slots) = given.slots {
        product.slots = slots;
    }
    if let Some(aliases) = given.aliases {
        product.aliases = aliases;
    }
    if let Some(image) = given.image {
        product.image = Some(image).filter(|image| !image.is_empty());
    }
    if let Some(complements) = given.complements {
        product.complements = complements;
    }
    let patch = Patch { product: Some(product), ..Patch::default() };
    change(call, old, Command::PatchMetadata { patch: Box::new(patch), expected_version }).await
}

async fn remove(call: &mut Call) -> Result<Response, Fault> {
    let (old, command) = (known(call).await?, removal(call)?);
    change(call, old, command).await
}

async fn restore(call: &mut Call) -> Result<Response, Fault> {
    let old = known(call).await?;
    change(call, old, Command::Restore).await
}
