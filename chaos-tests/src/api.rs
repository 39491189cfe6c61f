//! A customer's view of a server: HTTP requests, and answers as they are.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

/// An answer: its status and its body, parsed if it is JSON.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; a text if it is not JSON.
    pub body: Value,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// The stable code of a problem; empty if it is none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A header by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body of a successful answer.
    ///
    /// # Errors
    /// If the status is not 2xx, with what was answered.
    pub fn ok(self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        Ok(self.body)
    }
}

/// One caller with one credential.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    /// A caller of the server at `base` that shows `token` as a bearer.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn new(base: &str, token: &str) -> Result<Self> {
        // Only the first call installs it; the others find it there.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .build()
            .context("an HTTP client")?;
        Ok(Self { client, base: base.to_owned(), token: token.to_owned() })
    }

    /// The same server with another credential.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Where the server is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The credential.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A request that is not sent yet.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If there is no answer: then it is unknown whether the request was carried out.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let response = request.send().await.context("no answer")?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let bytes = response.bytes().await.context("half an answer")?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { status, body, headers })
    }

    /// GET.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Any method with a JSON body.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(method, path).json(body)).await
    }
}

/// Asks again and again until the answer is `Some`. For what follows a commit by itself, such as
/// the merge of two profiles; never for what was acknowledged.
///
/// # Errors
/// If it is still `None` after `within`, or asking fails.
pub async fn eventually<T, F>(what: &str, within: Duration, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    loop {
        ticks.tick().await;
        if let Some(value) = ask().await? {
            return Ok(value);
        }
        if began.elapsed() > within {
            bail!("not within {within:?}: {what}");
        }
    }
}
