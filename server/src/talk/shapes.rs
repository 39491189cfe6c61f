//! From the answers' types to those of the API.

use std::ops::Range;

use impresario_answers::{CallRow, Cited, Searched, ShelfStatus, Translated, Untranslated};
use impresario_api::{
    AnswerSentence, Answered, Citation, Fusion, KnowledgeStatus, ModelCallRow, Passage, Techniques,
    TranslatedWords, codes,
};
use impresario_http::PortError;
use impresario_retrieval::{Filter, Fusion as Fused, Techniques as Used, sentences, verify};
use serde_json::{Map, Value, json};

/// How much relevance counts against novelty, where passages are to differ.
const MMR: f32 = 0.9;

/// Texts in another language.
pub(super) fn translated(done: Translated) -> impresario_http::Translated {
    let Translated { texts, model, call, cost_micros } = done;
    let texts = texts.into_iter().map(|one| TranslatedWords {
        text: one.text,
        from: one.from,
        same: one.is_same,
        doubtful: one.is_doubtful,
    });
    impresario_http::Translated { texts: texts.collect(), model, call, cost_micros }
}

/// Why nothing was translated.
pub(super) fn untranslated(why: Untranslated) -> PortError {
    let detail = match why {
        Untranslated::NoModel => "no language model is connected, or generation is off".to_owned(),
        Untranslated::Failed("budget") => "the budget for models is used up".to_owned(),
        Untranslated::Failed(word) => format!("no model gave a translation: {word}"),
    };
    PortError { code: &codes::TRANSLATION_UNAVAILABLE, detail }
}

/// What is not said is as usual.
pub(super) fn techniques(wanted: &Techniques) -> Used {
    let usual = Used::default();
    let mmr = match wanted.mmr {
        Some(false) => None,
        Some(true) => Some(usual.mmr.unwrap_or(MMR)),
        None => usual.mmr,
    };
    let hops = match wanted.multi_hop {
        Some(false) => 0,
        Some(true) => usual.hops.max(1),
        None => usual.hops,
    };
    let fusion = match wanted.fusion {
        Some(Fusion::Rrf) => Fused::ReciprocalRank { k: 60.0 },
        Some(Fusion::Weighted) => Fused::Weighted { dense: 0.7 },
        None => usual.fusion,
    };
    Used {
        lexical: wanted.keyword.unwrap_or(usual.lexical),
        dense: wanted.dense.unwrap_or(usual.dense),
        fusion,
        derive_filters: wanted.derive_filters.unwrap_or(usual.derive_filters),
        rewriting: wanted.rewrite.unwrap_or(usual.rewriting),
        synonyms: wanted.rewrite.unwrap_or(usual.synonyms),
        multi_query: wanted.multi_query.unwrap_or(usual.multi_query),
        hops,
        mmr,
        rerank: wanted.rerank.unwrap_or(usual.rerank),
        compress: wanted.compress.unwrap_or(usual.compress),
        parents: wanted.parents.unwrap_or(usual.parents),
        ..usual
    }
}

pub(super) fn filter(
    collections: Vec<String>,
    fields: &Map<String, Value>,
    audiences: Vec<String>,
) -> Result<Filter, PortError> {
    let mut filter = Filter { collections, audiences, ..Filter::default() };
    for (name, value) in fields {
        let values = texts(value).ok_or_else(|| {
            PortError::invalid(format!("the filter \"{name}\" is a text or a list of texts"))
        })?;
        match name.as_str() {
            "category" => filter.categories = values,
            "source" => filter.sources = values,
            "language" => filter.languages = values,
            _ => match <[String; 1]>::try_from(values) {
                Ok([value]) => filter.metadata.push((name.clone(), value)),
                Err(_) => {
                    let detail = format!("the filter \"{name}\" takes one value");
                    return Err(PortError::invalid(detail));
                }
            },
        }
    }
    Ok(filter)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        value => text(value).map(|text| vec![text]),
    }
}

pub(super) const fn mode(found: &Searched) -> &'static str {
    if found.dense { "hybrid" } else { "keyword" }
}

pub(super) fn trace(found: &Searched) -> Value {
    let steps = found.steps.iter().map(|step| {
        json!({
            "technique": step.technique,
            "candidates": step.candidates,
            "added": step.added,
            "moved": step.moved,
            "note": step.note,
        })
    });
    Value::Array(steps.collect())
}

