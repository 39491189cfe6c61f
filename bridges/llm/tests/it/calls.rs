//! What is sent, and what is sent for.

use impresario_farm::{Ending, Fault, Rule};
use impresario_llm::{
    Api, Class, Client, EmbedRequest, Finish, Image, Key, Message, Net, Options, Part, Provider,
    RerankRequest, Role, Schema, Settings, Tool, ToolChoice,
};
use serde_json::json;

use crate::*;

fn tool() -> Tool {
    let parameters = json!({
        "type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"],
    });
    Tool { name: "order_status".to_owned(), description: "Where it is".to_owned(), parameters }
}

#[tokio::test]
async fn llm_01_every_provider_answers_with_the_same_shape() {
    for way in WAYS {
        let running = farm().await;
        let client = client(&running, way);
        let answer = client.generate(&request()).await.unwrap();
        assert_eq!(answer.text, "You said: Grüße 😀 from Zürich", "{way:?}");
        assert_eq!((answer.finish, answer.usage_known), (Finish::Stop, true));
        assert!(answer.usage.input > 0 && answer.usage.output > 0);
        assert_eq!(answer.model, "farm-large");
        let streaming = client.stream(&request()).await.unwrap();
        let streamed = streaming.finish().await.unwrap();
        assert_eq!(streamed.text, answer.text, "{way:?}");
        assert_eq!((streamed.finish, streamed.usage), (answer.finish, answer.usage), "{way:?}");
        assert_eq!(streamed.model, answer.model, "{way:?}");
    }
}

#[tokio::test]
async fn keys_and_call_ids_are_sent_as_each_provider_wants_them() {
    for way in WAYS {
        let running = farm().await;
        client(&running, way).generate(&request()).await.unwrap();
        let [entry] = running.farm.log().try_into().unwrap();
        assert_eq!(entry.request_id, call(1).to_string());
        if way.0 == Provider::Anthropic {
            assert_eq!(entry.header("x-api-key"), Some("sk-test-key"));
            assert_eq!(entry.header("anthropic-version"), Some("2023-06-01"));
            assert_eq!(entry.header("authorization"), None);
        } else {
            assert_eq!(entry.header("authorization"), Some("Bearer sk-test-key"));
        }
        assert!(entry.charged && entry.ending != Ending::Abandoned);
    }
}

#[tokio::test]
async fn tools_are_called_and_their_answers_go_back() {
    for way in WAYS {
        let running = farm().await;
        let fault = Fault::CallTool {
            name: "order_status".to_owned(),
            arguments: json!({"order": "A-17 \"ü\""}),
        };
        running.farm.script(Rule::next("", fault).times(2));
        let client = client(&running, way);
        let mut request = request();
        request.tools.push(tool());
        request.tool_choice = ToolChoice::Auto;
        let whole = client.generate(&request).await.unwrap();
        let streamed = client.stream(&request).await.unwrap().finish().await.unwrap();
        for answer in [&whole, &streamed] {
            let [called] = answer.tool_calls.as_slice() else { panic!("one call: {way:?}") };
            assert_eq!(called.name, "order_status");
            assert_eq!(called.arguments, json!({"order": "A-17 \"ü\""}));
            assert!(!called.id.is_empty());
            assert_eq!(answer.finish, Finish::ToolCalls, "{way:?}");
        }
        let [called] = whole.tool_calls.try_into().unwrap();
        let (id, name) = (called.id.clone(), called.name);
        let arguments = called.arguments;
        let asked = Part::ToolCall { id: id.clone(), name: name.clone(), arguments };
        request.messages.push(Message { role: Role::Assistant, parts: vec![asked] });
        let told = Part::ToolResult { id, name, text: "It is on its way.".to_owned() };
        request.messages.push(Message { role: Role::User, parts: vec![told] });
        client.generate(&request).await.unwrap();
        let last = running.farm.log().pop().unwrap();
        assert!(last.body.contains("It is on its way."), "{way:?}");
    }
}

