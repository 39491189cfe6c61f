//! What a tenant writes.

use impresario_llm::{Options, Provider, Settings};

/// The problems of settings as JSON: places and codes.
#[track_caller]
fn check(json: &str, want: &[(&str, &str)]) {
    let settings = Settings::parse(json).expect("it has the form");
    let problems = settings.validate(&Options::default());
    let got: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.pointer.as_str(), problem.code)).collect();
    assert_eq!(got, want, "{json}");
}

#[test]
fn llm_02_settings_are_checked() {
    check(r#"{"provider":"openai","api_key":"sk-1"}"#, &[]);
    check(r#"{"provider":"openai"}"#, &[("/api_key", "api_key_missing")]);
    check(r#"{"provider":"openai","api_key":"a b\n"}"#, &[("/api_key", "api_key_invalid")]);
    check(r#"{"provider":"compatible"}"#, &[("/base_url", "base_url_missing")]);
    check(r#"{"provider":"compatible","base_url":"https://llm.example.com/v1"}"#, &[]);
    check(
        r#"{"provider":"compatible","base_url":"http://llm.example.com/v1"}"#,
        &[("/base_url", "scheme_forbidden")],
    );
    for url in
        ["https://127.0.0.1/v1", "https://[::1]/v1", "https://169.254.169.254", "https://0x7f.1"]
    {
        let json = format!(r#"{{"provider":"compatible","base_url":"{url}"}}"#);
        check(&json, &[("/base_url", "address_forbidden")]);
    }
    check(
        r#"{"provider":"anthropic","api_key":"k","api":"responses"}"#,
        &[("/api", "api_unknown")],
    );
    check(
        r#"{"provider":"xai","api_key":"k","headers":{"Authorization":"x","a/b":"1"}}"#,
        &[("/headers/Authorization", "header_reserved"), ("/headers/a~1b", "header_invalid")],
    );
    check(
        r#"{"provider":"xai","api_key":"k","timeouts":{"total_ms":0},"answer_bytes_max":1}"#,
        &[("/timeouts", "timeout_invalid"), ("/answer_bytes_max", "answer_bytes_max")],
    );
}

#[test]
fn a_local_server_needs_the_operators_word() {
    let ollama = Settings::new(Provider::Ollama);
    let codes = |options: &Options| {
        ollama.validate(options).iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&Options::default()), ["scheme_forbidden"]);
    let listed =
        Options { local_servers: vec!["localhost:11434".to_owned()], ..Options::default() };
    assert!(codes(&listed).is_empty());
}

#[test]
fn what_is_wrong_with_the_form_never_quotes_the_key() {
    let problem = Settings::parse(r#"{"provider":"openai","api_key":["sk-secret"]}"#).unwrap_err();
    assert_eq!(problem.code, "settings_invalid");
    assert!(!problem.message.contains("secret"));
    assert!(Settings::parse(r#"{"provider":"openai","extra":1}"#).is_err());
}

#[test]
fn the_stored_form_is_without_the_key_and_reads_back() {
    let settings =
        Settings::parse(r#"{"provider":"openai","api_key":"sk-1","id":"main"}"#).unwrap();
    let json = serde_json::to_string(&settings).unwrap();
    let again = Settings::parse(&json).unwrap();
    assert_eq!(again, Settings { api_key: None, ..settings });
}
