//! The names of what a tenant sells, for finding what a customer means.

use std::collections::HashMap;
use std::sync::Arc;

use impresario_ids::DocumentId;
use impresario_knowledge::Kind;
use impresario_text::matching::{Catalogue, Item as Name};
use impresario_text::spelling::{Corrector, Dictionary};

use super::{Books, Known, Shelf};

/// Something that the tenant sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its document.
    pub document: DocumentId,
    /// Its name.
    pub title: String,
    /// The seller's number; may be empty.
    pub sku: String,
    /// In millionths of the currency.
    pub price_micros: Option<i64>,
    /// ISO 4217.
    pub currency: String,
    /// Pieces left; `None`: not counted.
    pub stock: Option<i64>,
    /// Times that can be booked.
    pub slots: Vec<String>,
    /// A picture's address.
    pub image: Option<String>,
    /// Where to read on.
    pub url: Option<String>,
    /// What goes with it, by sku or name.
    pub complements: Vec<String>,
    /// Whether it is a service.
    pub is_service: bool,
}

impl Item {
    /// Whether it can be had.
    #[must_use]
    pub fn is_available(&self) -> bool {
        if self.is_service && !self.slots.is_empty() {
            return true;
        }
        self.stock.is_none_or(|stock| stock > 0)
    }

    /// What to call it where it must be one word.
    #[must_use]
    pub fn handle(&self) -> &str {
        if self.sku.is_empty() { &self.title } else { &self.sku }
    }
}

/// All of a tenant's names.
#[derive(Debug)]
pub(crate) struct Names {
    catalogue: Catalogue,
    items: HashMap<String, Item>,
    corrector: Corrector,
}

impl Shelf {
    /// The names of what is sold, as of now. Made once per change of the shelf.
    pub(crate) fn names(&self, base: &Arc<Dictionary>) -> Arc<Names> {
        if let Some(names) = &self.books.read().names {
            return Arc::clone(names);
        }
        let mut books = self.books.write();
        let made = Arc::new(Names::of(&books, base));
        Arc::clone(books.names.get_or_insert(made))
    }
}

impl Names {
    fn of(books: &Books, base: &Arc<Dictionary>) -> Self {
        let items: HashMap<String, Item> = books
            .known
            .iter()
            .filter_map(|(id, known)| Some((id.to_string(), item(*id, known)?)))
            .collect();
        let names = items.iter().map(|(id, item)| Name {
            id: id.clone(),
            name: item.title.clone(),
            aliases: aliases(books, item),
        });
        let catalogue = Catalogue::new(names.collect());
        let titles = books.known.values().map(|known| known.title.as_str());
        let aliases: Vec<String> = books
            .known
            .values()
            .filter_map(|known| known.product.as_ref())
            .flat_map(|product| product.aliases.iter().cloned())
            .collect();
        let words = titles
            .chain(aliases.iter().map(String::as_str))
            .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
            .filter(|word| word.chars().count() > 2)
            .map(|word| (word, 1));
        let vocabulary = Dictionary::from_words(words);
        let corrector = Corrector::new(Some(Arc::clone(base)), vocabulary);
        Self { catalogue, items, corrector }
    }

    /// Corrects words towards those that the tenant uses.
    pub(crate) fn corrector(&self) -> &Corrector {
        &self.corrector
    }

    /// What is sold under this sku or name.
    pub(crate) fn named(&self, name: &str) -> Option<&Item> {
        self.items.values().find(|item| item.sku == name || item.title.eq_ignore_ascii_case(name))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What is meant by a phrase.
    pub(crate) fn find(&self, phrase: &str, limit: usize) -> impresario_text::matching::Outcome {
        self.catalogue.find(phrase, limit)
    }

    /// By the id that [`Names::find`] gives.
    pub(crate) fn item(&self, id: &str) -> Option<&Item> {
        self.items.get(id)
    }
}

fn aliases(books: &Books, item: &Item) -> Vec<String> {
    let product = books.known.get(&item.document).and_then(|known| known.product.as_ref());
    let mut aliases = product.map(|product| product.aliases.clone()).unwrap_or_default();
    if !item.sku.is_empty() {
        aliases.push(item.sku.clone());
    }
    aliases
}

fn item(document: DocumentId, known: &Known) -> Option<Item> {
    let product = known.product.as_ref()?;
    Some(Item {
        document,
        title: known.title.clone(),
        sku: product.sku.clone(),
        price_micros: product.price_micros,
        currency: product.currency.clone(),
        stock: product.stock,
        slots: product.slots.clone(),
        image: product.image.clone(),
        url: known.url.clone(),
        complements: product.complements.clone(),
        is_service: known.kind == Kind::Service,
    })
}
