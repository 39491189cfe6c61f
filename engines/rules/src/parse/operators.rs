use crate::IN_VALUES_MAX;
use crate::parse::Parser;
use crate::parse::fields::Fields;
use crate::problem::{Pointer, codes};
use crate::time::Span;
use crate::tree::Tree;
use crate::value::{Scalar, Test};

/// In canonical order.
pub(super) const OPERATORS: [&str; 18] = [
    "eq",
    "ne",
    "in",
    "not_in",
    "gt",
    "gte",
    "lt",
    "lte",
    "contains",
    "starts_with",
    "ends_with",
    "exists",
    "not_exists",
    "before",
    "after",
    "within_last",
    "older_than",
    "within_next",
];

/// Whether the clock may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the profile, evaluated now and again.
    Profile,
    /// On an event's property, evaluated once when the event arrives.
    Where,
}

impl Parser<'_> {
    /// All operators of a condition on one value; closes the fields.
    pub(super) fn tests(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<Vec<Test>> {
        let mut tests = Vec::new();
        let mut found = false;
        for operator in OPERATORS {
            if let Some((tree, at)) = fields.take(operator) {
                found = true;
                tests.push(self.test(operator, tree, &at, place));
            }
        }
        if fields.has("exists") && fields.has("not_exists") {
            let message = "\"exists\" and \"not_exists\" cannot stand together";
            self.problems.add(fields.at(), codes::CONFLICTING_KEYS, message);
            return None;
        }
        let known: &[&'static str] = match place {
            Place::Profile => &OPERATORS,
            Place::Where => &OPERATORS[..15],
        };
        if !found && !fields.has_left() {
            let message = format!("an operator is missing, one of {}", known.join(", "));
            self.problems.add(fields.at(), codes::MISSING_OPERATOR, message);
        }
        fields.close(known, &mut self.problems);
        tests.into_iter().collect::<Option<Vec<_>>>().filter(|tests| !tests.is_empty())
    }

    fn test(
        &mut self,
        operator: &'static str,
        tree: &Tree,
        at: &Pointer,
        place: Place,
    ) -> Option<Test> {
        let relative = matches!(operator, "within_last" | "older_than" | "within_next");
        if relative && place == Place::Where {
            let message = "an event's property cannot be compared with the clock; bound the \
                           event itself by \"within_last\" beside \"event\"";
            self.problems.add(at, codes::RELATIVE_TIME_IN_WHERE, message);
            return None;
        }
        match operator {
            "eq" => self.scalar(tree, at).map(Test::Eq),
            "ne" => self.scalar(tree, at).map(Test::Ne),
            "in" => self.scalars(tree, at).map(Test::In),
            "not_in" => self.scalars(tree, at).map(Test::NotIn),
            "gt" => self.number(tree, at).map(Test::Gt),
            "gte" => self.number(tree, at).map(Test::Gte),
            "lt" => self.number(tree, at).map(Test::Lt),
            "lte" => self.number(tree, at).map(Test::Lte),
            "contains" => match tree {
                Tree::Text(_) => self.operand_text(tree, at).map(Scalar::Text),
                Tree::Number(_) | Tree::Bool(_) | Tree::Null | Tree::List(_) | Tree::Object(_) => {
                    self.scalar(tree, at)
                }
            }
            .map(Test::Contains),
            "starts_with" => self.operand_text(tree, at).map(Test::StartsWith),
            "ends_with" => self.operand_text(tree, at).map(Test::EndsWith),
            "exists" => self.flag(tree, at).map(existence),
            "not_exists" => self.flag(tree, at).map(|missing| existence(!missing)),
            "before" => self.moment(tree, at).map(Test::Before),
            "after" => self.moment(tree, at).map(Test::After),
            "within_last" => self.span(tree, at, Span::SECOND).map(Test::WithinLast),
            "older_than" => self.span(tree, at, Span::SECOND).map(Test::OlderThan),
            "within_next" => self.span(tree, at, Span::SECOND).map(Test::WithinNext),
            _ => None,
        }
    }

    fn scalars(&mut self, tree: &Tree, at: &Pointer) -> Option<Vec<Scalar>> {
        let items = self.list(tree, at, "this")?;
        if items.is_empty() || items.len() > IN_VALUES_MAX {
            let message = format!("this list has 1 to {IN_VALUES_MAX} values");
            self.problems.add(at, codes::WRONG_LENGTH, message);
            return None;
        }
        let scalars: Vec<Option<Scalar>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.scalar(item, &at.index(index)))
            .collect();
        scalars.into_iter().collect()
    }
}

/// `"exists": false` is `not_exists`, and the other way round. They are neighbours in the canonical
/// order and never stand together, so the order stays.
fn existence(exists: bool) -> Test {
    if exists { Test::Exists } else { Test::NotExists }
}
