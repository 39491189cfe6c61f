use minicbor::{Decode, Encode};

use crate::expr::{Filter, print_filter};
use crate::print::ObjectWriter;
use crate::time::Span;
use crate::tracker::stable_hash;

/// A stable hash of what a computed trait means, apart from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ComputedId(#[n(0)] pub u64);

/// The definition of one computed trait.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputedSpec {
    pub(crate) name: String,
    pub(crate) what: What,
    pub(crate) event: String,
    pub(crate) filter: Option<Filter>,
    pub(crate) window: Option<Span>,
}

/// What is computed, with the path of the property it is computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Count,
    Sum(String),
    Last(String),
    Distinct(String),
}

impl What {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum(_) => "sum",
            Self::Last(_) => "last",
            Self::Distinct(_) => "distinct",
        }
    }

    fn property(&self) -> Option<&str> {
        match self {
            Self::Count => None,
            Self::Sum(path) | Self::Last(path) | Self::Distinct(path) => Some(path),
        }
    }
}

impl ComputedSpec {
    /// The name that rules use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stable id: a stored [`crate::Computed`] is valid for as long as this stays the same.
    #[must_use]
    pub fn id(&self) -> ComputedId {
        ComputedId(stable_hash(&self.print(None)))
    }

    /// The name of the event that it is computed from.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.event
    }

    /// Whether an event of this name matters.
    #[must_use]
    pub fn listens_to(&self, event: &str) -> bool {
        self.event == event
    }

    /// The canonical text: `parse_computed(spec.to_json()) == spec`.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.print(Some(&self.name))
    }

    fn print(&self, name: Option<&str>) -> String {
        let mut out = String::new();
        let mut object = ObjectWriter::new(&mut out);
        if let Some(name) = name {
            object.text("name", name);
        }
        object.text("kind", self.what.name());
        object.text("event", &self.event);
        if let Some(filter) = &self.filter {
            print_filter(filter, object.key("where"));
        }
        if let Some(property) = self.what.property() {
            object.text("property", property);
        }
        if let Some(window) = self.window {
            object.text("within_last", &window.print());
        }
        object.finish();
        out
    }
}
