use crate::problem::{Pointer, Problems, codes, nearest};
use crate::tree::Tree;

/// The entries of one object, ticked off as they are read.
#[derive(Debug)]
pub(super) struct Fields<'t> {
    at: Pointer,
    entries: &'t [(String, Tree)],
    taken: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// Refuses what is not an object, and reports keys that occur twice.
    pub(super) fn open(
        tree: &'t Tree,
        at: &Pointer,
        noun: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Tree::Object(entries) = tree else {
            let message = format!("{noun} is an object, not {}", tree.kind());
            problems.add(at, codes::WRONG_TYPE, message);
            return None;
        };
        let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        let mut twice: Vec<&str> =
            keys.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        twice.dedup();
        for key in twice {
            let message = format!("the key \"{key}\" occurs more than once");
            problems.add(&at.key(key), codes::DUPLICATE_KEY, message);
        }
        Some(Self { at: at.clone(), entries, taken: Vec::new() })
    }

    pub(super) fn at(&self) -> &Pointer {
        &self.at
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'t str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<(&'t Tree, Pointer)> {
        let (_, tree) = self.entries.iter().find(|(name, _)| name == key)?;
        self.taken.push(key);
        Some((tree, self.at.key(key)))
    }

    /// Like [`Fields::take`]; reports a problem if there is no such key.
    pub(super) fn demand(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<(&'t Tree, Pointer)> {
        let taken = self.take(key);
        if taken.is_none() {
            problems.add(&self.at, codes::MISSING_KEY, format!("the key \"{key}\" is missing"));
        }
        taken
    }

    fn left(&self) -> impl Iterator<Item = &'t str> {
        self.names().filter(|name| !self.taken.iter().any(|taken| taken == name))
    }

    pub(super) fn has_left(&self) -> bool {
        self.left().next().is_some()
    }

    /// Reports the keys that nobody took. `more` are those that could have been there as well.
    pub(super) fn close(&self, more: &[&'static str], problems: &mut Problems) {
        for name in self.left() {
            let known = more.iter().chain(&self.taken).copied().filter(|key| !self.has(key));
            let hint = match nearest(name, known) {
                Some(key) => format!("; did you mean \"{key}\"?"),
                None if more.is_empty() => "; nothing else may stand here".to_owned(),
                None => format!("; known here: {}", more.join(", ")),
            };
            let message = format!("the key \"{name}\" means nothing here{hint}");
            problems.add(&self.at.key(name), codes::UNKNOWN_KEY, message);
        }
    }
}
