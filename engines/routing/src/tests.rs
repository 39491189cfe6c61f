use proptest::prelude::*;

use super::*;

/// 2026-11-21.
const NOW: i64 = 1_795_219_200_000;

fn registry() -> Registry {
    Registry::builtin()
}

fn settings() -> Settings {
    serde_json::from_str(
        r#"{"roles": {
            "primary": "anthropic/claude-sonnet-5-5", "secondary": "openai/gpt-5.4",
            "premium": "anthropic/claude-opus-5-5", "bulk": "openai/gpt-5.4-nano",
            "reasoning": "openai/gpt-5.5", "live_search": "xai/grok-4.5"
        }}"#,
    )
    .expect("settings")
}

fn health() -> Health {
    ["anthropic", "openai", "xai"].map(|name| (name.to_owned(), Availability::Up)).into()
}

fn wanted() -> Wanted {
    Wanted {
        input_tokens: 10_000,
        output_tokens_max: 1_000,
        level: Level::Moderate,
        ..Wanted::default()
    }
}

/// Who may answer, and who was passed over why, in short words.
#[track_caller]
fn check(wanted: &Wanted, health: &Health, choices: &[&str], skipped: &[&str]) {
    let route = route(&registry(), &settings(), wanted, health, NOW);
    let got: Vec<&str> = route.choices.iter().map(|choice| choice.model.as_str()).collect();
    assert_eq!(got, choices);
    let got: Vec<String> = route
        .skipped
        .iter()
        .map(|skipped| format!("{} {}", skipped.model, skipped.reason.code()))
        .collect();
    assert_eq!(got, skipped);
}

const SONNET: &str = "anthropic/claude-sonnet-5-5";
const OPUS: &str = "anthropic/claude-opus-5-5";
const GPT: &str = "openai/gpt-5.4";
const NANO: &str = "openai/gpt-5.4-nano";

#[test]
fn llm_14_the_builtin_registry_is_sound() {
    let registry = registry();
    assert_eq!(registry.currency(), "USD");
    assert!(registry.models().count() > 15);
    for model in registry.models() {
        let serving = registry.serving(&model.id, NOW).expect("somebody serves");
        assert!(serving.price_at(NOW).is_some(), "{}", serving.id);
    }
    assert!(settings().validate(&registry).is_empty());
}

#[test]
fn llm_11_the_chain_is_primary_secondary_premium_and_bulk_last() {
    check(&wanted(), &health(), &[SONNET, GPT, OPUS, NANO], &[]);
    let named = Wanted { models: vec![OPUS.to_owned(), "x/y".to_owned()], ..wanted() };
    check(&named, &health(), &[OPUS, SONNET, GPT, NANO], &["x/y unknown"]);
}

#[test]
fn llm_10_task_and_priority_choose_the_role() {
    let first = |task, priority| {
        let wanted = Wanted { task: Some(task), priority, ..wanted() };
        let route = route(&registry(), &settings(), &wanted, &health(), NOW);
        route.choices[0].why
    };
    assert_eq!(first(Task::Content, Priority::Quality), Why::Role(Role::Premium));
    assert_eq!(first(Task::Content, Priority::Cost), Why::Role(Role::Bulk));
    assert_eq!(first(Task::Bulk, Priority::Speed), Why::Role(Role::Bulk));
    assert_eq!(first(Task::Reasoning, Priority::Quality), Why::Role(Role::Reasoning));
    assert_eq!(first(Task::ToolUse, Priority::Speed), Why::Role(Role::Primary));
    for priority in [Priority::Quality, Priority::Cost, Priority::Speed] {
        assert_eq!(first(Task::MarketAnalysis, priority), Why::Role(Role::LiveSearch));
    }
    let own = r#"{"table": [{"task": "content", "priority": "quality", "role": "secondary"}]}"#;
    let own: Settings = serde_json::from_str(own).expect("settings");
    assert_eq!(own.role(Task::Content, Priority::Quality), Role::Secondary);
    assert_eq!(own.role(Task::Content, Priority::Speed), Role::Bulk);
}

