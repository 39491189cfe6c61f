//! Letting a model write: what it is told, which one is asked, what it says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use impresario_assistant::{
    Line, ModelAnswer, Passage, PromptInput, Scenario, answer_schema, build, parse_answer,
};
use impresario_conversation::{Author, Message, TurnWork};
use impresario_ids::{CallId, DocumentId};
use impresario_llm::{Request, Schema};
use impresario_routing::{
    Choice, Class, Next, Priority, Retry, Role, Route, Shape, Wanted, complexity, next, route,
};
use impresario_text::tokens::{Family, count};
use serde_json::{Value, json};

use super::check::Source;
use super::draft::Draft;
use super::read::Burst;
use super::{catalogue, extract};
use crate::purse::{About, Purse, Unpaid};

/// What a model is told.
struct Told {
    system: String,
    user: String,
    tokens: usize,
    sources: Vec<Source>,
}

/// What a model wrote.
pub(super) struct Written {
    pub(super) answer: ModelAnswer,
    pub(super) sources: Vec<Source>,
    /// The model's id in the registry.
    pub(super) model: String,
}

impl Written {
    /// What it may cite, by id.
    pub(super) fn sources(&self) -> BTreeMap<&str, &Source> {
        self.sources.iter().map(|source| (source.id.as_str(), source)).collect()
    }
}

/// Lets a model write. `purpose` is for the trace.
///
/// # Errors
/// If none could be asked, or none gave an answer that can be read.
pub(super) async fn write(
    purse: &mut Purse,
    work: &TurnWork,
    burst: &Burst,
    purpose: &'static str,
) -> Result<Written, Unpaid> {
    let told = tell(purse, work, burst);
    purse.draft = purse.aloud.take().map(|aloud| Draft::new(told.sources.clone(), aloud));
    let may_recall = purse.desk.config.features.cached_answers && is_impersonal(work, burst, &told);
    let route = choose(purse, burst, &told);
    let mut last =
        if route.out_of_budget() { Unpaid::Budget } else { Unpaid::Provider(Class::Invalid) };
    for choice in &route.choices {
        let about = About { purpose, context: context(&told), route: route_json(&route) };
        match ask(purse, burst, &told, choice, about, may_recall).await {
            Ok(answer) => {
                let model = choice.model.clone();
                return Ok(Written { answer, sources: told.sources, model });
            }
            // Nothing that follows could be right.
            Err(unpaid @ (Unpaid::Stale | Unpaid::Again | Unpaid::System(_))) => {
                return Err(unpaid);
            }
            Err(unpaid) => last = unpaid,
        }
    }
    Err(last)
}

/// Whether nothing of a person went into the prompt: nothing that was said or found out before, no
/// name, number or address, and nothing that is told rather than asked. A word in the middle of a
/// sentence with a capital letter counts as a name unless a source has it.
fn is_impersonal(work: &TurnWork, burst: &Burst, told: &Told) -> bool {
    let memory = &work.memory;
    let remembers = memory.summary.is_some()
        || memory.topic.is_some()
        || memory.pending_action.is_some()
        || !memory.key_facts.is_empty();
    let is_known = work.person.name.is_some()
        || work.forgotten.is_some()
        || work.collecting.is_some()
        || !work.history.is_empty();
    if remembers || is_known || burst.tells || !burst.entities.is_empty() {
        return false;
    }
    let known: String =
        told.sources.iter().flat_map(|source| [&source.title, " ", &source.text, " "]).collect();
    let known = known.to_lowercase();
    burst.texts.iter().all(|text| {
        impresario_text::personal::find(text).is_empty()
            && names(text).all(|name| known.contains(&name))
    })
}

/// What may be names, in lower case.
fn names(text: &str) -> impl Iterator<Item = String> {
    let mut begins = true;
    text.split_whitespace().filter_map(move |word| {
        let is_first = std::mem::replace(&mut begins, word.ends_with(['.', '!', '?', ':']));
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_name = bare.chars().next().is_some_and(char::is_uppercase)
            && !is_first
            && bare != "I"
            && !bare.starts_with("I'")
            && !bare.starts_with("I\u{2019}");
        is_name.then(|| bare.to_lowercase())
    })
}

