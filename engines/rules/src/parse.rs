//! From JSON text to a validated rule, reporting every problem on the way.

use crate::computed_spec::ComputedSpec;
use crate::expr::Expr;
use crate::parse::fields::Fields;
use crate::problem::{Pointer, Problems, codes, nearest};
use crate::tree::Tree;
use crate::{DEPTH_MAX, NODES_MAX, Problem, Rule, TEXT_BYTES_MAX};

mod computed;
mod events;
mod fields;
mod operators;
mod scalars;
mod values;

/// What a rule may refer to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vocabulary<'a> {
    /// The names of the computed traits that exist; `None`: unknown, not checked.
    pub computed: Option<&'a [String]>,
}

/// Parses and validates a rule.
///
/// # Errors
/// Every problem found, at least one.
pub fn parse(json_text: &str) -> Result<Rule, Vec<Problem>> {
    parse_with(json_text, Vocabulary::default())
}

/// Like [`parse`], and refuses what is not in the vocabulary.
///
/// # Errors
/// Every problem found, at least one.
pub fn parse_with(json_text: &str, vocabulary: Vocabulary<'_>) -> Result<Rule, Vec<Problem>> {
    let mut parser = Parser::new(vocabulary);
    let root = Pointer::default();
    let rule = parser
        .read(json_text)
        .and_then(|tree| parser.expr(&tree, &root, 1))
        .map(Rule::new)
        .filter(|rule| parser.fits(&rule.to_json()));
    parser.problems.finish(rule)
}

/// Parses and validates the definition of a computed trait.
///
/// # Errors
/// Every problem found, at least one.
pub fn parse_computed(json_text: &str) -> Result<ComputedSpec, Vec<Problem>> {
    let mut parser = Parser::new(Vocabulary::default());
    let spec = parser
        .read(json_text)
        .and_then(|tree| parser.computed_spec(&tree))
        .filter(|spec| parser.fits(&spec.to_json()));
    parser.problems.finish(spec)
}

/// What a leaf of an expression can be.
trait Leaf: Sized {
    /// The keys, one of which begins such a leaf.
    const KEYS: &'static [&'static str];
    /// What the leaf is, for messages.
    const NOUN: &'static str;

    /// Reads the leaf that begins with `key`.
    fn read(
        parser: &mut Parser<'_>,
        key: &'static str,
        fields: &mut Fields<'_>,
        depth: usize,
    ) -> Option<Self>;
}

const GROUPS: [&str; 3] = ["all", "any", "not"];

struct Parser<'v> {
    problems: Problems,
    vocabulary: Vocabulary<'v>,
    nodes: usize,
}

impl<'v> Parser<'v> {
    fn new(vocabulary: Vocabulary<'v>) -> Self {
        Self { problems: Problems::default(), vocabulary, nodes: 0 }
    }

    fn read(&mut self, json_text: &str) -> Option<Tree> {
        if !self.fits(json_text) {
            return None;
        }
        serde_json::from_str(json_text)
            .map_err(|error| {
                let message = error.to_string();
                let code = if message.starts_with("recursion limit") {
                    codes::TOO_DEEP
                } else {
                    codes::INVALID_JSON
                };
                self.problems.add(&Pointer::default(), code, message);
            })
            .ok()
    }

    /// Also asked of the canonical text, which may be longer: it must parse again.
    fn fits(&mut self, text: &str) -> bool {
        let fits = text.len() <= TEXT_BYTES_MAX;
        if !fits {
            let message = format!(
                "the text is {} bytes long, at most {TEXT_BYTES_MAX} are allowed",
                text.len()
            );
            self.problems.add(&Pointer::default(), codes::TOO_LARGE, message);
        }
        fits
    }

    /// Counts one more node; `false` past the bound.
    fn admit(&mut self, at: &Pointer, depth: usize) -> bool {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            if self.nodes == NODES_MAX + 1 {
                let message = format!("there are more than {NODES_MAX} conditions");
                self.problems.add(at, codes::TOO_MANY_NODES, message);
            }
            return false;
        }
        if depth > DEPTH_MAX {
            let message = format!("conditions are nested deeper than {DEPTH_MAX} levels");
            self.problems.add(at, codes::TOO_DEEP, message);
            return false;
        }
        true
    }

    fn expr<L: Leaf>(&mut self, tree: &Tree, at: &Pointer, depth: usize) -> Option<Expr<L>> {
        if !self.admit(at, depth) {
            return None;
        }
        let mut fields = Fields::open(tree, at, L::NOUN, &mut self.problems)?;
        let keys = || GROUPS.iter().chain(L::KEYS).copied();
        let present: Vec<&'static str> = keys().filter(|key| fields.has(key)).collect();
        let key = match present.as_slice() {
            [key] => *key,
            [] => {
                let hint = fields.names().find_map(|name| nearest(name, keys()));
                let hint = hint.map_or(String::new(), |key| format!("; did you mean \"{key}\"?"));
                let known: Vec<&str> = keys().collect();
                let message = format!("{} has one of the keys {}{hint}", L::NOUN, known.join(", "));
                self.problems.add(at, codes::UNKNOWN_CONDITION, message);
                return None;
            }
            several => {
                let message = format!(
                    "{} has only one of the keys {}; put two conditions into an \"all\" or \"any\"",
                    L::NOUN,
                    several.join(", ")
                );
                self.problems.add(at, codes::AMBIGUOUS_CONDITION, message);
                return None;
            }
        };
        if !GROUPS.contains(&key) {
            return L::read(self, key, &mut fields, depth).map(Expr::Leaf);
        }
        let (child, child_at) = fields.take(key)?;
        fields.close(&[], &mut self.problems);
        match key {
            "not" => self.expr(child, &child_at, depth + 1).map(|part| Expr::Not(Box::new(part))),
            "all" => self.group(child, &child_at, depth).map(Expr::All),
            _ => self.group(child, &child_at, depth).map(Expr::Any),
        }
    }

    /// The conditions of a group that is itself at `depth`.
    fn group<L: Leaf>(&mut self, tree: &Tree, at: &Pointer, depth: usize) -> Option<Vec<Expr<L>>> {
        let items = self.list(tree, at, "a group")?;
        if items.is_empty() {
            self.problems.add(at, codes::EMPTY_GROUP, "a group has at least one condition");
            return None;
        }
        // All of them are read, so that all of their problems are found.
        let parts: Vec<Option<Expr<L>>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.expr(item, &at.index(index), depth + 1))
            .collect();
        parts.into_iter().collect()
    }
}
