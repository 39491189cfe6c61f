use std::cell::Cell;
use std::fmt;

use impresario_api::codes::{self, Code};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How deep arrays and objects may be nested in one event or request.
pub(crate) const DEPTH_MAX: u32 = 32;

/// Why a text is refused before anybody looks at its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) code: &'static Code,
    pub(crate) detail: String,
}

/// Checks that `text` is one JSON value that every later reader will accept: valid escapes
/// (lone surrogates are refused), numbers within a 64-bit float, no NUL character, and nested at
/// most `depth_max` deep. Allocates nothing for texts without escapes.
pub(crate) fn check(text: &str, depth_max: u32) -> Result<(), Flaw> {
    let found = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let outcome = Check { depth: depth_max, found: &found }
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    outcome.map_err(|error| explain(&error, found.get()))
}

/// The flaw behind an error of the JSON reader.
pub(crate) fn explain(error: &serde_json::Error, found: Option<&'static Code>) -> Flaw {
    let detail = error.to_string();
    let code = found.unwrap_or(if detail.starts_with("number out of range") {
        &codes::NUMBER_OUT_OF_RANGE
    } else if detail.starts_with("recursion limit") {
        &codes::NESTED_TOO_DEEP
    } else {
        &codes::MALFORMED_JSON
    });
    Flaw { code, detail }
}

#[derive(Clone, Copy)]
struct Check<'c> {
    depth: u32,
    found: &'c Cell<Option<&'static Code>>,
}

impl Check<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => {
                self.found.set(Some(&codes::NESTED_TOO_DEEP));
                Err(E::custom("nested too deeply"))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if text.as_bytes().contains(&0) {
            self.found.set(Some(&codes::NUL_CHARACTER));
            return Err(E::custom("a text contains the character U+0000"));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while entries.next_key_seed(inner)?.is_some() {
            entries.next_value_seed(inner)?;
        }
        Ok(())
    }
}
