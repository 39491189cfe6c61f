use crate::FIELDS;
use crate::condition::{Condition, Subject, TRAITS};
use crate::expr::{Expr, Filter, PropertyTest};
use crate::parse::fields::Fields;
use crate::parse::operators::Place;
use crate::parse::{Leaf, Parser};
use crate::problem::{Pointer, codes, nearest};
use crate::tree::Tree;

impl Leaf for Condition {
    const KEYS: &'static [&'static str] =
        &["trait", "field", "computed", "event", "no_event", "sequence"];
    const NOUN: &'static str = "a condition";

    fn read(
        parser: &mut Parser<'_>,
        key: &'static str,
        fields: &mut Fields<'_>,
        depth: usize,
    ) -> Option<Self> {
        match key {
            "event" | "no_event" => parser.performed(key, fields, depth),
            "sequence" => parser.sequence(fields, depth),
            _ => {
                let subject = fields.take(key).and_then(|(tree, at)| match key {
                    "trait" => parser.trait_path(tree, &at),
                    "field" => parser.field(tree, &at),
                    _ => parser.computed(tree, &at),
                });
                let tests = parser.tests(fields, Place::Profile);
                Some(Self::Value { subject: subject?, tests: tests? })
            }
        }
    }
}

impl Leaf for PropertyTest {
    const KEYS: &'static [&'static str] = &["property"];
    const NOUN: &'static str = "a condition of \"where\"";

    fn read(
        parser: &mut Parser<'_>,
        key: &'static str,
        fields: &mut Fields<'_>,
        _depth: usize,
    ) -> Option<Self> {
        let path = fields.take(key).and_then(|(tree, at)| parser.name(tree, &at));
        let tests = parser.tests(fields, Place::Where);
        Some(Self { path: path?, tests: tests? })
    }
}

impl Parser<'_> {
    fn trait_path(&mut self, tree: &Tree, at: &Pointer) -> Option<Subject> {
        self.name(tree, at).map(|path| Subject::Field(format!("{TRAITS}{path}")))
    }

    fn field(&mut self, tree: &Tree, at: &Pointer) -> Option<Subject> {
        let name = self.name(tree, at)?;
        if FIELDS.contains(&name.as_str()) {
            return Some(Subject::Field(name));
        }
        let hint = match nearest(&name, FIELDS) {
            Some(field) => format!("did you mean \"{field}\"?"),
            None => "for what the application sends about a person use \"trait\"".to_owned(),
        };
        let message = format!("there is no field \"{name}\", only {}; {hint}", FIELDS.join(", "));
        self.problems.add(at, codes::UNKNOWN_FIELD, message);
        None
    }

    fn computed(&mut self, tree: &Tree, at: &Pointer) -> Option<Subject> {
        let name = self.name(tree, at)?;
        if let Some(known) = self.vocabulary.computed
            && !known.contains(&name)
        {
            let hint = nearest(&name, known.iter().map(String::as_str))
                .map_or(String::new(), |known| format!("; did you mean \"{known}\"?"));
            let message = format!("there is no computed trait \"{name}\"{hint}");
            self.problems.add(at, codes::UNKNOWN_COMPUTED, message);
            return None;
        }
        Some(Subject::Computed(name))
    }

    /// The `where` of an event: one condition, a group, or a list in which all must hold.
    /// `Err` if it is there but wrong.
    pub(super) fn filter(
        &mut self,
        fields: &mut Fields<'_>,
        depth: usize,
    ) -> Result<Option<Filter>, ()> {
        let Some((tree, at)) = fields.take("where") else { return Ok(None) };
        let filter = match tree {
            Tree::List(_) if !self.admit(&at, depth + 1) => None,
            Tree::List(_) => self.group(tree, &at, depth + 1).map(Expr::All),
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) | Tree::Object(_) => {
                self.expr(tree, &at, depth + 1)
            }
        };
        filter.map(Some).ok_or(())
    }
}
