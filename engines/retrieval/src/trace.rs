//! What each technique contributed.

/// One step of a retrieval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The technique, as `lexical`, `dense`, `feedback`, `mmr`.
    pub technique: &'static str,
    /// Candidates after it.
    pub candidates: usize,
    /// Candidates that were not there before it.
    pub added: usize,
    /// Of the first ten, how many stand elsewhere than before it.
    pub moved: usize,
    /// What else there is to say, for a person.
    pub note: String,
}

/// All steps, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Trace {
    /// The steps of one technique.
    pub fn of(&self, technique: &str) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.technique == technique)
    }

    pub(crate) fn record(
        &mut self,
        technique: &'static str,
        before: &[u64],
        after: &[u64],
        note: impl Into<String>,
    ) {
        let seen: std::collections::BTreeSet<u64> = before.iter().copied().collect();
        let added = after.iter().filter(|key| !seen.contains(key)).count();
        let moved = (0..10).filter(|at| before.get(*at) != after.get(*at)).count();
        let candidates = after.len();
        self.steps.push(Step { technique, candidates, added, moved, note: note.into() });
    }
}
