//! An answer that a model writes, checked sentence by sentence.

use std::collections::BTreeMap;

use impresario_assistant::{
    Handling, Line, ModelAnswer, Passage, PromptInput, Say, Scenario, answer_schema, build,
    parse_answer,
};
use impresario_conversation::{
    AnswerPath, Author, Entity, IntentFound, MemoryUpdate, Message, ReplyPart, TurnAnswer, TurnWork,
};
use impresario_ids::DocumentId;
use impresario_kernel::Personal;
use impresario_llm::{Request, Schema};
use impresario_messages::Content;
use impresario_routing::{
    Choice, Next, Priority, Role, Route, Shape, Wanted, complexity, next, route,
};
use impresario_text::tokens::{Family, count};
use serde_json::{Value, json};

use super::catalogue;
use super::check::{Source, check};
use super::extract::{self, suggest};
use super::read::Burst;
use crate::purse::{About, Purse, Unpaid};

/// What a model is told.
struct Told {
    system: String,
    user: String,
    tokens: usize,
    sources: Vec<Source>,
}

/// Lets a model write the answer.
///
/// # Errors
/// If none could be asked, or none gave an answer that can be used.
pub(crate) async fn generate(
    purse: &mut Purse,
    work: &TurnWork,
    burst: &Burst,
) -> Result<TurnAnswer, Unpaid> {
    let told = tell(purse, work, burst);
    let route = choose(purse, burst, &told);
    let mut last = if route.out_of_budget() {
        Unpaid::Budget
    } else {
        Unpaid::Provider(impresario_routing::Class::Invalid)
    };
    for choice in &route.choices {
        match ask(purse, burst, &told, &route, choice).await {
            Ok(written) => return Ok(answer(purse, work, burst, &told, written, choice)),
            // Nothing that follows could be right.
            Err(unpaid @ (Unpaid::Stale | Unpaid::Again | Unpaid::System(_))) => {
                return Err(unpaid);
            }
            Err(unpaid) => last = unpaid,
        }
    }
    Err(last)
}

/// Asks one model, and once more with what was wrong, if that can help.
async fn ask(
    purse: &mut Purse,
    burst: &Burst,
    told: &Told,
    route: &Route,
    choice: &Choice,
) -> Result<ModelAnswer, Unpaid> {
    let config = std::sync::Arc::clone(&purse.desk.config);
    let expected: Vec<&str> =
        burst.asks.iter().map(|ask| ask.intent.as_str()).filter(|name| !name.is_empty()).collect();
    let mut request =
        Request::new(impresario_ids::CallId::NIL, &choice.name, choice.output_tokens_max)
            .system(told.system.clone())
            .user(told.user.clone());
    request.schema = Some(Schema { name: "answer".to_owned(), schema: answer_schema(&config) });
    let mut problems = String::new();
    for purpose in ["answer", "repair"] {
        if !problems.is_empty() {
            request = request.user(format!(
                "That was not a valid answer: {problems}. Answer again, with the JSON object only."
            ));
        }
        let about = About { purpose, context: context(told), route: route_json(route) };
        let written = pay(purse, choice, &request, about).await?;
        match parse_answer(&written.text, &config, &expected) {
            Ok(answer) => return Ok(answer),
            Err(found) => {
                let found: Vec<String> = found.into_iter().map(|problem| problem.message).collect();
                problems = found.join("; ");
            }
        }
    }
    Err(Unpaid::Provider(impresario_routing::Class::Invalid))
}

/// Pays for a call, and for another one where that is worth it.
async fn pay(
    purse: &mut Purse,
    choice: &Choice,
    request: &Request,
    about: About,
) -> Result<impresario_llm::Answer, Unpaid> {
    let retry = impresario_routing::Retry::default();
    let mut about = Some(about);
    for attempt in 1.. {
        let again = About { purpose: "again", context: Value::Null, route: Value::Null };
        let told = about.take().unwrap_or(again);
        let failed = match purse.pay(choice, request.clone(), told).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        let Unpaid::Provider(class) = failed else { return Err(failed) };
        match next(&retry, class, attempt, None, 0) {
            Next::Again { after_ms } => {
                let wait = std::time::Duration::from_millis(u64::try_from(after_ms).unwrap_or(0));
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

/// What the model wrote, as far as it holds.
fn answer(
    purse: &Purse,
    work: &TurnWork,
    burst: &Burst,
    told: &Told,
    written: ModelAnswer,
    choice: &Choice,
) -> TurnAnswer {
    let config = &purse.desk.config;
    let sources: BTreeMap<&str, &Source> =
        told.sources.iter().map(|source| (source.id.as_str(), source)).collect();
    let (mut kept, mut cut) = (0_u32, 0_u32);
    let mut answer = TurnAnswer {
        path: AnswerPath::Generated,
        model: Some(choice.model.clone()),
        language: written.language.clone(),
        wants_handoff: written.handoff_reason(),
        intents: found(&written, burst),
        memory: memory(&written),
        ..TurnAnswer::default()
    };
    for part in &written.parts {
        let is_handed = config
            .intents
            .iter()
            .any(|intent| intent.name == part.intent && intent.handling == Handling::Handoff);
        let checked = check(part, &sources);
        kept += checked.kept;
        cut += checked.cut;
        let mut reply = ReplyPart {
            intent: part.intent.clone(),
            request: Personal(part.request.clone()),
            citations: checked.citations,
            deferred: part.deferred.clone(),
            content: Vec::new(),
        };
        if checked.text.is_empty() {
            let unknown = config.text(burst.language.as_deref(), Say::Unknown);
            reply.content.push(Content::text(unknown));
            reply.deferred.get_or_insert_with(|| "not_supported".to_owned());
        } else {
            reply.content.push(Content::text(checked.text));
        }
        if is_handed {
            reply.deferred.get_or_insert_with(|| "handoff".to_owned());
        }
        answer.knowledge_hits += u32::try_from(reply.citations.len()).unwrap_or(u32::MAX);
        answer.parts.push(reply);
    }
    // What had to be cut says how much the rest can be trusted.
    let trusted = f64::from(kept) / f64::from((kept + cut).max(1));
    answer.confidence = written.confidence * if kept + cut == 0 { 1.0 } else { trusted };
    suggest(&mut answer, burst, &purse.desk, work);
    answer
}

fn found(written: &ModelAnswer, burst: &Burst) -> Vec<IntentFound> {
    let known = |name: &str| burst.asks.iter().find(|ask| ask.intent == name);
    let mut names: Vec<&str> = burst.asks.iter().map(|ask| ask.intent.as_str()).collect();
    names.extend(written.parts.iter().map(|part| part.intent.as_str()));
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| IntentFound {
            name: name.to_owned(),
            confidence: known(name).map_or(written.confidence, |ask| f64::from(ask.probability)),
        })
        .collect()
}

fn memory(written: &ModelAnswer) -> MemoryUpdate {
    let personal = |text: &Option<String>| text.clone().map(Personal);
    MemoryUpdate {
        summary: personal(&written.memory.summary),
        key_facts: written.memory.key_facts.iter().cloned().map(Personal).collect(),
        entities: written
            .memory
            .entities
            .iter()
            .map(|entity| Entity {
                kind: entity.kind.clone(),
                value: Personal(entity.value.clone()),
            })
            .collect(),
        topic: personal(&written.memory.topic),
        pending_action: personal(&written.memory.pending_action),
        last_product: written.memory.last_product.clone(),
        last_service: written.memory.last_service.clone(),
    }
}
