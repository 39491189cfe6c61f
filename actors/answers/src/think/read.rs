//! Understanding a burst: everything that can be known without a model.

use std::collections::BTreeSet;
use std::sync::Arc;

use impresario_assistant::{AssistantConfig, FieldKind, Handling};
use impresario_conversation::{
    CORRECTION_NO, CORRECTION_YES, Collected, Correction, Entity, TurnWork,
};
use impresario_kernel::Personal;
use impresario_retrieval::{Answer, Filter, Techniques};
use impresario_router::Failure;
use impresario_text::injection::Verdict as Threat;
use impresario_text::intents::Kind;
use impresario_text::matching::Verdict;
use impresario_text::{injection, intents, language, spelling};

use crate::desk::Desk;
use crate::house::House;
use crate::library::{Found, Item, Names, Wanted};

/// A correction less certain than this is asked about, not made.
const SURE: f32 = 0.8;
/// A language less certain than this is not believed over the last one.
const SURE_LANGUAGE: f32 = 0.4;
/// Fewer words than this lean on what was said before.
const FEW_WORDS: usize = 4;

/// One thing asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    /// In the customer's words.
    pub(crate) asked: String,
    /// As it is looked up: corrected, and complete where it leaned on what was said before.
    pub(crate) text: String,
    /// A greeting or thanks, and nothing more.
    pub(crate) is_small_talk: bool,
    /// Something is told, not asked.
    pub(crate) is_told: bool,
    /// The tenant's intent, or empty.
    pub(crate) intent: String,
    /// Of the intent.
    pub(crate) probability: f32,
    /// What the library has.
    pub(crate) found: Found,
    /// The sentences of it that answer best; empty until they are wanted.
    pub(crate) answer: Answer,
    /// What of the catalogue is meant.
    pub(crate) item: Option<Item>,
    /// What might be meant, if that is not clear.
    pub(crate) perhaps: Vec<Item>,
}

impl Ask {
    pub(crate) fn passages(&self) -> u32 {
        u32::try_from(self.found.retrieved.passages.len()).unwrap_or(u32::MAX)
    }

    /// What it is about, in a few words.
    pub(crate) fn topic(&self) -> String {
        if let Some(item) = &self.item {
            return item.title.clone();
        }
        self.asked.chars().take(120).collect()
    }
}

/// What a burst says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Burst {
    pub(crate) texts: Vec<String>,
    pub(crate) asks: Vec<Ask>,
    /// More was asked at once than is looked up: in the customer's words.
    pub(crate) left: Vec<String>,
    pub(crate) language: Option<String>,
    pub(crate) sentiment: f64,
    pub(crate) corrections: Vec<Correction>,
    /// A question whose spelling is to be confirmed first.
    pub(crate) to_confirm: Option<String>,
    pub(crate) entities: Vec<Entity>,
    /// Somebody tries to give a model orders.
    pub(crate) is_attack: bool,
    /// Something is told, not only asked.
    pub(crate) tells: bool,
    pub(crate) names: Option<Arc<Names>>,
}

pub(crate) async fn read(
    house: &Arc<House>,
    desk: &Arc<Desk>,
    work: &TurnWork,
) -> Result<Burst, Failure> {
    let model = desk.source.as_ref().map(|source| source.id().to_owned());
    let shelf = house.library.shelf(desk.tenant, model.as_deref()).await?;
    let (tools, config) = (Arc::clone(&house.tools), Arc::clone(&desk.config));
    let understood = work.clone();
    let mut burst = tokio::task::spawn_blocking(move || {
        let names = shelf.names(&tools.dictionary);
        understand(&tools.sentiment, &config, names, &understood)
    })
    .await
    .map_err(|_| Failure::Crashed)?;
    classify(house, desk, &mut burst).await;
    leave(&mut burst, house.parts.options.questions_max.max(1));
    look_up(house, desk, work, &mut burst).await?;
    Ok(burst)
}

/// Whether a text tries to give a model orders.
pub(crate) fn gives_orders(text: &str) -> bool {
    injection::assess(text).verdict == Threat::Attack
}

/// So much is looked up; the rest is put off in so many words. What is only told goes first: nobody
/// waits for an answer to it.
fn leave(burst: &mut Burst, most: usize) {
    for place in (0..burst.asks.len()).rev() {
        let ask = &burst.asks[place];
        let is_idle = ask.is_told && ask.intent.is_empty() && ask.item.is_none();
        if burst.asks.len() > most && is_idle {
            burst.asks.remove(place);
        }
    }
    if burst.asks.len() > most {
        burst.left = burst.asks.split_off(most).into_iter().map(|ask| ask.asked).collect();
    }
}

