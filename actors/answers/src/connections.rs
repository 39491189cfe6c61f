//! The settings of a tenant's connections: read, and judged before they are kept.

use impresario_llm::{Options, Settings};
use serde_json::{Map, Value};

use crate::channels;

/// What is wrong with the settings of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionProblem {
    /// Where, as a JSON pointer into the settings.
    pub pointer: String,
    /// A stable code.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Members of a connection to models that are not the client's.
const OURS: [&str; 3] = ["routing", "registry", "model"];
/// Where a platform's API is: nothing that a tenant may choose.
const PLACES: [&str; 2] = ["base_url", "content_base_url"];

/// The client's settings out of a connection's.
pub(crate) fn model_settings(settings: &str) -> Result<Settings, String> {
    let mut members = object(settings)?;
    members.retain(|member, _| !OURS.contains(&member.as_str()));
    serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
}

fn object(settings: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(settings) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err("expected a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Judges the settings of a connection of this kind. `anywhere`: whether platforms may be looked for
/// at other addresses than their own.
pub(crate) fn check(
    kind: &str,
    settings: &str,
    options: &Options,
    anywhere: bool,
) -> Vec<ConnectionProblem> {
    let problem = |pointer: &str, code: &str, message: String| ConnectionProblem {
        pointer: pointer.to_owned(),
        code: code.to_owned(),
        message,
    };
    let members = match object(settings) {
        Ok(members) => members,
        Err(why) => return vec![problem("", "setting_invalid", why)],
    };
    if matches!(kind, "llm" | "embeddings" | "rerank") {
        let needs_model = kind != "llm" && !members.contains_key("model");
        let missing =
            needs_model.then(|| problem("/model", "setting_missing", "name the model".to_owned()));
        let client = match model_settings(settings) {
            Ok(settings) => settings
                .validate(options)
                .into_iter()
                .map(|found| problem(&found.pointer, found.code, found.message))
                .collect::<Vec<_>>(),
            Err(why) => vec![problem("", "setting_invalid", why)],
        };
        return missing.into_iter().chain(client).collect();
    }
    let places =
        PLACES.iter().filter(|place| !anywhere && members.contains_key(**place)).map(|place| {
            problem(
                &format!("/{place}"),
                "setting_forbidden",
                "only the operator of the server may say where a platform is".to_owned(),
            )
        });
    let found = channels::problems(kind, settings);
    places
        .chain(found.into_iter().map(|found| problem(&found.pointer, found.code, found.message)))
        .collect()
}
