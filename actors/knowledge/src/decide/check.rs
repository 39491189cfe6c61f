//! What a document's content must be.

use serde_json::{Map, Value};

use crate::{
    CHUNKS_MAX, Content, EXTERNAL_CHARS_MAX, FieldKind, Kind, LABEL_CHARS_MAX, LABELS_MAX,
    METADATA_BYTES_MAX, MetadataProblem, Policy, Product, Rejection, TEXT_BYTES_MAX,
    TITLE_CHARS_MAX, is_collection_name,
};

const PRIORITY_MAX: i32 = 100;
const LANGUAGE_BYTES_MAX: usize = 35;
const SLOTS_MAX: usize = 1_000;
const URL_CHARS_MAX: usize = 2_000;

/// Checks all of it, and brings names into their stored form.
pub(super) fn content(content: &mut Content, policy: &Policy) -> Result<(), Rejection> {
    if content.chunks.len() > CHUNKS_MAX {
        return Err(Rejection::TooManyChunks { chunks: content.chunks.len() as u64 });
    }
    names(content, policy)?;
    let bytes = size(content);
    if bytes > TEXT_BYTES_MAX {
        return Err(Rejection::TooLarge { bytes: bytes as u64 });
    }
    spans(content)
}

/// Checks how it is found.
pub(super) fn names(content: &mut Content, policy: &Policy) -> Result<(), Rejection> {
    if !is_collection_name(&content.collection) {
        return Err(Rejection::CollectionNameInvalid);
    }
    if !policy.has(&content.collection) {
        return Err(Rejection::CollectionUnknown(content.collection.clone()));
    }
    trim(&mut content.title);
    if !is_name(&content.title, TITLE_CHARS_MAX) {
        return Err(Rejection::TitleInvalid);
    }
    labels("keywords", &mut content.keywords)?;
    labels("audience", &mut content.audience)?;
    trim(&mut content.category);
    if !content.category.is_empty() && !is_name(&content.category, LABEL_CHARS_MAX) {
        return Err(Rejection::field("category", format!("at most {LABEL_CHARS_MAX} characters")));
    }
    if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&content.priority) {
        return Err(Rejection::field("priority", "-100 to 100"));
    }
    if let Some(external) = &content.external_id
        && !is_name(external, EXTERNAL_CHARS_MAX)
    {
        return Err(Rejection::external());
    }
    if !content.language.as_deref().is_none_or(is_language) {
        return Err(Rejection::field("language", "a BCP 47 tag like en or pt-BR"));
    }
    content.metadata = merged("", &content.metadata)?;
    metadata(content, policy)?;
    catalogue(content)
}

/// The form of names in which equal ones are equal.
fn trim(text: &mut String) {
    let trimmed = text.trim();
    if trimmed.len() != text.len() {
        *text = trimmed.to_owned();
    }
}

fn is_name(text: &str, chars_max: usize) -> bool {
    let length = text.chars().count();
    (1..=chars_max).contains(&length) && !text.chars().any(char::is_control)
}

fn labels(field: &str, labels: &mut Vec<String>) -> Result<(), Rejection> {
    labels.iter_mut().for_each(trim);
    labels.sort_unstable();
    labels.dedup();
    let good =
        labels.len() <= LABELS_MAX && labels.iter().all(|text| is_name(text, LABEL_CHARS_MAX));
    if good { Ok(()) } else { Err(Rejection::labels(field)) }
}

