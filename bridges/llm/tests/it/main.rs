//! Real HTTP against the provider farm.

mod calls;
mod failures;
mod shapes;
mod streams;

use std::time::Duration;

use impresario_farm::{Farm, Fault, Rule, Running};
use impresario_ids::CallId;
use impresario_llm::{
    Answer, Api, Client, Error, Key, Net, Options, Provider, Request, Settings, Timeouts,
};

/// Longer than anything that ends by itself here.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every way to generate.
const WAYS: [(Provider, Option<Api>); 8] = [
    (Provider::OpenAi, None),
    (Provider::OpenAi, Some(Api::Responses)),
    (Provider::Anthropic, None),
    (Provider::Xai, None),
    (Provider::Together, None),
    (Provider::Ollama, None),
    (Provider::Ollama, Some(Api::Chat)),
    (Provider::Compatible, None),
];

fn call(number: u8) -> CallId {
    CallId::from_bytes([number; 16])
}

fn request() -> Request {
    Request::new(call(1), "farm-large", 1_000).system("Be brief.").user("Grüße 😀 from Zürich")
}

/// A certificate that nobody uses: reading the system's for every client takes its time.
fn roots() -> Vec<Vec<u8>> {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a key");
    vec![key.cert.der().to_vec()]
}

fn net() -> Net {
    Net::new(&Options { allow_private: true, roots: roots(), ..Options::default() }).expect("a net")
}

fn settings(running: &Running, provider: Provider, api: Option<Api>) -> Settings {
    let base = running.url(provider.as_str());
    let path = match provider {
        Provider::Ollama => "",
        Provider::Cohere => "/v2",
        Provider::OpenAi
        | Provider::Anthropic
        | Provider::Xai
        | Provider::Together
        | Provider::Compatible => "/v1",
    };
    Settings {
        base_url: Some(format!("{base}{path}")),
        api_key: Some(Key::new("sk-test-key")),
        api,
        ..Settings::new(provider)
    }
}

fn client(running: &Running, (provider, api): (Provider, Option<Api>)) -> Client {
    Client::new(settings(running, provider, api), &net()).expect("valid settings")
}

/// A client that does not wait long.
fn hasty(running: &Running, provider: Provider, timeouts: Timeouts) -> Client {
    Client::new(Settings { timeouts, ..settings(running, provider, None) }, &net())
        .expect("valid settings")
}

async fn farm() -> Running {
    Farm::local().await.expect("a port")
}

/// What one scripted request to this provider comes to, whole and as a stream; both must agree.
async fn scripted(way: (Provider, Option<Api>), fault: Fault) -> [Result<Answer, Error>; 2] {
    let running = farm().await;
    running.farm.script(Rule::next(way.0.as_str(), fault).times(2));
    let client = client(&running, way);
    let whole = client.generate(&request()).await;
    let streamed = match client.stream(&request()).await {
        Ok(streaming) => streaming.finish().await,
        Err(error) => Err(error),
    };
    [whole, streamed]
}