#[test]
fn llm_16_market_analysis_only_goes_to_models_that_search() {
    let wanted = Wanted { task: Some(Task::MarketAnalysis), ..wanted() };
    let skipped = [SONNET, OPUS, NANO].map(|model| format!("{model} capability"));
    check(&wanted, &health(), &["xai/grok-4.5", GPT], &skipped.each_ref().map(String::as_str));
}

#[test]
fn who_cannot_or_may_not_is_passed_over_with_the_reason() {
    let mut down = health();
    down.remove("openai");
    down.insert("anthropic".to_owned(), Availability::Broken { until_ms: NOW + 1 });
    let skipped = [
        format!("{SONNET} broken"),
        format!("{GPT} not_connected"),
        format!("{OPUS} broken"),
        format!("{NANO} not_connected"),
    ];
    check(&wanted(), &down, &[], &skipped.each_ref().map(String::as_str));
    down.insert("anthropic".to_owned(), Availability::Broken { until_ms: NOW });
    let skipped = [format!("{GPT} not_connected"), format!("{NANO} not_connected")];
    check(&wanted(), &down, &[SONNET, OPUS], &skipped.each_ref().map(String::as_str));
    let long = Wanted { input_tokens: 500_000, ..wanted() };
    let skipped = [format!("{GPT} context"), format!("{NANO} context")];
    check(&long, &health(), &[SONNET, OPUS], &skipped.each_ref().map(String::as_str));
    let tagged = Wanted { compliance: vec!["eu".to_owned()], ..wanted() };
    let skipped = [SONNET, GPT, OPUS, NANO].map(|model| format!("{model} compliance"));
    check(&tagged, &health(), &[], &skipped.each_ref().map(String::as_str));
}

#[test]
fn what_is_left_decides_who_can_be_paid() {
    // 10 000 in and 1 000 out: sonnet 0.035 (cache write), gpt 0.04, opus 0.07, nano 0.00325.
    let with = |left| Wanted { micros_left: Some(left), ..wanted() };
    let skipped = [format!("{OPUS} budget")];
    check(&with(40_000), &health(), &[SONNET, GPT, NANO], &skipped.each_ref().map(String::as_str));
    let skipped = [SONNET, GPT, OPUS].map(|model| format!("{model} budget"));
    check(&with(34_999), &health(), &[NANO], &skipped.each_ref().map(String::as_str));
    let broke = route(&registry(), &settings(), &with(0), &health(), NOW);
    assert!(broke.out_of_budget());
}

#[test]
fn a_retired_model_gives_way_to_its_successor() {
    let registry = registry();
    let before = 1_747_000_000_000;
    let serving = |now| registry.serving("xai/grok-4-0709", now).map(|model| model.id.as_str());
    assert_eq!(serving(before), Some("xai/grok-4-0709"));
    assert_eq!(serving(NOW), Some("xai/grok-4.3"));
    let named = Wanted { models: vec!["xai/grok-4-0709".to_owned()], ..wanted() };
    check(&named, &health(), &["xai/grok-4.3", SONNET, GPT, OPUS, NANO], &[]);
}

#[test]
fn llm_13_costs_are_exact() {
    let registry = registry();
    let price = registry.model(SONNET).and_then(|model| model.price_at(NOW)).expect("a price");
    let cost = |usage| price.cost(&usage);
    let usage = |input, cached_input, cache_write, output, reasoning| Usage {
        input,
        cached_input,
        cache_write,
        output,
        reasoning,
    };
    assert_eq!(cost(usage(1_000_000, 0, 0, 0, 0)), 2_000_000);
    assert_eq!(cost(usage(1, 1, 1, 1, 1)), 25, "24.7 is rounded up once");
    assert_eq!(cost(usage(0, 3, 0, 0, 0)), 1);
    assert_eq!(cost(Usage::default()), 0);
    assert_eq!(cost(usage(u64::MAX, 0, 0, 0, 0)), i64::MAX);
    let haiku = registry.model("anthropic/claude-haiku-5-5").expect("known");
    let price = haiku.price_at(NOW).expect("a price");
    assert_eq!(price.cost(&usage(100_000, 0, 0, 0, 0)), 10_000);
    assert_eq!(price.cost(&usage(100_001, 0, 0, 0, 0)), 50_001);
    assert_eq!(haiku.price_at(1_700_000_000_000), None, "it did not exist");
}

