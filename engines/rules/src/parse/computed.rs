use crate::computed_spec::{ComputedSpec, What};
use crate::parse::Parser;
use crate::parse::fields::Fields;
use crate::problem::{Pointer, codes, nearest};
use crate::time::Span;
use crate::tree::Tree;

const KINDS: [&str; 4] = ["count", "sum", "last", "distinct"];
const NAME_LENGTH_MAX: usize = 64;

impl Parser<'_> {
    pub(super) fn computed_spec(&mut self, tree: &Tree) -> Option<ComputedSpec> {
        let root = Pointer::default();
        let mut fields = Fields::open(tree, &root, "a computed trait", &mut self.problems)?;
        let name = fields
            .demand("name", &mut self.problems)
            .and_then(|(tree, at)| self.identifier(tree, &at));
        let kind =
            fields.demand("kind", &mut self.problems).and_then(|(tree, at)| self.kind(tree, &at));
        let event =
            fields.demand("event", &mut self.problems).and_then(|(tree, at)| self.name(tree, &at));
        let filter = self.filter(&mut fields, 1);
        let property = match kind {
            None | Some("count") => None,
            Some(_) => fields.demand("property", &mut self.problems),
        };
        let property = property.and_then(|(tree, at)| self.name(tree, &at));
        let window = match fields.take("within_last") {
            None => Ok(None),
            Some((tree, at)) => self.span(tree, &at, Span::MINUTE).map(Some).ok_or(()),
        };
        if kind.is_some() {
            fields.close(&["where", "within_last"], &mut self.problems);
        }
        let what = match kind? {
            "count" => What::Count,
            "sum" => What::Sum(property?),
            "last" => What::Last(property?),
            _ => What::Distinct(property?),
        };
        Some(ComputedSpec {
            name: name?,
            what,
            event: event?,
            filter: filter.ok()?,
            window: window.ok()?,
        })
    }

    fn identifier(&mut self, tree: &Tree, at: &Pointer) -> Option<String> {
        let name = self.name(tree, at)?;
        let good = name.len() <= NAME_LENGTH_MAX
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !good {
            let message = format!(
                "a computed trait's name is a lower-case letter followed by lower-case letters, \
                 digits and underscores, at most {NAME_LENGTH_MAX} in all"
            );
            self.problems.add(at, codes::INVALID_TEXT, message);
        }
        good.then_some(name)
    }

    fn kind(&mut self, tree: &Tree, at: &Pointer) -> Option<&'static str> {
        let name = self.name(tree, at)?;
        let kind = KINDS.into_iter().find(|kind| *kind == name);
        if kind.is_none() {
            let hint = nearest(&name, KINDS)
                .map_or(String::new(), |kind| format!("; did you mean \"{kind}\"?"));
            let message = format!("a kind is one of {}{hint}", KINDS.join(", "));
            self.problems.add(at, codes::INVALID_TEXT, message);
        }
        kind
    }
}
