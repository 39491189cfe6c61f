use std::fmt;

use impresario_routing::{Class, Usage};
use serde_json::Value;

use crate::answer::{Answer, Finish};
use crate::client::Client;
use crate::error::Error;
use crate::request::{Message, Request, Role};
use crate::schema::check;

/// The most problems that are told to the model.
const MISMATCHES_MAX: usize = 8;

/// JSON that keeps to a schema. `Debug` says nothing of the contents.
#[derive(Clone, PartialEq)]
pub struct Structured {
    /// The value.
    pub value: Value,
    /// The last answer.
    pub answer: Answer,
    /// What all requests used together.
    pub usage: Usage,
    /// Whether the model had to be asked a second time.
    pub repaired: bool,
}

impl fmt::Debug for Structured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Structured")
            .field("usage", &self.usage)
            .field("repaired", &self.repaired)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Asks for JSON of the request's schema, and checks it, whatever the provider promises. If the
    /// answer is not right and `repair` is set, the model is shown what is wrong and asked once more:
    /// a second paid request, so the reservation must cover two.
    ///
    /// # Errors
    /// See [`Class`]. An answer that is still not right is [`Class::Malformed`], one that ran into
    /// the limit of tokens [`Class::Truncated`], both with the usage of all requests.
    pub async fn structured(&self, request: &Request, repair: bool) -> Result<Structured, Error> {
        let Some(schema) = &request.schema else {
            return Err(Error::new(Class::Invalid, "schema_missing", ""));
        };
        let first = self.generate(request).await?;
        let problems = match read(&first, &schema.schema) {
            Ok(value) => {
                let usage = first.usage;
                return Ok(Structured { value, answer: first, usage, repaired: false });
            }
            Err(problems) => problems,
        };
        if !repair || first.finish == Finish::Length {
            return Err(not_right(&first, first.usage));
        }
        let mut again = request.clone();
        again.messages.push(Message::text(Role::Assistant, first.text.as_str()));
        again.messages.push(Message::text(
            Role::User,
            format!(
                "That is not valid. Answer again with the corrected JSON only.\n{}",
                problems.join("\n")
            ),
        ));
        let second = self.generate(&again).await.map_err(|error| {
            let spent = error.usage.map_or(first.usage, |usage| usage.plus(&first.usage));
            error.with_usage(spent)
        })?;
        let usage = first.usage.plus(&second.usage);
        match read(&second, &schema.schema) {
            Ok(value) => Ok(Structured { value, answer: second, usage, repaired: true }),
            Err(_) => Err(not_right(&second, usage)),
        }
    }
}

/// The value, or what is wrong, for the model to read.
fn read(answer: &Answer, schema: &Value) -> Result<Value, Vec<String>> {
    let Some(value) = extract_json(&answer.text) else {
        return Err(vec!["It is not JSON.".to_owned()]);
    };
    let mismatches = check(schema, &value);
    if mismatches.is_empty() {
        return Ok(value);
    }
    let told = mismatches.iter().take(MISMATCHES_MAX);
    Err(told.map(|mismatch| format!("At \"{}\": {}", mismatch.pointer, mismatch.message)).collect())
}

fn not_right(answer: &Answer, usage: Usage) -> Error {
    let cut = answer.finish == Finish::Length;
    let class = if cut { Class::Truncated } else { Class::Malformed };
    let error = Error::new(class, "schema_mismatch", "").with_usage(usage);
    Error { request_id: answer.request_id.as_str().into(), ..error }
}

/// The JSON of a text: all of it, or what stands between the fences, or from the first brace to the
/// last. Models wrap JSON in words.
#[must_use]
pub fn extract_json(text: &str) -> Option<Value> {
    let text = text.trim();
    let fenced = text.split_once("```").and_then(|(_, rest)| {
        let (inside, _) = rest.split_once("```")?;
        Some(inside.trim_start_matches("json").trim())
    });
    let braced = text
        .find(['{', '['])
        .zip(text.rfind(['}', ']']))
        .and_then(|(from, to)| text.get(from..=to));
    [Some(text), fenced, braced]
        .into_iter()
        .flatten()
        .find_map(|part| serde_json::from_str::<Value>(part).ok())
}