#[test]
fn prices_have_dates() {
    let text = r#"
        [[models]]
        provider = "p"
        name = "m"
        context_tokens = 10
        prices = [
            { to = "2026-01-01", input = 1 },
            { from = "2026-01-01", to = "2026-07-01", input = 2 },
        ]
    "#;
    let registry = Registry::parse_toml(text).expect("valid");
    let model = registry.model("p/m").expect("known");
    let input = |now| model.price_at(now).map(|price| price.rates.input);
    let new_year = 1_767_225_600_000;
    assert_eq!([input(new_year - 1), input(new_year), input(NOW)], [Some(1), Some(2), None]);
}

#[test]
fn documents_say_what_is_wrong() {
    let codes = |text: &str| -> Vec<(String, &str)> {
        let problems = Registry::parse_json(text).expect_err("wrong");
        problems.into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    };
    assert_eq!(codes("{"), [(String::new(), "document_invalid")]);
    let model = |prices: &str, more: &str| {
        format!(
            r#"{{"models": [{{"provider": "p", "name": "m", "context_tokens": 9, "prices": {prices}{more}}}]}}"#
        )
    };
    let at = |place: &str, code| [(place.to_owned(), code)];
    let overlap = r#"[{"to": "2026-02-01"}, {"from": "2026-01-01"}]"#;
    assert_eq!(codes(&model(overlap, "")), at("/models/0/prices/1", "prices_overlap"));
    assert_eq!(codes(&model(r#"[{"input": -1}]"#, "")), at("/models/0/prices/0", "price_negative"));
    let never = r#"[{"from": "2026-02-01", "to": "2026-01-01"}]"#;
    assert_eq!(codes(&model(never, "")), at("/models/0/prices/0", "price_dates"));
    let wrong = codes(&model("[]", r#", "retires": "soon", "successor": "p/x""#));
    assert_eq!(
        wrong,
        [
            ("/models/0/retires".to_owned(), "date_invalid"),
            ("/models".to_owned(), "successor_unknown")
        ]
    );
}

#[test]
fn an_operators_registry_lies_over_the_builtin_one() {
    let own =
        r#"{"models": [{"provider": "local", "name": "m", "context_tokens": 9, "prices": [{}]}]}"#;
    let both =
        registry().overlaid(&Registry::parse_json(own).expect("valid")).expect("one currency");
    assert!(both.model("local/m").is_some() && both.model(SONNET).is_some());
    let euro = Registry::parse_json(r#"{"currency": "EUR", "models": []}"#).expect("valid");
    assert_eq!(registry().overlaid(&euro).expect_err("two")[0].code, "currency_differs");
}

#[test]
fn llm_12_harder_requests_go_to_better_models() {
    let level =
        |text: &str, intents| complexity(&Shape { text, intents, ..Shape::default() }).level;
    assert_eq!(level("Hi!", 1), Level::Simple);
    assert_eq!(level("What are your opening hours?", 1), Level::Simple);
    let hard = "Compare plan A versus plan B, explain why one is cheaper, and calculate the savings. \
                Which would you recommend? And what if I cancel? How long is notice?";
    assert_eq!(level(hard, 3), Level::Complex);
    let settings = settings();
    let role = |priority, level| settings.role_for(Task::Conversation, priority, level);
    assert_eq!(role(Priority::Cost, Level::Simple), Role::Bulk);
    assert_eq!(role(Priority::Quality, Level::Simple), Role::Primary);
    assert_eq!(role(Priority::Quality, Level::Complex), Role::Reasoning);
    assert_eq!(role(Priority::Cost, Level::Complex), Role::Primary);
}

#[test]
fn a_breaker_opens_probes_and_closes() {
    let settings = BreakerSettings::default();
    let mut breaker = Breaker::default();
    for at in 0..5 {
        assert_eq!(breaker.begin(&settings, at), Verdict::Allow);
        breaker.failed(&settings, at, Class::Overloaded, None);
    }
    assert_eq!(breaker.begin(&settings, 4), Verdict::Refuse { until_ms: 15_004 });
    assert_eq!(breaker.begin(&settings, 15_004), Verdict::Probe);
    assert_eq!(breaker.begin(&settings, 15_004), Verdict::Refuse { until_ms: 15_004 });
    breaker.failed(&settings, 15_010, Class::Server, None);
    assert_eq!(breaker.verdict(&settings, 15_010), Verdict::Refuse { until_ms: 45_010 });
    assert_eq!(breaker.begin(&settings, 45_010), Verdict::Probe);
    breaker.succeeded(&settings);
    assert_eq!((breaker.begin(&settings, 45_011), breaker.as_str()), (Verdict::Probe, "half_open"));
    breaker.succeeded(&settings);
    assert_eq!(breaker, Breaker::default());
}

#[test]
fn one_failure_that_lasts_is_enough_and_bad_requests_are_none() {
    let settings = BreakerSettings::default();
    let after = |class, retry_after_ms| {
        let mut breaker = Breaker::default();
        breaker.failed(&settings, 0, class, retry_after_ms);
        breaker.verdict(&settings, 0)
    };
    assert_eq!(after(Class::Auth, None), Verdict::Refuse { until_ms: 15_000 });
    assert_eq!(after(Class::QuotaExhausted, Some(60_000)), Verdict::Refuse { until_ms: 60_000 });
    let mut breaker = Breaker::default();
    for at in 0..20 {
        breaker.failed(&settings, at, Class::Invalid, None);
    }
    assert_eq!(breaker.verdict(&settings, 20), Verdict::Allow);
}

#[test]
fn llm_09_retries_depend_on_the_class() {
    let settings = Retry::default();
    let after = |class, attempt, asked| next(&settings, class, attempt, asked, u64::MAX);
    assert!(matches!(after(Class::Overloaded, 1, None), Next::Again { after_ms: 250..=500 }));
    assert!(matches!(after(Class::Server, 2, None), Next::Again { after_ms: 500..=1_000 }));
    assert_eq!(after(Class::RateLimited, 1, Some(7_000)), Next::Again { after_ms: 7_000 });
    assert_eq!(after(Class::RateLimited, 1, Some(60_000)), Next::Fallback);
    assert_eq!(after(Class::Overloaded, 3, None), Next::Fallback);
    for class in [Class::Auth, Class::QuotaExhausted, Class::ContextTooLong, Class::ModelMissing] {
        assert_eq!(after(class, 1, None), Next::Fallback);
    }
    for class in [Class::Invalid, Class::ContentFilter] {
        assert_eq!(after(class, 1, None), Next::Stop);
    }
}

fn rates() -> impl Strategy<Value = Rates> {
    let rate = || 0_i64..100_000_000;
    let maybe = || prop::option::of(0_i64..100_000_000);
    (rate(), maybe(), maybe(), rate(), maybe()).prop_map(
        |(input, cached_input, cache_write, output, reasoning)| Rates {
            input,
            cached_input,
            cache_write,
            output,
            reasoning,
        },
    )
}

fn prices() -> impl Strategy<Value = Price> {
    (rates(), prop::option::of((0_u64..200_000, rates())), 0_i64..10_000)
        .prop_map(|(rates, long, per_call)| Price { rates, long, per_call, ..Price::default() })
}

fn usages() -> impl Strategy<Value = Usage> {
    let count = || 0_u64..150_000;
    (count(), count(), count(), count(), count()).prop_map(
        |(input, cached_input, cache_write, output, reasoning)| Usage {
            input,
            cached_input,
            cache_write,
            output,
            reasoning,
        },
    )
}

proptest! {
    #[test]
    fn what_is_reserved_covers_what_is_settled(
        price in prices(), usage in usages(), more_in in 0_u64..1_000, more_out in 0_u64..1_000,
    ) {
        let bound = price.upper_bound(usage.total_input() + more_in, usage.total_output() + more_out);
        prop_assert!(price.cost(&usage) <= bound);
    }

    #[test]
    fn rounding_costs_less_than_one_micro_unit_a_call(rates in rates(), one in usages(), other in usages()) {
        let price = Price { rates, ..Price::default() };
        let apart = price.cost(&one) + price.cost(&other);
        let together = price.cost(&one.plus(&other));
        prop_assert!((0..=1).contains(&(apart - together)));
    }

    #[test]
    fn every_choice_can_be_paid_and_none_comes_twice(
        left in prop::option::of(0_i64..200_000), input in 0_u64..1_200_000, output in 1_u64..20_000,
        tools: bool, vision: bool, live_search: bool, down: [bool; 3],
    ) {
        let mut health = health();
        for (down, name) in down.into_iter().zip(["anthropic", "openai", "xai"]) {
            if down {
                health.remove(name);
            }
        }
        let wanted = Wanted {
            micros_left: left, input_tokens: input, output_tokens_max: output, tools, vision,
            live_search, ..Wanted::default()
        };
        let registry = registry();
        let route = route(&registry, &settings(), &wanted, &health, NOW);
        for (place, choice) in route.choices.iter().enumerate() {
            let model = registry.model(&choice.model).expect("known");
            prop_assert!(left.is_none_or(|left| choice.reserve_micros <= left));
            prop_assert!(input + choice.output_tokens_max <= model.context_tokens);
            prop_assert!(health.contains_key(&choice.provider));
            prop_assert!((model.tools || !tools) && (model.vision || !vision));
            prop_assert!(model.live_search || !live_search);
            prop_assert!(route.choices[..place].iter().all(|other| other.model != choice.model));
            prop_assert!(route.skipped.iter().all(|skipped| skipped.model != choice.model));
        }
    }

    #[test]
    fn an_open_breaker_lets_only_probes_through(steps in prop::collection::vec((0_u8..5, 0_i64..20_000), 0..80)) {
        let settings = BreakerSettings::default();
        let mut breaker = Breaker::default();
        let (mut now, mut probes, mut open_until) = (0, 0_u32, None);
        for (step, wait) in steps {
            now += wait;
            match step {
                0 | 1 => match breaker.begin(&settings, now) {
                    Verdict::Allow => prop_assert_eq!(breaker.as_str(), "closed"),
                    Verdict::Probe => {
                        probes += 1;
                        prop_assert!(open_until.is_none_or(|until| now >= until));
                        prop_assert!(probes <= settings.probes);
                    }
                    Verdict::Refuse { .. } => prop_assert_ne!(breaker.as_str(), "closed"),
                },
                2 => { breaker.succeeded(&settings); probes = probes.saturating_sub(1); }
                3 => { breaker.failed(&settings, now, Class::Server, None); }
                _ => { breaker.abandoned(); probes = probes.saturating_sub(1); }
            }
            if breaker.as_str() == "open" {
                probes = 0;
                if let Verdict::Refuse { until_ms } = breaker.verdict(&settings, now) {
                    open_until = Some(until_ms);
                }
            } else if breaker.as_str() == "closed" {
                (probes, open_until) = (0, None);
            }
        }
    }

    #[test]
    fn waits_are_bounded_and_never_shorter_than_asked(
        place in 0..Class::ALL.len(), attempt in 1_u32..100, asked in prop::option::of(0_i64..100_000),
        jitter: u64, again_if_charged: bool,
    ) {
        let settings = Retry { again_if_charged, ..Retry::default() };
        let class = Class::ALL[place];
        if let Next::Again { after_ms } = next(&settings, class, attempt, asked, jitter) {
            prop_assert!(attempt < settings.attempts_max && after_ms <= settings.wait_ms_max);
            prop_assert!(asked.is_none_or(|asked| after_ms >= asked));
            prop_assert!(again_if_charged || !class.may_be_charged());
        }
    }

    #[test]
    fn complexity_is_bounded_and_grows_with_its_parts(text in "[a-z? ]{0,200}", intents in 0_u32..9, tools in 0_u32..9) {
        let shape = Shape { text: &text, intents, tools, ..Shape::default() };
        let score = complexity(&shape).score;
        prop_assert!(score <= 100);
        let more = Shape { intents: intents + 1, tools: tools + 1, sources: 3, images: true, ..shape };
        prop_assert!(complexity(&more).score >= score);
    }
}
