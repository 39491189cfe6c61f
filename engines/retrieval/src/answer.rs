//! Answers without a model: the sentences that say it, word for word, with where they stand.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::confidence::{ABSTAIN_BELOW, confidence};
use crate::document::DocumentKey;
use crate::finish::{Passage, Retrieved, share, term_set};
use crate::search::count;
use crate::sentences::sentences;
use crate::verify::{Support, Verdict, verify};

/// What is looked at: so many passages, and of a sentence's worth these parts.
const PASSAGES_MAX: usize = 5;
const WORDS_WEIGHT: f32 = 0.5;
const PASSAGE_WEIGHT: f32 = 0.35;
const COSINE_WEIGHT: f32 = 0.5;
/// What a word in the title or a heading counts.
const HEAD_WEIGHT: f32 = 0.5;
/// What a question passes on to the sentence after it.
const PASSED_ON: f32 = 0.9;
/// A further sentence must be worth so much of the best, and be so much unlike those taken.
const WORTH: f32 = 0.7;
const LIKENESS_MAX: f32 = 0.6;

/// Sentences to their cosines with the question, in their order.
pub type Similarity<'a> = dyn Fn(&[&str]) -> Vec<f32> + 'a;

/// How an answer is made.
#[derive(Clone, Copy)]
pub struct AnswerOptions<'a> {
    /// Most sentences; at least 1.
    pub sentences_max: usize,
    /// Most bytes; the first sentence is always whole.
    pub bytes_max: usize,
    /// Below this confidence the answer is an abstention.
    pub abstain_below: f32,
    /// Embeds the sentences, if there is a model and time.
    pub similarity: Option<&'a Similarity<'a>>,
}

impl Default for AnswerOptions<'_> {
    fn default() -> Self {
        Self { sentences_max: 3, bytes_max: 700, abstain_below: ABSTAIN_BELOW, similarity: None }
    }
}

impl fmt::Debug for AnswerOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerOptions")
            .field("sentences_max", &self.sentences_max)
            .field("bytes_max", &self.bytes_max)
            .field("abstain_below", &self.abstain_below)
            .finish_non_exhaustive()
    }
}

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// The chunk.
    pub chunk: u64,
    /// Its document.
    pub document: DocumentKey,
    /// Bytes of the chunk's text.
    pub span: Range<usize>,
}

/// A sentence of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// The sentence.
    pub text: String,
    /// Where it is said.
    pub citations: Vec<Citation>,
    /// How the cited text supports it.
    pub support: Support,
}

/// What can be said without a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// In reading order; empty if nothing was found. An abstention has them too, for the person who
    /// takes over.
    pub sentences: Vec<Sentence>,
    /// How likely it is that it answers the question.
    pub confidence: f32,
    /// Whether it is better not to say it.
    pub abstained: bool,
}

impl Answer {
    /// The sentences as one text.
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.sentences.iter().map(|one| one.text.as_str()).collect();
        texts.join(" ")
    }
}

struct Choice {
    passage: usize,
    at: usize,
    span: Range<usize>,
    terms: BTreeSet<String>,
    worth: f32,
}

/// The best supported sentences of what was found.
#[must_use]
pub fn extract(retrieved: &Retrieved, options: &AnswerOptions<'_>) -> Answer {
    let confidence = confidence(&retrieved.features);
    let choices = choices(retrieved, options.similarity);
    let mut chosen = choose(choices, retrieved, options);
    chosen.sort_by_key(|one| (one.passage, one.at));
    let sentences: Vec<Sentence> = chosen
        .into_iter()
        .map(|one| {
            let passage = &retrieved.passages[one.passage];
            let text = passage.text[one.span.clone()].to_owned();
            Sentence {
                text,
                citations: vec![cite(passage, one.span)],
                support: Support { score: 1.0, verdict: Verdict::Supported },
            }
        })
        .collect();
    let abstained = sentences.is_empty() || confidence < options.abstain_below;
    let confidence = if sentences.is_empty() { 0.0 } else { confidence };
    Answer { sentences, confidence, abstained }
}

fn cite(passage: &Passage, span: Range<usize>) -> Citation {
    Citation { chunk: passage.key, document: passage.document, span }
}