pub(super) fn passage(passage: &Cited, is_compressed: bool) -> Passage {
    let relevant: Vec<&str> = passage
        .relevant
        .iter()
        .filter_map(|(from, to)| passage.text.get(*from..*to))
        .map(str::trim)
        .collect();
    let text = if is_compressed && !relevant.is_empty() {
        relevant.join(" ")
    } else {
        passage.text.clone()
    };
    Passage {
        document: passage.document.to_string(),
        chunk: passage.chunk.clone(),
        collection: passage.collection.clone(),
        title: passage.title.clone(),
        path: path(&passage.heading),
        page: None,
        score: passage.score,
        text,
        parent: (!passage.context.is_empty()).then(|| passage.context.clone()),
    }
}

fn path(heading: &str) -> Vec<String> {
    heading.split(" > ").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The sentences with the numbers of what they are taken from.
pub(super) fn answered(answer: &impresario_answers::Answered) -> Answered {
    let mut cited: Vec<usize> = Vec::new();
    let mut said = Vec::new();
    for sentence in &answer.sentences {
        let mut numbers = Vec::new();
        for place in &sentence.passages {
            let number = cited.iter().position(|known| known == place).unwrap_or_else(|| {
                cited.push(*place);
                cited.len() - 1
            });
            numbers.push(u32::try_from(number + 1).unwrap_or(u32::MAX));
        }
        said.push(AnswerSentence {
            text: sentence.text.clone(),
            citations: numbers,
            support: sentence.support,
        });
    }
    let citations = cited.iter().filter_map(|place| {
        let passage = answer.searched.passages.get(*place)?;
        let sentence = answer.sentences.iter().find(|one| one.passages.contains(place))?;
        // What is taken word for word bears itself out; for what a model wrote the passage's own words
        // are shown.
        let quote = match answer.model {
            Some(_) => quote(&sentence.text, &passage.text),
            None => sentence.text.clone(),
        };
        Some(Citation {
            document: passage.document.to_string(),
            chunk: passage.chunk.clone(),
            title: passage.title.clone(),
            page: None,
            quote,
        })
    });
    let citations: Vec<Citation> = citations.collect();
    let text = if answer.abstained { String::new() } else { numbered(&said) };
    Answered {
        text,
        abstained: answer.abstained,
        confidence: answer.confidence,
        path: if answer.model.is_some() { "generated" } else { "extractive" }.to_owned(),
        model: answer.model.clone(),
        cost_micros: answer.cost_micros,
        call: answer.call.map(|call| call.to_string()),
        sentences: if answer.abstained { Vec::new() } else { said },
        citations: if answer.abstained { Vec::new() } else { citations },
        ..Answered::default()
    }
}

/// The words of a passage that bear a sentence out best.
fn quote(sentence: &str, passage: &str) -> String {
    let score = |span: &Range<usize>| verify(sentence, &[&passage[span.clone()]], None).score;
    let best = sentences(passage).into_iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    best.map_or_else(|| passage.to_owned(), |span| passage[span].trim().to_owned())
}

fn numbered(sentences: &[AnswerSentence]) -> String {
    let said = sentences.iter().map(|sentence| {
        let numbers: Vec<String> =
            sentence.citations.iter().map(|number| format!("[{number}]")).collect();
        format!("{} {}", sentence.text.trim(), numbers.join(""))
    });
    said.collect::<Vec<_>>().join(" ")
}

pub(super) fn status(status: &ShelfStatus, model: Option<String>) -> KnowledgeStatus {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let waiting = status.chunks.saturating_sub(status.embedded);
    let mut notes = Vec::new();
    if model.is_none() {
        notes.push(
            "There is no embedding model: search is by words alone. Put the weights where \
             answers.model_folder says, or connect a provider of embeddings."
                .to_owned(),
        );
    }
    KnowledgeStatus {
        mode: if status.embedded > 0 { "hybrid" } else { "keyword" }.to_owned(),
        building: model.clone().filter(|_| waiting > 0),
        model,
        documents: count(status.documents),
        chunks: count(status.chunks),
        embedded: count(status.embedded),
        waiting: count(waiting),
        fresh: true,
        notes,
        ..KnowledgeStatus::default()
    }
}

pub(super) fn call_row(row: CallRow) -> ModelCallRow {
    ModelCallRow {
        id: row.id,
        at: time(row.at_ms),
        conversation: row.conversation,
        turn: row.turn,
        purpose: row.purpose,
        provider: row.provider,
        model: row.model,
        outcome: row.outcome,
        input_tokens: row.input_tokens,
        cached_tokens: row.cached_tokens,
        output_tokens: row.output_tokens,
        reasoning_tokens: row.reasoning_tokens,
        cost_micros: row.cost_micros,
        latency_ms: row.latency_ms,
    }
}

fn time(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{at:.3}")
}
