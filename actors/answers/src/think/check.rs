//! What a model wrote, held against what it cites.

use std::collections::BTreeMap;

use impresario_assistant::{ModelPart, Passage};
use impresario_conversation::Citation;
use impresario_retrieval::{Verdict, sentences, verify};

/// A sentence that says less than this share of what it cites is left out.
const KEPT_SCORE: f32 = 0.5;

/// One thing that a model may cite.
#[derive(Clone)]
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

/// A sentence that may be said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    pub(super) text: String,
    /// Ids of what it cites.
    pub(super) cited: Vec<String>,
    /// How well that bears it out; 0 if it cites nothing.
    pub(super) support: f32,
}

/// A part as it may be said.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) sentences: Vec<Kept>,
    /// How many sentences were left out.
    pub(super) cut: u32,
}

impl Checked {
    pub(super) fn text(&self) -> String {
        let sentences: Vec<&str> = self.sentences.iter().map(|kept| kept.text.as_str()).collect();
        sentences.join(" ")
    }

    pub(super) fn kept(&self) -> u32 {
        u32::try_from(self.sentences.len()).unwrap_or(u32::MAX)
    }

    /// What it rests on, each once.
    pub(super) fn citations(&self, sources: &BTreeMap<&str, &Source>) -> Vec<Citation> {
        let mut citations = Vec::new();
        for id in self.sentences.iter().flat_map(|kept| &kept.cited) {
            let Some(source) = sources.get(id.as_str()) else { continue };
            if !citations.contains(&source.citation) {
                citations.push(source.citation.clone());
            }
        }
        citations
    }
}

/// Keeps the sentences that hold. One that cites something must be what that says. One that cites
/// nothing may stay if it states nothing that could be wrong: no number, and nothing that any source
/// contradicts.
pub(super) fn check(part: &ModelPart, sources: &BTreeMap<&str, &Source>) -> Checked {
    judged(claims(&part.text), sources)
}

/// The same for a text that is still being written, as far as nothing that comes can change it: the last
/// sentence may go on, or be followed by a marker.
pub(super) fn check_begun(
    text: &str,
    is_whole: bool,
    sources: &BTreeMap<&str, &Source>,
) -> Checked {
    if is_whole {
        return judged(claims(text), sources);
    }
    let open = text.rfind('[').filter(|open| !text[*open..].contains(']'));
    let mut claims = claims(&text[..open.unwrap_or(text.len())]);
    while claims.pop().is_some_and(|(text, _)| !text.contains(char::is_alphanumeric)) {}
    judged(claims, sources)
}

fn judged(claims: Vec<(String, Vec<String>)>, sources: &BTreeMap<&str, &Source>) -> Checked {
    let mut checked = Checked::default();
    for (text, mut cited) in claims {
        cited.retain(|id| sources.contains_key(id.as_str()));
        match support(&text, &cited, sources) {
            Some(support) => checked.sentences.push(Kept { text, cited, support }),
            None => checked.cut += 1,
        }
    }
    checked
}

/// The sentences without their markers, and what each cites. A marker behind the full stop belongs to
/// the sentence that ended there.
fn claims(text: &str) -> Vec<(String, Vec<String>)> {
    let mut claims: Vec<(String, Vec<String>)> = Vec::new();
    let text = &inside(text);
    for span in sentences(text) {
        let mut rest = text[span].trim();
        let mut early = Vec::new();
        while let Some((ids, after)) = marker(rest) {
            match claims.last_mut() {
                Some((_, cited)) => cited.extend(ids),
                None => early.extend(ids),
            }
            rest = after.trim_start();
        }
        let (bare, cited) = markers(rest);
        if !bare.trim().is_empty() {
            early.extend(cited);
            claims.push((bare.trim().to_owned(), early));
        }
    }
    claims
}