fn choices(retrieved: &Retrieved, similarity: Option<&Similarity<'_>>) -> Vec<Choice> {
    let best = retrieved.passages.first().map_or(1.0, |first| first.score.max(f32::EPSILON));
    let mut all = Vec::new();
    for (number, passage) in retrieved.passages.iter().take(PASSAGES_MAX).enumerate() {
        let rank = (passage.score / best).clamp(0.0, 1.0);
        if rank < 0.5 {
            continue;
        }
        let head = term_set(&format!("{} {}", passage.title, passage.heading), &passage.language);
        let head_share = HEAD_WEIGHT * share(&retrieved.groups, &head);
        let mut passed_on = 0.0f32;
        for (at, span) in sentences(&passage.text).into_iter().enumerate() {
            let text = &passage.text[span.clone()];
            let terms = term_set(text, &passage.language);
            let own = share(&retrieved.groups, &terms).max(head_share);
            if text.ends_with('?') {
                passed_on = PASSED_ON * own.max(passed_on);
                continue;
            }
            let first = if at == 0 { 0.03 } else { 0.0 };
            // A question is answered by the first sentences after it.
            let worth = WORDS_WEIGHT * own.max(passed_on) + PASSAGE_WEIGHT * rank + first;
            passed_on *= 0.7;
            all.push(Choice { passage: number, at, span, terms, worth });
        }
    }
    if let Some(similarity) = similarity {
        let texts: Vec<&str> =
            all.iter().map(|one| &retrieved.passages[one.passage].text[one.span.clone()]).collect();
        for (one, cosine) in all.iter_mut().zip(similarity(&texts)) {
            one.worth += COSINE_WEIGHT * cosine.max(0.0);
        }
    }
    all
}

fn choose(
    mut choices: Vec<Choice>,
    retrieved: &Retrieved,
    options: &AnswerOptions<'_>,
) -> Vec<Choice> {
    choices.sort_by(|a, b| {
        b.worth.total_cmp(&a.worth).then((a.passage, a.at).cmp(&(b.passage, b.at)))
    });
    let best = choices.first().map_or(0.0, |first| first.worth);
    let mut chosen: Vec<Choice> = Vec::new();
    let mut bytes = 0;
    for one in choices {
        let length = one.span.len();
        let fits = chosen.is_empty() || bytes + length <= options.bytes_max;
        let new = chosen.iter().all(|other| likeness(&one.terms, &other.terms) < LIKENESS_MAX);
        let worth = one.worth >= WORTH * best;
        if chosen.len() < options.sentences_max.max(1) && fits && new && worth && length > 0 {
            bytes += length;
            chosen.push(one);
        }
    }
    // Sentences that contradict the best one are left out rather than said beside it.
    let contradicts = |one: &Choice, first: &str| {
        let text = &retrieved.passages[one.passage].text[one.span.clone()];
        matches!(verify(text, &[first], None).verdict, Verdict::Contradicted(_))
    };
    if let Some((first, _)) = chosen.split_first() {
        let text = retrieved.passages[first.passage].text[first.span.clone()].to_owned();
        let own = (first.passage, first.at);
        chosen.retain(|one| (one.passage, one.at) == own || !contradicts(one, &text));
    }
    chosen
}

fn likeness(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f32 {
    let both = a.intersection(b).count();
    let any = a.len() + b.len() - both;
    if any == 0 { 1.0 } else { count(both) / count(any) }
}

/// Checks a sentence that somebody else wrote against passages: the citations that support it best, and
/// how well they do. `passages` are those that it may cite.
#[must_use]
pub fn support(sentence: &str, passages: &[&Passage]) -> (Support, Vec<Citation>) {
    let wanted = term_set(sentence, "en");
    let mut best = (Support { score: 0.0, verdict: Verdict::Unsupported }, Vec::new());
    for passage in passages {
        let mut spans: Vec<(usize, Range<usize>)> = sentences(&passage.text)
            .into_iter()
            .map(|span| {
                let terms = term_set(&passage.text[span.clone()], "en");
                (wanted.intersection(&terms).count(), span)
            })
            .filter(|(shared, _)| *shared > 0)
            .collect();
        spans.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.start.cmp(&b.1.start)));
        spans.truncate(2);
        for taken in 1..=spans.len() {
            let cited: Vec<&str> =
                spans[..taken].iter().map(|(_, span)| &passage.text[span.clone()]).collect();
            let found = verify(sentence, &cited, None);
            if rank(&found) > rank(&best.0) {
                let citations =
                    spans[..taken].iter().map(|(_, span)| cite(passage, span.clone())).collect();
                best = (found, citations);
            }
        }
    }
    best
}

/// A contradiction must not win against support elsewhere, but says more than nothing.
fn rank(support: &Support) -> (u8, u32) {
    let kind = match support.verdict {
        Verdict::Supported => 3,
        Verdict::Contradicted(_) => 2,
        Verdict::Partial => 1,
        Verdict::Unsupported => 0,
    };
    (kind, support.score.to_bits())
}
