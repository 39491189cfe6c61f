//! A question to the library that a model answers, checked sentence by sentence.

use impresario_conversation::TurnWork;

use super::check::check;
use super::read::{Ask, Burst};
use super::write::write;
use crate::library::Found;
use crate::purse::{Purse, Unpaid};
use crate::service::Sentence;

/// What a model wrote, as far as it holds and cites something.
pub(crate) struct Stated {
    pub(crate) sentences: Vec<Sentence>,
    /// How likely it is that it answers the question.
    pub(crate) confidence: f32,
    /// The model's id in the registry.
    pub(crate) model: String,
}

/// Lets a model answer a question out of what was found. `None`: nothing of it may be said.
///
/// # Errors
/// If none could be asked, or none gave an answer that can be used.
pub(crate) async fn state(
    purse: &mut Purse,
    work: &TurnWork,
    found: &Found,
) -> Result<Option<Stated>, Unpaid> {
    let texts: Vec<String> = work.messages.iter().map(|message| message.words()).collect();
    let asked = texts.join("\n");
    let language = super::read::language_of(&asked, &[]);
    let ask = Ask { text: asked.clone(), asked, found: found.clone(), ..Ask::default() };
    let entities = super::read::entities(&texts.join("\n"));
    let burst = Burst { texts, asks: vec![ask], language, entities, ..Burst::default() };
    let wrote = write(purse, work, &burst, "question").await?;
    let sources = wrote.sources();
    let place = |id: &String| {
        let chunk = &sources.get(id.as_str())?.citation.chunk;
        let passages = &found.retrieved.passages;
        passages.iter().position(|passage| format!("{:016x}", passage.key) == *chunk)
    };
    let (mut sentences, mut kept, mut cut) = (Vec::new(), 0_u32, 0_u32);
    for part in wrote.answer.parts.iter().filter(|part| part.deferred.is_none()) {
        let checked = check(part, &sources);
        kept += checked.kept();
        cut += checked.cut;
        // A courtesy is for conversations: here every sentence has a source.
        sentences.extend(checked.sentences.into_iter().filter_map(|kept| {
            let mut passages: Vec<usize> = kept.cited.iter().filter_map(place).collect();
            passages.dedup();
            (!passages.is_empty()).then_some(Sentence {
                text: kept.text,
                passages,
                support: kept.support,
            })
        }));
    }
    let trusted = f64::from(kept) / f64::from((kept + cut).max(1));
    let confidence = (wrote.answer.confidence * trusted) as f32;
    Ok((!sentences.is_empty()).then_some(Stated { sentences, confidence, model: wrote.model }))
}
