//! Answers that come in pieces, or do not come to their end.

use impresario_farm::{Ending, Fault, Rule};
use impresario_llm::{Class, Delta};

use crate::*;

#[tokio::test]
async fn pieces_may_fall_anywhere() {
    for way in WAYS {
        for bytes in [1, 3, 1_000] {
            let running = farm().await;
            running.farm.script(Rule::next("", Fault::Drip { bytes, ms: 0 }));
            let mut streaming = client(&running, way).stream(&request()).await.unwrap();
            let mut text = String::new();
            while let Some(delta) = streaming.next().await {
                if let Delta::Text(piece) = delta.unwrap() {
                    text.push_str(&piece);
                }
            }
            assert_eq!(text, "You said: Grüße 😀 from Zürich", "{way:?} {bytes}");
            let answer = streaming.finish().await.unwrap();
            assert_eq!(answer.text, text);
            assert!(answer.usage_known);
        }
    }
}

#[tokio::test]
async fn a_stream_cut_anywhere_is_an_error_and_never_a_shorter_answer() {
    for way in WAYS {
        for clean in [false, true] {
            let running = farm().await;
            let client = client(&running, way);
            let mut cut = 0;
            for after_bytes in (1..4_000).step_by(197) {
                running.farm.script(Rule::next("", Fault::Cut { after_bytes, clean }));
                let streaming = client.stream(&request()).await.unwrap();
                match streaming.finish().await {
                    Err(error) => {
                        assert_eq!(error.class, Class::Truncated, "{way:?} {after_bytes}");
                        assert!(error.may_be_charged());
                        cut += 1;
                    }
                    // Whatever is missing after the reason to end changes nothing.
                    Ok(answer) => {
                        assert_eq!(answer.text, "You said: Grüße 😀 from Zürich", "{way:?}");
                    }
                }
            }
            assert!(cut > 3, "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_whole_answer_that_is_cut_is_an_error_too() {
    for way in WAYS {
        for clean in [false, true] {
            let running = farm().await;
            running.farm.script(Rule::next("", Fault::Cut { after_bytes: 60, clean }));
            let error = client(&running, way).generate(&request()).await.unwrap_err();
            let want = if clean { Class::Malformed } else { Class::Truncated };
            assert_eq!(error.class, want, "{way:?}");
        }
    }
}

#[tokio::test]
async fn dropping_the_stream_ends_the_providers_work() {
    for way in WAYS {
        let running = farm().await;
        running.farm.script(Rule::next("", Fault::Drip { bytes: 64, ms: 20 }));
        let long = Request::new(call(1), "farm-large", 100_000).user("word ".repeat(20_000));
        let mut streaming = client(&running, way).stream(&long).await.unwrap();
        assert!(matches!(streaming.next().await, Some(Ok(_))), "{way:?}");
        drop(streaming);
        let abandoned = running.farm.wait(|log| log[0].ending == Ending::Abandoned);
        tokio::time::timeout(PATIENCE, abandoned).await.expect("the farm sees the end");
    }
}

#[tokio::test]
async fn dropping_the_future_ends_the_providers_work() {
    let running = farm().await;
    running.farm.script(Rule::next("", Fault::Hang));
    let client = client(&running, WAYS[0]);
    let asking = tokio::spawn(async move { client.generate(&request()).await.map(|_| ()) });
    tokio::time::timeout(PATIENCE, running.farm.wait(|log| log.len() == 1)).await.unwrap();
    assert_eq!(running.farm.log()[0].ending, Ending::Open);
    asking.abort();
    let abandoned = running.farm.wait(|log| log[0].ending == Ending::Abandoned);
    tokio::time::timeout(PATIENCE, abandoned).await.expect("the farm sees the end");
}

#[tokio::test]
async fn a_finished_stream_leaves_the_connection_for_the_next() {
    let running = farm().await;
    let client = client(&running, WAYS[0]);
    for _ in 0..3 {
        client.stream(&request()).await.unwrap().finish().await.unwrap();
    }
    let finished = running
        .farm
        .wait(|log| log.len() == 3 && log.iter().all(|entry| entry.ending != Ending::Open));
    tokio::time::timeout(PATIENCE, finished).await.unwrap();
}

#[tokio::test]
async fn cached_and_reasoning_tokens_are_told_apart() {
    for (way, has_reasoning) in [(WAYS[0], true), (WAYS[1], true), (WAYS[2], false)] {
        let fault = Fault::Say {
            text: "Four.".to_owned(),
            cached_tokens: 5,
            reasoning_tokens: 40,
            finish: None,
        };
        for ended in scripted(way, fault).await {
            let usage = ended.unwrap().usage;
            assert_eq!(usage.cached_input, 5, "{way:?}");
            assert!(usage.input > 0);
            let reasoning = if has_reasoning { 40 } else { 0 };
            assert_eq!(usage.reasoning, reasoning, "{way:?}");
            assert_eq!(usage.total_output(), 42, "{way:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_at_its_limit_says_so() {
    for way in WAYS {
        let running = farm().await;
        let short = Request::new(call(1), "farm-large", 5).user("word ".repeat(100));
        let client = client(&running, way);
        let whole = client.generate(&short).await.unwrap();
        let streamed = client.stream(&short).await.unwrap().finish().await.unwrap();
        for answer in [whole, streamed] {
            assert_eq!(answer.finish, impresario_llm::Finish::Length, "{way:?}");
        }
    }
}