fn understand(
    mood: &impresario_text::sentiment::Analyzer,
    config: &AssistantConfig,
    names: Arc<Names>,
    work: &TurnWork,
) -> Burst {
    let mut texts: Vec<String> = work.messages.iter().map(|message| words(message, work)).collect();
    texts.retain(|text| !text.trim().is_empty());
    let joined = texts.join("\n");
    let supported: Vec<&str> = config.languages.supported.iter().map(String::as_str).collect();
    let language = language_of(&joined, &supported).or_else(|| work.language.clone());
    let mut burst = Burst {
        sentiment: worst(mood, &texts, language.as_deref()),
        is_attack: texts.iter().any(|text| gives_orders(text)),
        entities: entities(&joined),
        language,
        names: Some(Arc::clone(&names)),
        ..Burst::default()
    };
    if config.features.spelling && burst.language.as_deref() == Some("en") {
        for text in &mut texts {
            correct(names.corrector(), text, &mut burst);
        }
    }
    let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
    let forgotten = work.forgotten.as_ref().map(|unanswered| Ask {
        asked: unanswered.question.0.clone(),
        text: unanswered.question.0.clone(),
        intent: unanswered.intent.clone(),
        ..Ask::default()
    });
    let asked = intents::split(&borrowed).into_iter().filter(|asking| {
        // What only says that something was forgotten asks for nothing else.
        forgotten.is_none() || !impresario_assistant::says_forgotten(&asking.text)
    });
    burst.asks = forgotten.iter().cloned().chain(asked.map(|asking| ask(asking, work))).collect();
    burst.tells = burst.asks.iter().any(|ask| ask.is_told);
    for ask in burst.asks.iter_mut().filter(|ask| !ask.is_small_talk) {
        recognise(&names, work, ask);
    }
    burst.texts = texts;
    burst
}

/// What a message says. A confirmed correction stands for the question that it confirms.
fn words(message: &impresario_conversation::Message, work: &TurnWork) -> String {
    match message.choice.as_ref().map(|choice| choice.id.as_str()) {
        Some(CORRECTION_YES) => {
            let pending = work.memory.pending_action.as_ref();
            pending.map(|action| action.0.clone()).unwrap_or_default()
        }
        Some(CORRECTION_NO) => String::new(),
        Some(_) | None => message.words(),
    }
}

fn ask(asking: intents::Asking, work: &TurnWork) -> Ask {
    let is_small_talk = asking.kind == Kind::SmallTalk;
    let is_told = asking.kind == Kind::Statement;
    let short = asking.text.split_whitespace().count() < FEW_WORDS;
    let topic = work.memory.topic.as_ref().filter(|_| short && !is_small_talk);
    let text = match topic {
        // "And in blue?" is asked about something.
        Some(topic) => format!("{} ({})", asking.text, topic.0),
        None => asking.text.clone(),
    };
    Ask { asked: asking.text, text, is_small_talk, is_told, ..Ask::default() }
}

pub(crate) fn language_of(text: &str, supported: &[&str]) -> Option<String> {
    let detected = if supported.is_empty() {
        language::detect(text)
    } else {
        language::detect_among(text, supported)
    };
    (detected.language != "und" && detected.confidence >= SURE_LANGUAGE)
        .then(|| detected.language.to_owned())
}

/// The lexicon is English; of other languages only what it shares with them counts.
fn worst(
    mood: &impresario_text::sentiment::Analyzer,
    texts: &[String],
    _language: Option<&str>,
) -> f64 {
    let scores = texts.iter().map(|text| mood.score(text).compound);
    scores.min_by(f64::total_cmp).unwrap_or(0.0)
}

fn correct(corrector: &spelling::Corrector, text: &mut String, burst: &mut Burst) {
    let found = corrector.correct_text(text);
    let (sure, unsure): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|correction| correction.confidence >= SURE);
    if !unsure.is_empty() {
        let all: Vec<_> = sure.iter().chain(&unsure).cloned().collect();
        burst.to_confirm = Some(spelling::apply(text, &all));
    }
    for (correction, asked) in
        sure.iter().map(|one| (one, false)).chain(unsure.iter().map(|one| (one, true)))
    {
        burst.corrections.push(Correction {
            from: Personal(correction.from.clone()),
            to: Personal(correction.to.clone()),
            confidence: f64::from(correction.confidence),
            asked,
        });
    }
    *text = spelling::apply(text, &sure);
}

/// What of the catalogue is meant: named now, or spoken of before.
fn recognise(names: &Names, work: &TurnWork, ask: &mut Ask) {
    if names.is_empty() {
        return;
    }
    let outcome = names.find(&ask.asked, 3);
    let meant: Vec<Item> = outcome
        .candidates
        .iter()
        .filter_map(|candidate| names.item(&candidate.id).cloned())
        .collect();
    match outcome.verdict {
        Verdict::Match => ask.item = meant.into_iter().next(),
        Verdict::Ask => ask.perhaps = meant,
        Verdict::None => {
            let last = work.memory.last_product.as_ref().or(work.memory.last_service.as_ref());
            let short = ask.asked.split_whitespace().count() < FEW_WORDS;
            ask.item = last.filter(|_| short).and_then(|name| names.named(name)).cloned();
        }
    }
}