#[tokio::test]
async fn images_are_sent_in_each_providers_shape() {
    for (way, part) in [
        (WAYS[0], "data:image/png;base64,aGk="),
        (WAYS[1], "data:image/png;base64,aGk="),
        (WAYS[2], r#""media_type":"image/png""#),
        (WAYS[5], r#""images":["aGk="]"#),
    ] {
        let running = farm().await;
        let image = Image { mime: "image/png".to_owned(), base64: "aGk=".to_owned() };
        let mut request = request();
        request.messages[0].parts.push(Part::Image(image));
        client(&running, way).generate(&request).await.unwrap();
        let [entry] = running.farm.log().try_into().unwrap();
        assert!(entry.body.contains(part), "{way:?}: {}", entry.body);
    }
}

fn intents() -> Schema {
    let schema = json!({
        "type": "object",
        "properties": {"intents": {"type": "array", "items": {
            "type": "object",
            "properties": {
                "intent": {"enum": ["delivery time", "refund", "other"]},
                "quote": {"type": "string"},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "required": ["intent", "quote", "confidence"],
            "additionalProperties": false,
        }}},
        "required": ["intents"],
        "additionalProperties": false,
    });
    Schema { name: "intents".to_owned(), schema }
}

#[tokio::test]
async fn llm_15_structured_output_is_checked_and_repaired_once() {
    for way in WAYS {
        let running = farm().await;
        let client = client(&running, way);
        let mut request = Request::new(call(2), "farm-large", 1_000)
            .user("When is my delivery? And I want a refund for the lamp.");
        request.schema = Some(intents());
        let good = client.structured(&request, true).await.unwrap();
        assert!(!good.repaired);
        assert_eq!(good.value["intents"][0]["intent"], "delivery time", "{way:?}");
        assert_eq!(good.value["intents"][1]["intent"], "refund", "{way:?}");

        let say = |text: &str| Fault::Say {
            text: text.to_owned(),
            cached_tokens: 0,
            reasoning_tokens: 0,
            finish: None,
        };
        running.farm.script(Rule::next("", say(r#"{"intents": [{"intent": "joke"}]}"#)));
        let repaired = client.structured(&request, true).await.unwrap();
        assert!(repaired.repaired && repaired.usage.input > good.usage.input);

        running.farm.script(Rule::next("", say("I would rather not.")).times(2));
        let error = client.structured(&request, true).await.unwrap_err();
        assert_eq!((error.class, &*error.code), (Class::Malformed, "schema_mismatch"));
        assert!(error.usage.is_some_and(|usage| usage.input > 0));
        assert_eq!(running.farm.charged()[&call(2).to_string()], 5);
    }
}

#[tokio::test]
async fn llm_16_live_search_goes_where_it_is_offered() {
    let running = farm().await;
    let mut request = request();
    request.live_search = true;
    client(&running, (Provider::Xai, None)).generate(&request).await.unwrap();
    client(&running, (Provider::Anthropic, None)).generate(&request).await.unwrap();
    let [xai, anthropic] = running.farm.log().try_into().unwrap();
    assert_eq!(xai.path, "/xai/v1/responses");
    assert_eq!(xai.json()["tools"], json!([{"type": "web_search"}]));
    assert_eq!(anthropic.json()["tools"][0]["name"], "web_search");
    let error = client(&running, (Provider::Together, None)).generate(&request).await.unwrap_err();
    assert_eq!(error.class, Class::Invalid);
    assert_eq!(running.farm.log().len(), 2);
}

#[tokio::test]
async fn embeddings_are_one_vector_per_text() {
    let ways = [Provider::OpenAi, Provider::Together, Provider::Ollama, Provider::Compatible];
    for provider in ways {
        let running = farm().await;
        let client = client(&running, (provider, None));
        let mut request = EmbedRequest {
            call: call(3),
            model: "text-embedding-3-small".to_owned(),
            texts: ["blue wool scarf", "a scarf of blue wool", "tax form"]
                .map(str::to_owned)
                .into(),
            dimensions: (provider != Provider::Ollama).then_some(256),
        };
        let embeddings = client.embed(&request).await.unwrap();
        let [one, alike, other] = embeddings.vectors.try_into().unwrap();
        let dot = |left: &[f32], right: &[f32]| -> f32 {
            left.iter().zip(right).map(|(left, right)| left * right).sum()
        };
        assert!(dot(&one, &alike) > 0.9 && dot(&one, &other) < 0.1, "{provider:?}");
        assert!(embeddings.usage.input > 0);
        request.texts.clear();
        assert_eq!(client.embed(&request).await.unwrap_err().class, Class::Invalid);
    }
    let running = farm().await;
    let request = EmbedRequest {
        call: call(3),
        model: "grok".to_owned(),
        texts: vec!["a".to_owned()],
        dimensions: None,
    };
    let error = client(&running, (Provider::Xai, None)).embed(&request).await.unwrap_err();
    assert_eq!(&*error.code, "provider_without_embeddings");
}

#[tokio::test]
async fn reranking_orders_by_score() {
    for provider in [Provider::Cohere, Provider::Together, Provider::Compatible] {
        let running = farm().await;
        let request = RerankRequest {
            call: call(4),
            model: "rerank-v3.5".to_owned(),
            query: "returning shoes".to_owned(),
            documents: ["Opening hours", "Returning shoes takes a week", "Our shoes"]
                .map(str::to_owned)
                .into(),
            most: 2,
        };
        let reranked = client(&running, (provider, None)).rerank(&request).await.unwrap();
        let places: Vec<usize> = reranked.results.iter().map(|ranked| ranked.index).collect();
        assert_eq!((places, reranked.units), (vec![1, 2], 1), "{provider:?}");
    }
}

#[tokio::test]
async fn models_are_listed_whatever_the_list_looks_like() {
    let ways = [
        Provider::OpenAi,
        Provider::Anthropic,
        Provider::Xai,
        Provider::Together,
        Provider::Ollama,
        Provider::Compatible,
    ];
    for provider in ways {
        let running = farm().await;
        let models = client(&running, (provider, None)).models().await.unwrap();
        let [large, small] = models.try_into().unwrap();
        assert!(large.name.starts_with("farm-large") && small.name.starts_with("farm-small"));
    }
}

#[tokio::test]
async fn only_listed_models_are_asked_for() {
    let running = farm().await;
    let listed = Settings {
        models: vec!["farm-small".to_owned()],
        ..settings(&running, Provider::OpenAi, None)
    };
    let error = Client::new(listed, &net()).unwrap().generate(&request()).await.unwrap_err();
    assert_eq!(error.class, Class::ModelMissing);
    assert!(running.farm.log().is_empty());
}

#[tokio::test]
async fn private_addresses_are_called_only_if_the_operator_listed_them() {
    let running = farm().await;
    let strict = |local_servers| {
        Net::new(&Options {
            local_servers,
            require_https: false,
            roots: roots(),
            ..Options::default()
        })
        .unwrap()
    };
    let settings = settings(&running, Provider::Ollama, Some(Api::Chat));
    let problems = Client::new(settings.clone(), &strict(Vec::new())).unwrap_err();
    assert_eq!(problems[0].code, "address_forbidden");
    // A name that leads to a private address passes the look at the URL and fails when resolved.
    let port = running.address.port();
    let named =
        Settings { base_url: Some(format!("http://localhost:{port}/ollama")), ..settings.clone() };
    let client = Client::new(named.clone(), &strict(Vec::new())).unwrap();
    assert_eq!(client.generate(&request()).await.unwrap_err().class, Class::Forbidden);
    assert!(running.farm.log().is_empty());
    for (settings, server) in
        [(settings, running.address.to_string()), (named, format!("localhost:{port}"))]
    {
        let client = Client::new(settings, &strict(vec![server])).unwrap();
        client.generate(&request()).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_secret_or_personal_prints() {
    let running = farm().await;
    let settings = Settings {
        api_key: Some(Key::new("sk-very-secret")),
        ..settings(&running, Provider::OpenAi, None)
    };
    let client = Client::new(settings.clone(), &net()).unwrap();
    let answer = client.generate(&request()).await.unwrap();
    running.farm.script(Rule::next("openai", Fault::Unauthorized));
    let error = client.generate(&request()).await.unwrap_err();
    let json = serde_json::to_string(&settings).unwrap();
    let shown =
        format!("{settings:?} {client:?} {:?} {answer:?} {error:?} {error} {json}", request());
    for secret in ["very-secret", "Zürich", "You said", "Be brief", "sk-****"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(error.detail.contains("Incorrect API key"));
}
