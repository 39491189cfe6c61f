use impresario_routing::{Class, Usage};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tracing::{Instrument as _, Span};

use crate::answer::{Answer, ModelInfo};
use crate::error::Error;
use crate::observe;
use crate::request::Request;
use crate::settings::{Api, Problem, Provider, Settings};
use crate::stream::{Streaming, answer};
use crate::transport::{Net, Reply, send};
use crate::wire::{Wire, text};

/// Pages of a provider's list of models that are read.
const PAGES_MAX: usize = 20;

/// One tenant's connection to one provider. Cheap to clone; connections are shared by the [`Net`].
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
    pub(crate) settings: Settings,
}

impl Client {
    /// A client for valid settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: Settings, net: &Net) -> Result<Self, Vec<Problem>> {
        let problems = settings.validate(net.options());
        let base = settings.base_url.as_deref().or(settings.provider.base_url());
        let place = base.and_then(|base| net.options().place(base).ok());
        match place {
            Some((url, private)) if problems.is_empty() => Ok(Self {
                http: net.http(private),
                base: url.as_str().trim_end_matches('/').to_owned(),
                headers: headers(&settings),
                settings,
            }),
            _ => Err(problems),
        }
    }

    /// The settings that it was made of.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks and waits for the whole answer. Dropping the future closes the connection.
    ///
    /// # Errors
    /// See [`Class`].
    pub async fn generate(&self, request: &Request) -> Result<Answer, Error> {
        let span = observe::chat_span(&self.settings, request, false);
        let ended = self.ask(request).instrument(span.clone()).await;
        observe::chat_ended(&self.settings, &span, &ended);
        ended
    }

    async fn ask(&self, request: &Request) -> Result<Answer, Error> {
        let wire = self.wire(request)?;
        let body = wire.write(request, false)?;
        let mut reply = self.post(wire.path(), &body, &request.call.to_string()).await?;
        let json = reply.json().await?;
        let parts = wire
            .read(&json)
            .map_err(|error| Error { request_id: reply.request_id.clone(), ..error })?;
        answer(parts, &reply, None)
    }

    /// Asks and gives the answer piece by piece; returns when its head has come. Dropping the future
    /// or the stream closes the connection.
    ///
    /// # Errors
    /// See [`Class`].
    pub async fn stream(&self, request: &Request) -> Result<Streaming, Error> {
        let span = observe::chat_span(&self.settings, request, true);
        let begun = self.begin(request, &span).instrument(span.clone()).await;
        if let Err(error) = &begun {
            observe::failed(&self.settings, &span, "chat", error);
        }
        begun
    }

    async fn begin(&self, request: &Request, span: &Span) -> Result<Streaming, Error> {
        let wire = self.wire(request)?;
        let body = wire.write(request, true)?;
        let mut reply = self.post(wire.path(), &body, &request.call.to_string()).await?;
        let settings = self.settings.clone();
        if !reply.is_json || wire.is_lines() {
            return Ok(Streaming::new(reply, wire, settings, span.clone()));
        }
        // An error with a status of success, or a server that does not stream.
        let json = reply.json().await?;
        let whole = answer(wire.read(&json)?, &reply, None)?;
        Ok(Streaming::new(reply, wire, settings, span.clone()).whole(whole))
    }

    /// What the provider offers; also the cheapest way to find out whether a key works.
    ///
    /// # Errors
    /// See [`Class`].
    pub async fn models(&self) -> Result<Vec<ModelInfo>, Error> {
        let mut models = Vec::new();
        let mut after = String::new();
        for _ in 0..PAGES_MAX {
            let path = match self.settings.provider {
                Provider::Ollama => "/api/tags".to_owned(),
                Provider::Anthropic if !after.is_empty() => {
                    format!("/models?limit=100&after_id={after}")
                }
                Provider::OpenAi
                | Provider::Anthropic
                | Provider::Xai
                | Provider::Together
                | Provider::Cohere
                | Provider::Compatible => "/models".to_owned(),
            };
            let request = self.request(Method::GET, &path, "");
            let bytes_max = self.settings.answer_bytes_max;
            let mut reply = send(request, self.settings.timeouts, bytes_max).await?;
            let json = reply.json().await?;
            let list = [json.get("data"), json.get("models"), Some(&json)]
                .into_iter()
                .flatten()
                .find_map(Value::as_array)
                .ok_or_else(|| reply.error(Class::Malformed, "models_missing"))?;
            models.extend(list.iter().filter_map(model_info));
            let more = json.get("has_more").and_then(Value::as_bool).unwrap_or(false);
            text(&json, "/last_id").clone_into(&mut after);
            // An id that cannot stand in a query as it is is no id of this provider.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if !more || after.is_empty() || !after.bytes().all(plain) {
                break;
            }
        }
        Ok(models)
    }

    /// The wire for a request, if the model may be used at all.
    fn wire(&self, request: &Request) -> Result<Wire, Error> {
        self.check_model(&request.model)?;
        let searches = matches!(self.settings.provider, Provider::OpenAi | Provider::Xai);
        Ok(match self.settings.api() {
            // The chat interface of these providers cannot search; the other one can.
            Api::Chat if request.live_search && searches => Wire::Responses,
            _ if self.settings.provider == Provider::Cohere => {
                return Err(Error::new(Class::Invalid, "provider_only_reranks", ""));
            }
            Api::Chat => Wire::Chat(self.settings.provider),
            Api::Responses => Wire::Responses,
            Api::Messages => Wire::Messages,
            Api::Native => Wire::Native,
        })
    }

    pub(crate) fn check_model(&self, model: &str) -> Result<(), Error> {
        let models = &self.settings.models;
        if models.is_empty() || models.iter().any(|known| known == model) {
            Ok(())
        } else {
            Err(Error::new(Class::ModelMissing, "model_not_allowed", ""))
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value, call: &str) -> Result<Reply, Error> {
        let request = self.request(Method::POST, path, call).json(body);
        send(request, self.settings.timeouts, self.settings.answer_bytes_max).await
    }

    fn request(&self, method: Method, path: &str, call: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        let request = self.http.request(method, url).headers(self.headers.clone());
        if call.is_empty() { request } else { request.header("x-client-request-id", call) }
    }
}

/// The headers of every request; values were checked by [`Settings::validate`].
fn headers(settings: &Settings) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()))
        {
            headers.insert(name, value);
        }
    }
    let (name, prefix) = match settings.provider {
        Provider::Anthropic => (HeaderName::from_static("x-api-key"), ""),
        Provider::OpenAi
        | Provider::Xai
        | Provider::Together
        | Provider::Ollama
        | Provider::Cohere
        | Provider::Compatible => (AUTHORIZATION, "Bearer "),
    };
    if let Some(key) = &settings.api_key
        && let Ok(mut value) = HeaderValue::try_from(format!("{prefix}{}", key.reveal()))
    {
        // Kept out of debug output and out of header compression.
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if settings.provider == Provider::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    headers
}

fn model_info(json: &Value) -> Option<ModelInfo> {
    let name = ["/id", "/model", "/name"].into_iter().map(|place| text(json, place));
    let name = name.into_iter().find(|name| !name.is_empty())?.to_owned();
    let title = text(json, "/display_name");
    let title = if title.is_empty() { name.clone() } else { title.to_owned() };
    Some(ModelInfo { name, title })
}

/// What tokens an answer of vectors or ranks used.
pub(crate) fn input_usage(tokens: u64) -> Usage {
    Usage { input: tokens, ..Usage::default() }
}