/// Asks one model, and once more with what was wrong, if that can help.
async fn ask(
    purse: &mut Purse,
    burst: &Burst,
    told: &Told,
    choice: &Choice,
    mut about: About,
    may_recall: bool,
) -> Result<ModelAnswer, Unpaid> {
    let config = Arc::clone(&purse.desk.config);
    let expected: Vec<&str> =
        burst.asks.iter().map(|ask| ask.intent.as_str()).filter(|name| !name.is_empty()).collect();
    let mut request = Request::new(CallId::NIL, &choice.name, choice.output_tokens_max)
        .system(told.system.clone())
        .user(told.user.clone());
    request.schema = Some(Schema { name: "answer".to_owned(), schema: answer_schema(&config) });
    let asked = request.clone();
    if may_recall
        && let Some(text) = purse.recall(choice, &asked, &about).await
        && let Ok(answer) = parse_answer(&text, &config, &expected)
    {
        return Ok(answer);
    }
    for is_last in [false, true] {
        let written = pay(purse, choice, &request, &about).await?;
        let found = match parse_answer(&written.text, &config, &expected) {
            Ok(answer) => {
                if may_recall {
                    purse.keep(choice, &asked, &written.text).await;
                }
                return Ok(answer);
            }
            Err(found) => found,
        };
        if is_last {
            break;
        }
        let problems: Vec<String> = found.into_iter().map(|problem| problem.message).collect();
        let problems = problems.join("; ");
        request = request.user(format!(
            "That was not a valid answer: {problems}. Answer again, with the JSON object only."
        ));
        about.purpose = "repair";
    }
    Err(Unpaid::Provider(Class::Invalid))
}

/// Pays for a call, and for another one where that is worth it.
pub(crate) async fn pay(
    purse: &mut Purse,
    choice: &Choice,
    request: &Request,
    about: &About,
) -> Result<impresario_llm::Answer, Unpaid> {
    let retry = Retry::default();
    let again = About { purpose: "again", context: Value::Null, route: Value::Null };
    for attempt in 1.. {
        let about = if attempt == 1 { about } else { &again };
        let failed = match purse.pay(choice, request.clone(), about).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        let Unpaid::Provider(class) = failed else { return Err(failed) };
        match next(&retry, class, attempt, None, 0) {
            Next::Again { after_ms } => {
                let wait = Duration::from_millis(u64::try_from(after_ms).unwrap_or(0));
                tokio::time::sleep(wait).await;
            }
            Next::Fallback | Next::Stop => return Err(Unpaid::Provider(class)),
        }
    }
    Err(Unpaid::Again)
}

fn tell(purse: &Purse, work: &TurnWork, burst: &Burst) -> Told {
    let sources = sources(burst);
    let (catalogue, knowledge): (Vec<&Source>, Vec<&Source>) =
        sources.iter().partition(|source| source.id.starts_with('c'));
    let knowledge: Vec<Passage<'_>> = knowledge.into_iter().map(Source::passage).collect();
    let catalogue: Vec<Passage<'_>> = catalogue.into_iter().map(Source::passage).collect();
    let messages: Vec<&str> = burst.texts.iter().map(String::as_str).collect();
    let said: Vec<(&str, String)> = work.history.iter().filter_map(line).collect();
    let history: Vec<Line<'_>> =
        said.iter().map(|(who, text)| Line { who, text: text.as_str() }).collect();
    let facts: Vec<&str> = work.memory.key_facts.iter().map(|fact| fact.0.as_str()).collect();
    let intents: Vec<&str> =
        burst.asks.iter().map(|ask| ask.intent.as_str()).filter(|name| !name.is_empty()).collect();
    let missing: Vec<&str> = work
        .collecting
        .iter()
        .flat_map(|collecting| collecting.missing.iter().map(String::as_str))
        .collect();
    let person: Vec<(&str, &str)> =
        work.person.name.iter().map(|name| ("name", name.as_str())).collect();
    let input = PromptInput {
        language: burst.language.as_deref(),
        scenario: scenario(work, burst),
        messages: &messages,
        history: &history,
        summary: work.memory.summary.as_ref().map(|text| text.0.as_str()),
        key_facts: &facts,
        person: &person,
        topic: work.memory.topic.as_ref().map(|text| text.0.as_str()),
        pending_action: work.memory.pending_action.as_ref().map(|text| text.0.as_str()),
        forgotten: work.forgotten.as_ref().map(|asked| asked.question.0.as_str()),
        intents: &intents,
        missing: &missing,
        now: None,
        knowledge: &knowledge,
        catalogue: &catalogue,
        summarise: work.summarise,
    };
    let budget = purse.house.parts.options.prompt_tokens_max;
    let prompt = build(&purse.desk.config, &input, budget, &|text| count(text, Family::O200k));
    Told { system: prompt.system, user: prompt.user, tokens: prompt.tokens, sources }
}

