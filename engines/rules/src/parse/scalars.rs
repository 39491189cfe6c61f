//! Readers of single values.

use serde_json::Number;

use crate::number;
use crate::parse::Parser;
use crate::problem::{Pointer, codes};
use crate::time::{self, Span};
use crate::tree::Tree;
use crate::value::Scalar;
use crate::{NAME_BYTES_MAX, OPERAND_BYTES_MAX};

impl Parser<'_> {
    fn wrong_type(&mut self, at: &Pointer, wanted: &str, tree: &Tree) {
        self.problems.add(at, codes::WRONG_TYPE, format!("{wanted}, not {}", tree.kind()));
    }

    pub(super) fn list<'t>(
        &mut self,
        tree: &'t Tree,
        at: &Pointer,
        noun: &str,
    ) -> Option<&'t [Tree]> {
        if let Tree::List(items) = tree {
            return Some(items);
        }
        self.wrong_type(at, &format!("{noun} is a list"), tree);
        None
    }

    /// The name of an event, a path, the name of a field or of a computed trait.
    pub(super) fn name(&mut self, tree: &Tree, at: &Pointer) -> Option<String> {
        self.text(tree, at, NAME_BYTES_MAX)
    }

    /// A text that is not empty.
    pub(super) fn operand_text(&mut self, tree: &Tree, at: &Pointer) -> Option<String> {
        self.text(tree, at, OPERAND_BYTES_MAX)
    }

    fn text(&mut self, tree: &Tree, at: &Pointer, bytes_max: usize) -> Option<String> {
        let Tree::Text(text) = tree else {
            self.wrong_type(at, "this is a text", tree);
            return None;
        };
        if text.is_empty() {
            self.problems.add(at, codes::INVALID_TEXT, "this text must not be empty");
            return None;
        }
        self.short(text, at, bytes_max).then(|| text.clone())
    }

    fn short(&mut self, text: &str, at: &Pointer, bytes_max: usize) -> bool {
        let short = text.len() <= bytes_max;
        if !short {
            let message =
                format!("this text is {} bytes long, at most {bytes_max} are allowed", text.len());
            self.problems.add(at, codes::INVALID_TEXT, message);
        }
        short
    }

    pub(super) fn flag(&mut self, tree: &Tree, at: &Pointer) -> Option<bool> {
        if let Tree::Bool(flag) = tree {
            return Some(*flag);
        }
        self.wrong_type(at, "this is true or false", tree);
        None
    }

    pub(super) fn scalar(&mut self, tree: &Tree, at: &Pointer) -> Option<Scalar> {
        match tree {
            Tree::Text(text) => {
                self.short(text, at, OPERAND_BYTES_MAX).then(|| Scalar::Text(text.clone()))
            }
            Tree::Number(value) => Some(Scalar::Number(number::normal(value.clone()))),
            Tree::Bool(flag) => Some(Scalar::Bool(*flag)),
            Tree::Null => {
                let message = "nothing equals null; use \"exists\" or \"not_exists\"";
                self.problems.add(at, codes::WRONG_TYPE, message);
                None
            }
            Tree::List(_) | Tree::Object(_) => {
                self.wrong_type(at, "this is a text, a number, true or false", tree);
                None
            }
        }
    }

    pub(super) fn number(&mut self, tree: &Tree, at: &Pointer) -> Option<Number> {
        match tree {
            Tree::Number(value) => Some(number::normal(value.clone())),
            Tree::Text(text) if time::parse_time(text).is_some() => {
                let message = "this is a number; times are compared by \"before\" and \"after\"";
                self.problems.add(at, codes::WRONG_TYPE, message);
                None
            }
            Tree::Text(_) | Tree::Null | Tree::Bool(_) | Tree::List(_) | Tree::Object(_) => {
                self.wrong_type(at, "this is a number", tree);
                None
            }
        }
    }

    /// A whole number from 0 to `max`.
    pub(super) fn count(&mut self, tree: &Tree, at: &Pointer, max: u32) -> Option<u32> {
        let whole = match tree {
            Tree::Number(value) => number::normal(value.clone()),
            Tree::Text(_) | Tree::Null | Tree::Bool(_) | Tree::List(_) | Tree::Object(_) => {
                self.wrong_type(at, "this is a whole number", tree);
                return None;
            }
        };
        let count = whole.as_u64().and_then(|count| u32::try_from(count).ok());
        let inside = count.filter(|count| *count <= max);
        if inside.is_none() {
            let message = format!("this is a whole number from 0 to {max}");
            self.problems.add(at, codes::NUMBER_OUT_OF_RANGE, message);
        }
        inside
    }

    pub(super) fn span(&mut self, tree: &Tree, at: &Pointer, min: Span) -> Option<Span> {
        let Tree::Text(text) = tree else {
            self.wrong_type(at, "this is a duration such as \"30d\"", tree);
            return None;
        };
        let span = Span::parse(text);
        let inside = span.filter(|span| (min..=Span::MAX).contains(span));
        if inside.is_none() {
            let message = match span {
                Some(_) => {
                    format!("a duration is from {} to {}", min.print(), Span::MAX.print())
                }
                None => "a duration is a whole number and a unit (s, m, h, d or w), such as \
                         \"90s\", \"12h\" or \"30d\""
                    .to_owned(),
            };
            self.problems.add(at, codes::INVALID_DURATION, message);
        }
        inside
    }

    pub(super) fn moment(&mut self, tree: &Tree, at: &Pointer) -> Option<i64> {
        let Tree::Text(text) = tree else {
            self.wrong_type(at, "this is a date or a time such as \"2026-01-31\"", tree);
            return None;
        };
        let moment = time::parse_time(text);
        if moment.is_none() {
            let message = "a time is a date such as \"2026-01-31\" or a date and time such as \
                           \"2026-01-31T09:30:00Z\"";
            self.problems.add(at, codes::INVALID_TIME, message);
        }
        moment
    }
}