fn is_language(tag: &str) -> bool {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let primary = tag.split('-').next().is_some_and(|primary| {
        (2..=8).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    tag.len() <= LANGUAGE_BYTES_MAX && primary && tag.split('-').all(part)
}

/// The metadata `before` with `changes`: names with a value are set, names with `null` go.
pub(super) fn merged(before: &str, changes: &str) -> Result<String, Rejection> {
    let problem = |message: &str| {
        let (pointer, message) = (String::new(), message.to_owned());
        Rejection::MetadataInvalid(vec![MetadataProblem { pointer, message }])
    };
    let parse = |text: &str| -> Option<Map<String, Value>> {
        let text = if text.trim().is_empty() { "{}" } else { text };
        serde_json::from_str(text).ok()
    };
    let mut object = parse(before).unwrap_or_default();
    for (name, value) in parse(changes).ok_or_else(|| problem("must be a JSON object"))? {
        if value.is_null() {
            object.remove(&name);
        } else {
            object.insert(name, value);
        }
    }
    let text = if object.is_empty() { String::new() } else { Value::Object(object).to_string() };
    if text.len() > METADATA_BYTES_MAX {
        return Err(problem(&format!("must be at most {METADATA_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// KNO-07: what the collection wants to know of each document.
fn metadata(content: &Content, policy: &Policy) -> Result<(), Rejection> {
    let fields = policy.settings(&content.collection).map_or(&[][..], |settings| &settings.fields);
    if fields.is_empty() {
        return Ok(());
    }
    let object: Map<String, Value> = serde_json::from_str(&content.metadata).unwrap_or_default();
    let mut problems = Vec::new();
    for field in fields {
        let message = match object.get(&field.name) {
            None if field.required => format!("must have {}: {}", field.name, field.kind.as_str()),
            Some(value) if !is_of(field.kind, value) => {
                format!("{} must be {}", field.name, field.kind.as_str())
            }
            None | Some(_) => continue,
        };
        let name = field.name.replace('~', "~0").replace('/', "~1");
        problems.push(MetadataProblem { pointer: format!("/{name}"), message });
    }
    if problems.is_empty() { Ok(()) } else { Err(Rejection::MetadataInvalid(problems)) }
}

fn is_of(kind: FieldKind, value: &Value) -> bool {
    match kind {
        FieldKind::Text => value.is_string(),
        FieldKind::Number => value.is_number(),
        FieldKind::Boolean => value.is_boolean(),
        FieldKind::Date => value.as_str().is_some_and(|text| {
            text.parse::<jiff::civil::Date>().is_ok() || text.parse::<jiff::Timestamp>().is_ok()
        }),
        FieldKind::Labels => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
    }
}

fn catalogue(content: &mut Content) -> Result<(), Rejection> {
    let is_item = match content.kind {
        Kind::Product | Kind::Service => true,
        Kind::Entry | Kind::File => false,
    };
    let Some(product) = &mut content.product else {
        return if is_item {
            Err(Rejection::field("product", "a product or a service needs it"))
        } else {
            Ok(())
        };
    };
    if !is_item {
        return Err(Rejection::field("product", "only a product or a service has it"));
    }
    item(product)
}

fn item(product: &mut Product) -> Result<(), Rejection> {
    let currency = product.currency.as_bytes();
    let is_currency = currency.len() == 3 && currency.iter().all(u8::is_ascii_uppercase);
    if !(currency.is_empty() || is_currency) {
        return Err(Rejection::field("product.currency", "three capital letters (ISO 4217)"));
    }
    if product.price_micros.is_some() && !is_currency {
        return Err(Rejection::field("product.currency", "a price needs its currency (ISO 4217)"));
    }
    if product.price_micros.is_some_and(|price| price < 0) {
        return Err(Rejection::field("product.price", "not below 0"));
    }
    if product.stock.is_some_and(|stock| stock < 0) {
        return Err(Rejection::field("product.stock", "not below 0"));
    }
    if !product.sku.is_empty() && !is_name(&product.sku, LABEL_CHARS_MAX) {
        return Err(Rejection::field(
            "product.sku",
            format!("at most {LABEL_CHARS_MAX} characters"),
        ));
    }
    if product.image.as_deref().is_some_and(|url| !is_name(url, URL_CHARS_MAX)) {
        return Err(Rejection::field(
            "product.image",
            format!("at most {URL_CHARS_MAX} characters"),
        ));
    }
    let slots = &product.slots;
    if slots.len() > SLOTS_MAX || !slots.iter().all(|slot| is_name(slot, LABEL_CHARS_MAX)) {
        return Err(Rejection::field("product.slots", format!("at most {SLOTS_MAX} short texts")));
    }
    labels("product.aliases", &mut product.aliases)?;
    labels("product.complements", &mut product.complements)
}

/// Bytes that are kept because of it, without its vectors.
fn size(content: &Content) -> usize {
    let texts = |list: &[String]| list.iter().map(String::len).sum::<usize>();
    let sections = content.sections.iter().map(|section| {
        section.text.len() + texts(&section.path) + section.sheet.as_ref().map_or(0, String::len)
    });
    let product = content.product.as_ref().map_or(0, |product| {
        texts(&product.slots) + texts(&product.aliases) + texts(&product.complements)
    });
    let source = [&content.source.filename, &content.source.mime, &content.source.url];
    sections.sum::<usize>()
        + texts(&content.keywords)
        + content.metadata.len()
        + product
        + source.into_iter().flatten().map(String::len).sum::<usize>()
}

/// D2.
fn spans(content: &Content) -> Result<(), Rejection> {
    for (number, chunk) in content.chunks.iter().enumerate() {
        if content.text_of(chunk).is_none_or(str::is_empty) {
            let message = format!("chunk {number} is no span of section {}", chunk.section);
            return Err(Rejection::ContentInvalid(message));
        }
    }
    Ok(())
}