/// The text with each marker behind a full stop moved before it. Where it stood, the small letter of
/// its id would make two sentences one, and what is wrong with one would be wrong with the other.
fn inside(text: &str) -> String {
    let mut moved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        moved.push_str(&rest[..open]);
        let Some((_, after)) = marker(&rest[open..]) else {
            moved.push('[');
            rest = &rest[open + 1..];
            continue;
        };
        let named = &rest[open..rest.len() - after.len()];
        let said = moved.trim_end();
        let begin = said.trim_end_matches(['.', '!', '?', '\u{2026}']).len();
        let (end, gap) = (said[begin..].to_owned(), moved[said.len()..].to_owned());
        if begin > 0 && !end.is_empty() {
            moved.truncate(begin);
            moved.push_str(&format!(" {named}{end}"));
            // A line break stays one.
            moved.push_str(if gap.contains('\n') { &gap } else { "" });
        } else {
            moved.push_str(named);
        }
        rest = after;
    }
    moved.push_str(rest);
    moved
}

/// How well a sentence is borne out; `None` if it must not be said.
fn support(sentence: &str, cited: &[String], sources: &BTreeMap<&str, &Source>) -> Option<f32> {
    if cited.is_empty() {
        let states = sentence.chars().any(|c| c.is_ascii_digit());
        let texts: Vec<&str> = sources.values().map(|source| source.text.as_str()).collect();
        let contradicted =
            matches!(verify(sentence, &texts, None).verdict, Verdict::Contradicted(_));
        return (!states && !contradicted).then_some(0.0);
    }
    let texts: Vec<&str> = cited
        .iter()
        .filter_map(|id| sources.get(id.as_str()).map(|source| source.text.as_str()))
        .collect();
    let found = verify(sentence, &texts, None);
    let holds = match found.verdict {
        Verdict::Supported => true,
        Verdict::Partial => found.score >= KEPT_SCORE,
        Verdict::Unsupported | Verdict::Contradicted(_) => false,
    };
    holds.then_some(found.score)
}

/// The sentence without its markers, and what they name: `[k1]`, `[k1, k2]`.
fn markers(sentence: &str) -> (String, Vec<String>) {
    let (mut bare, mut ids) = (String::new(), Vec::new());
    let mut rest = sentence;
    while let Some(open) = rest.find('[') {
        match marker(&rest[open..]) {
            Some((named, after)) => {
                bare.push_str(rest[..open].trim_end());
                ids.extend(named);
                rest = after;
            }
            None => {
                bare.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
    }
    bare.push_str(rest);
    (bare, ids)
}

/// What the marker that a text begins with names, and what follows it.
fn marker(text: &str) -> Option<(Vec<String>, &str)> {
    let (inside, after) = text.strip_prefix('[')?.split_once(']')?;
    let named: Vec<&str> = inside.split([',', ' ']).filter(|id| !id.is_empty()).collect();
    let is_marker = !named.is_empty() && named.iter().all(|id| is_id(id));
    is_marker.then(|| (named.into_iter().map(str::to_owned).collect(), after))
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
        assert_eq!(checked.text(), want);
        let citations = checked.citations(&sources);
        let found: Vec<&str> =
            citations.iter().map(|citation| citation.document.as_str()).collect();
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
    fn a_marker_behind_the_full_stop_counts_for_the_sentence() {
        check_part(
            "Returns are free within 30 days. [k1] The trail shoe costs 89.90 EUR. [c2]",
            "Returns are free within 30 days. The trail shoe costs 89.90 EUR.",
            &["k1", "c2"],
            0,
        );
        check_part("Returns are free within 60 days. [k1] Gladly!", "Gladly!", &[], 1);
    }

    #[test]
    fn a_sentence_is_not_cut_for_its_neighbour() {
        check_part(
            "Returns are free within 30 days. [k1] It rains in 12 towns. Bye!",
            "Returns are free within 30 days. Bye!",
            &["k1"],
            1,
        );
        assert_eq!(
            inside("So? [k1][c2] Yes!\n[k1] No [k1]. [x"),
            "So [k1] [c2]? Yes [k1]!\n No [k1]. [x"
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