fn line(message: &Message) -> Option<(&'static str, String)> {
    let who = match message.from {
        Author::Customer => "customer",
        Author::Assistant => "assistant",
        Author::Human => "colleague",
        Author::Note => return None,
    };
    Some((who, message.words()))
}

fn scenario(work: &TurnWork, burst: &Burst) -> Scenario {
    if work.collecting.is_some() {
        return Scenario::Lead;
    }
    if burst.sentiment < -0.3 {
        return Scenario::Complaint;
    }
    match burst.asks.iter().find_map(|ask| ask.item.as_ref()) {
        Some(item) if item.is_service => Scenario::Booking,
        Some(_) => Scenario::Sales,
        None => Scenario::Support,
    }
}

/// Everything that may be cited, each once.
fn sources(burst: &Burst) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for ask in &burst.asks {
        for item in ask.item.iter().chain(&ask.perhaps) {
            let citation = catalogue::citation(item);
            if sources.iter().all(|known| known.citation != citation) {
                let id = format!("c{}", sources.len() + 1);
                let text = catalogue::facts(item);
                sources.push(Source { id, title: item.title.clone(), text, citation });
            }
        }
        for passage in &ask.found.retrieved.passages {
            let document = DocumentId::from_bytes(passage.document);
            let citation = extract::cite(document, passage.key, &ask.found);
            if sources.iter().all(|known| known.citation != citation) {
                let id = format!("k{}", sources.len() + 1);
                let text = passage.text.clone();
                sources.push(Source { id, title: passage.title.clone(), text, citation });
            }
        }
    }
    sources
}

fn choose(purse: &Purse, burst: &Burst, told: &Told) -> Route {
    let desk = &purse.desk;
    let now_ms = purse.house.now().as_ms();
    let text = burst.texts.join("\n");
    let shape = Shape {
        text: &text,
        intents: u32::try_from(burst.asks.len()).unwrap_or(u32::MAX),
        sources: u32::try_from(told.sources.len()).unwrap_or(u32::MAX),
        ..Shape::default()
    };
    let named = |word: &str| {
        let role = Role::ALL.into_iter().find(|role| role.as_str() == word)?;
        desk.routing.roles.get(&role).cloned()
    };
    let models = [named(&desk.config.models.default), named(&desk.config.models.fallback)];
    let wanted = Wanted {
        priority: Priority::default(),
        level: complexity(&shape).level,
        input_tokens: told.tokens as u64,
        output_tokens_max: purse.house.parts.options.answer_tokens_max,
        models: models.into_iter().flatten().collect(),
        ..Wanted::default()
    };
    let health = purse.house.breakers.health(desk, now_ms);
    route(&desk.registry, &desk.routing, &wanted, &health, now_ms)
}

fn context(told: &Told) -> Value {
    let sources = told
        .sources
        .iter()
        .map(|source| json!({ "id": source.id, "title": source.title, "text": source.text }));
    Value::Array(sources.collect())
}

fn route_json(route: &Route) -> Value {
    json!({
        "choices": route.choices.iter().map(|choice| &choice.model).collect::<Vec<_>>(),
        "skipped": route
            .skipped
            .iter()
            .map(|skipped| json!({ "model": skipped.model, "reason": skipped.reason.code() }))
            .collect::<Vec<_>>(),
    })
}
