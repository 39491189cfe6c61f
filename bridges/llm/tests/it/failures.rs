//! What goes wrong, and what it is called.

use std::time::Duration;

use impresario_farm::{Fault, Rule};
use impresario_llm::{Class, Provider, Timeouts};
use serde_json::json;

use crate::*;

async fn check(way: (Provider, Option<Api>), fault: Fault, want: Class) {
    for ended in scripted(way, fault.clone()).await {
        match ended {
            // Half a line of JSON at the end of a stream of lines is a stream that was cut.
            Err(error) if way == WAYS[5] && want == Class::Malformed => {
                assert!(matches!(error.class, Class::Malformed | Class::Truncated), "{error:?}");
            }
            Err(error) => assert_eq!(error.class, want, "{way:?} {fault:?} {error:?}"),
            Ok(answer) => panic!("{way:?} {fault:?} succeeded: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn llm_09_every_failure_has_its_class() {
    for way in WAYS {
        check(way, Fault::RateLimited { retry_after_s: None }, Class::RateLimited).await;
        check(way, Fault::Overloaded, Class::Overloaded).await;
        check(way, Fault::Unauthorized, Class::Auth).await;
        check(way, Fault::ContextTooLong, Class::ContextTooLong).await;
        check(way, Fault::Malformed, Class::Malformed).await;
        check(way, Fault::ErrorBody, Class::Server).await;
        check(way, Fault::Close, Class::Lost).await;
        if way.0 != Provider::Ollama {
            check(way, Fault::QuotaExhausted, Class::QuotaExhausted).await;
        }
    }
}

#[tokio::test]
async fn statuses_without_words_have_their_class_too() {
    let statuses = [
        (400, Class::Invalid),
        (402, Class::QuotaExhausted),
        (403, Class::Auth),
        (404, Class::ModelMissing),
        (413, Class::ContextTooLong),
        (422, Class::Invalid),
        (429, Class::RateLimited),
        (500, Class::Server),
        (502, Class::Server),
        (503, Class::Overloaded),
        (504, Class::Timeout),
        (529, Class::Overloaded),
        (302, Class::Invalid),
    ];
    for (status, class) in statuses {
        let fault = Fault::Answer { status, headers: Vec::new(), body: json!("<html>no</html>") };
        check(WAYS[0], fault, class).await;
    }
}

#[tokio::test]
async fn a_refusal_is_an_error_that_was_paid_for() {
    for way in [WAYS[0], WAYS[1], WAYS[2]] {
        let fault = Fault::Say {
            text: "I".to_owned(),
            cached_tokens: 0,
            reasoning_tokens: 0,
            finish: Some("content_filter".to_owned()),
        };
        for ended in scripted(way, fault).await {
            let error = ended.unwrap_err();
            assert_eq!(error.class, Class::ContentFilter, "{way:?}");
            assert!(error.may_be_charged() && error.usage.is_some_and(|usage| usage.input > 0));
        }
    }
}

#[tokio::test]
async fn the_providers_wish_to_be_left_alone_is_read() {
    let wish = |headers: &[(&str, &str)]| Fault::Answer {
        status: 429,
        headers: headers.iter().map(|(name, value)| (*name, *value)).map(own).collect(),
        body: json!({}),
    };
    let cases = [
        (Fault::RateLimited { retry_after_s: Some(7) }, Some(7_000)),
        (Fault::RateLimited { retry_after_s: None }, None),
        (wish(&[("retry-after-ms", "250"), ("retry-after", "1")]), Some(250)),
        (
            wish(&[
                ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
                ("retry-after", "Tue, 14 Nov 2023 22:14:20 GMT"),
            ]),
            Some(60_000),
        ),
        (wish(&[("retry-after", "soon")]), None),
    ];
    for (fault, want) in cases {
        for ended in scripted(WAYS[0], fault).await {
            assert_eq!(ended.unwrap_err().retry_after_ms, want);
        }
    }
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn nobody_listening_means_nothing_was_sent() {
    let running = farm().await;
    let client = client(&running, WAYS[0]);
    drop(running);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let settings = Settings {
        base_url: Some(format!("http://127.0.0.1:{port}/v1")),
        ..client.settings().clone()
    };
    let client = Client::new(settings, &net()).unwrap();
    let error = client.generate(&request()).await.unwrap_err();
    assert_eq!(error.class, Class::NotSent);
    assert!(!error.may_be_charged());
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_head_may_have_been_charged() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        use tokio::io::AsyncReadExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = [0; 256];
        let _some = stream.read(&mut read).await;
    });
    let settings = Settings {
        base_url: Some(url),
        api_key: Some(Key::new("k")),
        ..Settings::new(Provider::OpenAi)
    };
    let error = Client::new(settings, &net()).unwrap().generate(&request()).await.unwrap_err();
    assert_eq!(error.class, Class::Lost);
    assert!(error.may_be_charged());
    server.await.unwrap();
}

#[tokio::test]
async fn each_timeout_has_its_name() {
    let long = Timeouts { first_byte_ms: 60_000, idle_ms: 60_000, total_ms: 60_000 };
    let drip = Fault::Drip { bytes: 64, ms: 60_000 };
    let cases = [
        (Timeouts { first_byte_ms: 50, ..long }, Fault::Hang, "first_byte_timeout"),
        (Timeouts { idle_ms: 50, ..long }, drip.clone(), "idle_timeout"),
        (Timeouts { total_ms: 100, ..long }, drip, "total_timeout"),
        (
            Timeouts { first_byte_ms: 50, ..long },
            Fault::SlowFirstByte { ms: 60_000 },
            "first_byte_timeout",
        ),
    ];
    for (timeouts, fault, want) in cases {
        let running = farm().await;
        running.farm.script(Rule::next("openai", fault.clone()).times(2));
        let client = hasty(&running, Provider::OpenAi, timeouts);
        let whole = client.generate(&request()).await.unwrap_err();
        let streamed = match client.stream(&request()).await {
            Ok(streaming) => streaming.finish().await.unwrap_err(),
            Err(error) => error,
        };
        for error in [whole, streamed] {
            assert_eq!((error.class, &*error.code), (Class::Timeout, want), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_slow_first_byte_within_the_limit_is_fine() {
    let fault = Fault::SlowFirstByte { ms: 30 };
    for ended in scripted(WAYS[0], fault).await {
        assert!(ended.unwrap().latency_ms >= 30);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let running = farm().await;
    let fault = Fault::Answer { status: 200, headers: Vec::new(), body: json!("x".repeat(4_096)) };
    running.farm.script(Rule::next("openai", fault));
    let settings =
        Settings { answer_bytes_max: 1_024, ..settings(&running, Provider::OpenAi, None) };
    let client = Client::new(settings, &net()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), client.generate(&request())).await;
    assert_eq!(&*ended.unwrap().unwrap_err().code, "answer_too_large");
}