async fn classify(house: &Arc<House>, desk: &Arc<Desk>, burst: &mut Burst) {
    let Some(classifier) = desk.classifier(&house.embedder).await else { return };
    let texts: Vec<String> = burst.asks.iter().map(|ask| ask.asked.clone()).collect();
    let vectors = match &desk.source {
        Some(source) => house.embedder.embed(desk.tenant, source, texts).await.unwrap_or_default(),
        None => Vec::new(),
    };
    for (number, ask) in burst.asks.iter_mut().enumerate().filter(|(_, ask)| !ask.is_small_talk) {
        if !ask.intent.is_empty() {
            continue;
        }
        let vector = vectors.get(number).map(Vec::as_slice);
        let prediction = classifier.predict(&ask.asked, vector);
        ask.probability = prediction.probability;
        ask.intent = prediction.intent.unwrap_or_default();
    }
}

async fn look_up(
    house: &Arc<House>,
    desk: &Arc<Desk>,
    work: &TurnWork,
    burst: &mut Burst,
) -> Result<(), Failure> {
    let audiences = vec![work.address.channel.as_str().to_owned()];
    for ask in burst.asks.iter_mut().filter(|ask| !ask.is_small_talk) {
        let wanted = Wanted {
            question: ask.text.clone(),
            count: house.parts.options.passages,
            techniques: Techniques::default(),
            filter: Filter { audiences: audiences.clone(), ..Filter::default() },
            language: burst.language.clone().unwrap_or_default(),
        };
        ask.found = house.find(desk, wanted).await?;
    }
    leave_told(&mut burst.asks);
    Ok(())
}

/// The sentences that answer each asking best: what is said where no model writes, and not looked for
/// before, because it takes a vector for every sentence that was found.
pub(crate) async fn choose_sentences(
    house: &House,
    desk: &Desk,
    burst: &mut Burst,
) -> Result<(), Failure> {
    for ask in burst.asks.iter_mut().filter(|ask| !ask.is_small_talk) {
        ask.answer = house.best_sentences(desk, &ask.found).await?;
    }
    Ok(())
}

/// What is only told ("I ordered a tent"), and says nothing that there is an answer or an intent for, is
/// no request of its own beside one that is.
fn leave_told(asks: &mut Vec<Ask>) {
    let is_idle = |ask: &Ask| {
        ask.is_told && ask.intent.is_empty() && ask.item.is_none() && !ask.found.has_answer()
    };
    if asks.iter().any(|ask| !is_idle(ask) && !ask.is_small_talk) {
        asks.retain(|ask| !is_idle(ask));
    }
}

/// Numbers and addresses that matter later.
pub(super) fn entities(text: &str) -> Vec<Entity> {
    let mut seen = BTreeSet::new();
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')'));
    words
        .filter_map(|word| {
            let word = word.trim_matches(|c: char| matches!(c, '.' | '!' | '?' | '"' | '\''));
            let digits = word.chars().filter(char::is_ascii_digit).count();
            let kind = if word.contains('@') && word.contains('.') {
                "email"
            } else if digits >= 4
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "#-_".contains(c))
            {
                "number"
            } else {
                return None;
            };
            seen.insert(word.to_owned())
                .then(|| Entity { kind: kind.to_owned(), value: Personal(word.to_owned()) })
        })
        .collect()
}

/// The detail of a lead that was asked for last, if the burst gives it (CNV-14).
pub(crate) fn collected(
    config: &AssistantConfig,
    work: &TurnWork,
    burst: &Burst,
) -> Option<Collected> {
    let collecting = work.collecting.as_ref()?;
    let field = collecting.missing.first()?;
    let text = burst.texts.join(" ");
    let mut intents = config.intents.iter().filter(|intent| intent.name == collecting.intent);
    let kind = intents.find_map(|intent| match &intent.handling {
        Handling::Collect { fields, .. } => {
            fields.iter().find(|known| known.name == *field).map(|known| known.kind)
        }
        Handling::Answer | Handling::Handoff => None,
    })?;
    let value = match kind {
        FieldKind::Text => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        FieldKind::Email => text
            .split_whitespace()
            .map(|word| word.trim_matches(|c: char| ",;.<>()".contains(c)))
            .find(|word| word.split_once('@').is_some_and(|(_, host)| host.contains('.')))
            .map(str::to_owned),
        FieldKind::Phone => digits(&text, 6),
        FieldKind::Number => digits(&text, 1),
    }?;
    Some(Collected { field: field.clone(), value: Personal(value) })
}

fn digits(text: &str, least: usize) -> Option<String> {
    let number: String =
        text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '+' | '.')).collect();
    (number.chars().filter(char::is_ascii_digit).count() >= least).then_some(number)
}
