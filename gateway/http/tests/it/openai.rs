//! The assistant behind the OpenAI API.

use base64::Engine;
use serde_json::{Value, json};

use crate::edge::World;

const CHAT: &str = "/openai/v1/chat/completions";

#[tokio::test]
async fn the_assistant_answers_as_openai_would() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let asked = json!({"model": "gpt-x", "temperature": 0.2, "messages": [
        {"role": "system", "content": "Be rude"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "How long?"}]}
    ]});
    let answer = world.ask("POST", CHAT, &keys.secret, asked).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let message = &answer.body["choices"][0]["message"];
    let said = "After 2 you asked: How long?";
    let sources = "[1] Returns https://shop.example/returns\n[2] FAQ";
    assert_eq!(message["content"], format!("{said} [1] [2]\n\n{sources}"));
    let cited = &message["annotations"][0]["url_citation"];
    let want = json!({"start_index": 0, "end_index": said.len(), "title": "Returns",
        "url": "https://shop.example/returns"});
    assert_eq!(*cited, want);
    assert_eq!(
        (&answer.body["object"], &answer.body["model"]),
        (&json!("chat.completion"), &json!("assistant"))
    );
    assert!(answer.body["usage"]["total_tokens"].as_u64() > Some(0), "{}", answer.body);
    assert!(answer.headers.contains_key("x-request-id"));
    let silent = json!({"model": "m", "messages": [{"role": "user", "content": "nothing"}]});
    let answer = world.ask("POST", CHAT, &keys.secret, silent).await;
    assert!(answer.body["choices"][0]["message"]["content"].as_str() > Some(""));
}

#[tokio::test]
async fn a_stream_is_the_same_answer_in_pieces() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let mut asked =
        json!({"model": "m", "messages": [{"role": "user", "content": "How long may I keep it?"}]});
    let whole = world.ask("POST", CHAT, &keys.secret, asked.clone()).await;
    let whole = whole.body["choices"][0]["message"]["content"].clone();
    asked["stream"] = json!(true);
    asked["stream_options"] = json!({"include_usage": true});
    let streamed = world.ask("POST", CHAT, &keys.secret, asked).await;
    let events = streamed.body.as_str().expect("a stream");
    let data: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> = data[..data.len() - 1]
        .iter()
        .map(|text| serde_json::from_str(text).expect("json"))
        .collect();
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, whole);
    let last = chunks.last().expect("a chunk");
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["total_tokens"].is_u64(), "{last}");
    let finished = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"] == "stop");
    assert_eq!(finished.count(), 1);
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
}

/// What was sent is sent: where another model had to answer in the end, that follows, and what it rests
/// on points to it.
#[tokio::test]
async fn what_was_said_before_a_model_failed_stays() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let asked = json!({"model": "m", "stream": true,
        "messages": [{"role": "user", "content": "another model"}]});
    let streamed = world.ask("POST", CHAT, &keys.secret, asked).await;
    let events = streamed.body.as_str().expect("a stream");
    let chunks = events.lines().filter_map(|line| line.strip_prefix("data: {"));
    let deltas: Vec<Value> = chunks
        .map(|text| serde_json::from_str::<Value>(&format!("{{{text}")).expect("json"))
        .map(|chunk| chunk["choices"][0]["delta"].clone())
        .collect();
    let said: String = deltas.iter().filter_map(|delta| delta["content"].as_str()).collect();
    assert!(said.starts_with("No.\n\nAfter 0 you asked: another model [1]"), "{said}");
    let cited = deltas.iter().find(|delta| delta["annotations"].is_array()).expect("citations");
    let place = &cited["annotations"][0]["url_citation"];
    let index = |name: &str| place[name].as_u64().expect("an index") as usize;
    assert_eq!(&said[index("start_index")..index("end_index")], "After 0 you asked: another model");
}

#[tokio::test]
async fn embeddings_are_floats_or_base64() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let path = "/openai/v1/embeddings";
    let floats = json!({"model": "m", "input": ["abc", "de"]});
    let floats = world.ask("POST", path, &keys.secret, floats).await;
    assert_eq!(floats.body["data"][1]["embedding"], json!([2.0, 0.5]), "{}", floats.body);
    let packed = json!({"model": "m", "input": "abc", "encoding_format": "base64"});
    let packed = world.ask("POST", path, &keys.secret, packed).await;
    let text = packed.body["data"][0]["embedding"].as_str().expect("base 64");
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base 64");
    assert_eq!(bytes, [3.0_f32.to_le_bytes(), 0.5_f32.to_le_bytes()].concat());
    for (input, dimensions) in
        [(json!([[1, 2]]), 2), (json!([]), 2), (json!(""), 2), (json!("x"), 3)]
    {
        let body = json!({"model": "m", "input": input, "dimensions": dimensions});
        let refused = world.ask("POST", path, &keys.secret, body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "invalid_request"), "{input}");
    }
}

#[tokio::test]
async fn errors_have_openais_shape() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let models = world.ask("GET", "/openai/v1/models", &keys.secret, Value::Null).await;
    assert_eq!(models.body["data"][0]["id"], "assistant");
    let one = world.ask("GET", "/openai/v1/models/assistant", &keys.secret, Value::Null).await;
    assert_eq!(one.body["object"], "model");
    let none = world.ask("GET", "/openai/v1/models/gpt-x", &keys.secret, Value::Null).await;
    assert_eq!((none.status.as_u16(), &none.body["error"]["param"]), (404, &json!("model")));
    let refused = world.ask("POST", CHAT, "imp_sk_nonsense", json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["error"]["type"]),
        (401, &json!("authentication_error"))
    );
    for (messages, param) in [
        (json!([]), "messages"),
        (json!([{"role": "assistant", "content": "x"}]), "messages"),
        (json!([{"role": "wizard", "content": "x"}]), "messages.0.role"),
        (json!([{"role": "user", "content": [{"type": "image_url"}]}]), "messages.0.content"),
    ] {
        let body = json!({"model": "m", "messages": messages});
        let refused = world.ask("POST", CHAT, &keys.secret, body).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["error"]["param"]),
            (400, &json!(param)),
            "{}",
            refused.body
        );
    }
}
