//! What a model wrote, held against what it cites.

use std::collections::BTreeMap;

use impresario_assistant::{ModelPart, Passage};
use impresario_conversation::Citation;
use impresario_retrieval::{Verdict, sentences, verify};

/// A sentence that says less than this share of what it cites is left out.
const KEPT_SCORE: f32 = 0.5;

/// One thing that a model may cite.
pub(super) struct Source {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) citation: Citation,
}

impl Source {
    pub(super) fn passage(&self) -> Passage<'_> {
        Passage { id: &self.id, title: &self.title, text: &self.text }
    }
}

/// A part as it may be said.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) text: String,
    pub(super) citations: Vec<Citation>,
    pub(super) kept: u32,
    pub(super) cut: u32,
}

/// Keeps the sentences that hold. One that cites something must be what that says. One that cites
/// nothing may stay if it states nothing that could be wrong: no number, and nothing that any source
/// contradicts.
pub(super) fn check(part: &ModelPart, sources: &BTreeMap<&str, &Source>) -> Checked {
    let mut checked = Checked::default();
    let mut said: Vec<String> = Vec::new();
    for span in sentences(&part.text) {
        let sentence = &part.text[span];
        let (bare, cited) = markers(sentence);
        let cited: Vec<&Source> =
            cited.iter().filter_map(|id| sources.get(id.as_str()).copied()).collect();
        if bare.trim().is_empty() {
            // Only a marker: it belongs to the sentence before.
            add(&mut checked.citations, &cited);
            continue;
        }
        if may_say(&bare, &cited, sources) {
            checked.kept += 1;
            add(&mut checked.citations, &cited);
            said.push(bare.trim().to_owned());
        } else {
            checked.cut += 1;
        }
    }
    checked.text = said.join(" ");
    checked
}

fn may_say(sentence: &str, cited: &[&Source], sources: &BTreeMap<&str, &Source>) -> bool {
    if cited.is_empty() {
        let states = sentence.chars().any(|c| c.is_ascii_digit());
        let texts: Vec<&str> = sources.values().map(|source| source.text.as_str()).collect();
        let contradicted =
            matches!(verify(sentence, &texts, None).verdict, Verdict::Contradicted(_));
        return !states && !contradicted;
    }
    let texts: Vec<&str> = cited.iter().map(|source| source.text.as_str()).collect();
    let support = verify(sentence, &texts, None);
    match support.verdict {
        Verdict::Supported => true,
        Verdict::Partial => support.score >= KEPT_SCORE,
        Verdict::Unsupported | Verdict::Contradicted(_) => false,
    }
}

fn add(citations: &mut Vec<Citation>, cited: &[&Source]) {
    for source in cited {
        if !citations.contains(&source.citation) {
            citations.push(source.citation.clone());
        }
    }
}

/// The sentence without its markers, and what they name: `[k1]`, `[k1, k2]`.
fn markers(sentence: &str) -> (String, Vec<String>) {
    let (mut bare, mut ids) = (String::new(), Vec::new());
    let mut rest = sentence;
    while let Some(open) = rest.find('[') {
        let Some(close) = rest[open..].find(']').map(|at| open + at) else { break };
        let inside = &rest[open + 1..close];
        let named: Vec<&str> = inside.split([',', ' ']).filter(|id| !id.is_empty()).collect();
        let is_marker = !named.is_empty() && named.iter().all(|id| is_id(id));
        if is_marker {
            bare.push_str(rest[..open].trim_end());
            ids.extend(named.into_iter().map(str::to_owned));
        } else {
            bare.push_str(&rest[..=close]);
        }
        rest = &rest[close + 1..];
    }
    bare.push_str(rest);
    (bare, ids)
}

fn is_id(text: &str) -> bool {
    let mut chars = text.chars();
    matches!(chars.next(), Some('k' | 'c'))
        && !chars.as_str().is_empty()
        && chars.all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(id: &str, text: &str) -> Source {
        let citation = Citation { document: id.to_owned(), ..Citation::default() };
        Source { id: id.to_owned(), title: String::new(), text: text.to_owned(), citation }
    }

    #[track_caller]
    fn check_part(text: &str, want: &str, cited: &[&str], cut: u32) {
        let known = [
            source("k1", "Returns are free within 30 days of delivery."),
            source("c2", "Trail shoe: 89.90 EUR, 12 in stock"),
        ];
        let sources = known.iter().map(|source| (source.id.as_str(), source)).collect();
        let part = ModelPart { text: text.to_owned(), ..ModelPart::default() };
        let checked = check(&part, &sources);
        assert_eq!(checked.text, want);
        let found: Vec<&str> =
            checked.citations.iter().map(|citation| citation.document.as_str()).collect();
        assert_eq!((found.as_slice(), checked.cut), (cited, cut));
    }

    #[test]
    fn what_is_cited_and_said_there_stays() {
        check_part(
            "Returns are free within 30 days [k1].",
            "Returns are free within 30 days.",
            &["k1"],
            0,
        );
    }

    #[test]
    fn another_number_than_the_source_has_is_cut() {
        check_part("Returns are free within 60 days [k1].", "", &[], 1);
    }

    #[test]
    fn a_number_without_a_source_is_cut_and_a_courtesy_stays() {
        check_part("Happy to help! It costs 12 dollars.", "Happy to help!", &[], 1);
    }

    #[test]
    fn a_source_that_was_never_given_supports_nothing() {
        check_part("Shipping takes 3 days [k9].", "", &[], 1);
    }

    #[test]
    fn brackets_that_are_no_markers_stay() {
        assert_eq!(
            markers("Press [Enter] now [k1]."),
            ("Press [Enter] now.".to_owned(), vec!["k1".to_owned()])
        );
    }
}
