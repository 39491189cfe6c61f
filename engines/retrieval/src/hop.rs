//! Questions whose answer needs two documents: what the first does not cover is asked again, with the
//! names that it brought.

use crate::finish::{Retrieved, share, term_set};
use crate::index::Index;
use crate::plan::Plan;
use crate::verify::names;

/// Below this share of the question's words in one passage, something is missing.
const COVERED: f32 = 0.75;
/// What a passage of a further question counts.
const HOP_WEIGHT: f32 = 0.8;
/// So many names of the first passages are followed.
const BRIDGES_MAX: usize = 3;

impl Index {
    /// A further plan, if the passages leave words of the question uncovered and name something that the
    /// question does not. Its passages are brought in with [`Index::merge`].
    #[must_use]
    pub fn hop(&self, plan: &Plan, retrieved: &Retrieved) -> Option<Plan> {
        if plan.hop >= plan.query.techniques.hops {
            return None;
        }
        let groups = &retrieved.groups;
        let top = retrieved.passages.first()?;
        let terms = term_set(&top.text, &top.language);
        if groups.is_empty() || share(groups, &terms) >= COVERED {
            return None;
        }
        let held = |form: &str| terms.contains(form);
        let missing: Vec<&str> = groups
            .iter()
            .filter(|group| !group.forms.iter().any(|(form, _)| held(form)))
            .filter_map(|group| group.forms.first().map(|(form, _)| form.as_str()))
            .collect();
        let asked = plan.query.text.to_lowercase();
        let mut bridges: Vec<String> = Vec::new();
        for span in &top.relevant {
            for name in names(&top.text[span.clone()]) {
                let new = !asked.contains(&name.to_lowercase()) && !bridges.contains(&name);
                if new && bridges.len() < BRIDGES_MAX {
                    bridges.push(name);
                }
            }
        }
        if bridges.is_empty() || missing.is_empty() {
            return None;
        }
        let text = format!("{} {}", bridges.join(" "), self.words_of(&plan.query.text, &missing));
        let mut next = plan.clone();
        next.hop += 1;
        next.queries = vec![self.subquery(&text, 1.0, &plan.query)];
        Some(next)
    }

    /// The question's own words for terms.
    fn words_of(&self, text: &str, missing: &[&str]) -> String {
        let language = self.language();
        let stemmer = crate::words::stemmer(&language);
        crate::words::raw_words(text)
            .filter(|(_, word)| {
                missing.contains(&crate::words::term(word, stemmer.as_ref()).as_str())
            })
            .map(|(_, word)| word)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Brings the passages of a further question in, behind and between those that were there.
    #[must_use]
    pub fn merge(&self, plan: &Plan, mut first: Retrieved, second: Retrieved) -> Retrieved {
        let before: Vec<u64> = first.passages.iter().map(|passage| passage.key).collect();
        for mut passage in second.passages {
            passage.score *= HOP_WEIGHT;
            if !before.contains(&passage.key) {
                first.passages.push(passage);
            }
        }
        first.passages.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        first.passages.truncate(plan.query.count);
        let after: Vec<u64> = first.passages.iter().map(|passage| passage.key).collect();
        let text = plan.queries.first().map(|query| query.text.clone()).unwrap_or_default();
        first.trace.record("hop", &before, &after, text);
        let both: std::collections::BTreeSet<String> = first
            .passages
            .iter()
            .take(3)
            .flat_map(|passage| term_set(&passage.text, &passage.language))
            .collect();
        first.features.coverage = first.features.coverage.max(share(&first.groups, &both));
        first
    }
}
