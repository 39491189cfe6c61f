//! What a configuration must be like.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::problem::codes;
use crate::{AssistantConfig, BusinessHours, DisclaimerWhen, Field, Handling, Intent, Problem};

/// Longest configuration, in bytes of JSON.
pub const CONFIG_BYTES_MAX: usize = 64 << 10;

const NAME_CHARS: usize = 60;
const TEXT_CHARS: usize = 4_000;
const LINE_CHARS: usize = 500;
const INTENTS: usize = 100;
const EXAMPLES: usize = 50;
const LIST: usize = 100;
const FIELDS: usize = 20;

impl AssistantConfig {
    /// Reads a configuration and checks it.
    ///
    /// # Errors
    /// All problems, each with its place in the document.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        if text.len() > CONFIG_BYTES_MAX {
            let message = format!("a configuration has at most {CONFIG_BYTES_MAX} bytes");
            return Err(vec![Problem::new("", codes::TOO_LARGE, message)]);
        }
        let document: Value = serde_json::from_str(text)
            .map_err(|error| vec![Problem::new("", codes::INVALID_JSON, error.to_string())])?;
        let Value::Object(members) = &document else {
            return Err(vec![Problem::new("", codes::INVALID_JSON, "expected an object")]);
        };
        match serde_json::from_value::<Self>(document.clone()) {
            Ok(config) => {
                let problems = config.validate();
                if problems.is_empty() { Ok(config) } else { Err(problems) }
            }
            Err(_) => Err(members.iter().filter_map(|(key, value)| shape(key, value)).collect()),
        }
    }

    /// The canonical JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts, numbers, lists and maps with text keys always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Everything that is wrong with it.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut check = Check::default();
        check.text("/name", &self.name, 1, NAME_CHARS);
        check.text("/persona", &self.persona, 0, TEXT_CHARS);
        check.text("/tone", &self.tone, 0, LINE_CHARS);
        check.word("/models/default", &self.models.default);
        check.word("/models/fallback", &self.models.fallback);
        check.lines("/restrictions", &self.restrictions, LIST, LINE_CHARS);
        check.lines("/topics", &self.topics, LIST, NAME_CHARS);
        check.disclaimers(self);
        check.numbers(self);
        check.intents(&self.intents);
        check.handoff(self);
        if let Some(hours) = &self.business_hours {
            check.hours(hours);
        }
        check.languages(self);
        if !self.disclosure.enabled
            && self.disclosure.reason.as_deref().is_none_or(|reason| reason.trim().is_empty())
        {
            check.add(
                "/disclosure/reason",
                codes::REASON_MISSING,
                "people must be told that they talk to a machine (EU AI Act, Art. 50) unless it is \
                 obvious; say why it is here",
            );
        }
        check.widget(self);
        check.problems
    }
}

/// What is wrong with the shape of one member, read on its own.
fn shape(key: &str, value: &Value) -> Option<Problem> {
    let alone = Value::Object([(key.to_owned(), value.clone())].into_iter().collect());
    let error = serde_json::from_value::<AssistantConfig>(alone).err()?;
    let escaped = key.replace('~', "~0").replace('/', "~1");
    Some(Problem::new(format!("/{escaped}"), codes::WRONG_SHAPE, error.to_string()))
}

#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
}

impl Check {
    fn add(&mut self, at: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.problems.push(Problem::new(at, code, message));
    }

    fn text(&mut self, at: &str, text: &str, from: usize, to: usize) {
        let length = text.trim().chars().count();
        let odd = text.chars().any(|char| char.is_control() && char != '\n' && char != '\t');
        if length < from || length > to || odd {
            let message = format!("expected {from} to {to} characters without control characters");
            self.add(at, codes::INVALID_TEXT, message);
        }
    }

    /// A name that programs use.
    fn word(&mut self, at: &str, word: &str) {
        let sound = word.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
        });
        if !sound || word.is_empty() || word.len() > NAME_CHARS {
            let message = "expected 1 to 60 lower-case letters, digits, hyphens and underscores";
            self.add(at, codes::INVALID_TEXT, message);
        }
    }

    fn count(&mut self, at: &str, count: usize, max: usize) {
        if count > max {
            self.add(at, codes::WRONG_LENGTH, format!("expected at most {max} items, not {count}"));
        }
    }

    fn lines(&mut self, at: &str, lines: &[String], count: usize, chars: usize) {
        self.count(at, lines.len(), count);
        for (index, line) in lines.iter().enumerate() {
            self.text(&format!("{at}/{index}"), line, 1, chars);
        }
    }

    fn range(&mut self, at: &str, value: f64, from: f64, to: f64) {
        if !(from..=to).contains(&value) {
            let message = format!("expected a number from {from} to {to}");
            self.add(at, codes::NUMBER_OUT_OF_RANGE, message);
        }
    }

    fn language(&mut self, at: &str, language: &str) {
        let sound =
            (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
        if !sound {
            let message = "expected a language of two or three lower-case letters, such as \"en\"";
            self.add(at, codes::INVALID_VALUE, message);
        }
    }

    fn translations(&mut self, at: &str, texts: &BTreeMap<String, String>) {
        for (language, text) in texts {
            let at = format!("{at}/{language}");
            self.language(&at, language);
            self.text(&at, text, 1, LINE_CHARS);
        }
    }

    fn disclaimers(&mut self, config: &AssistantConfig) {
        self.count("/disclaimers", config.disclaimers.len(), 20);
        for (index, disclaimer) in config.disclaimers.iter().enumerate() {
            let at = format!("/disclaimers/{index}");
            self.text(&format!("{at}/text"), &disclaimer.text, 1, LINE_CHARS);
            self.translations(&format!("{at}/languages"), &disclaimer.languages);
            if disclaimer.when == DisclaimerWhen::Intents {
                for (number, name) in disclaimer.intents.iter().enumerate() {
                    self.known(&format!("{at}/intents/{number}"), name, &config.intents);
                }
            }
        }
    }

    fn known(&mut self, at: &str, name: &str, intents: &[Intent]) {
        if !intents.iter().any(|intent| intent.name == name) {
            self.add(at, codes::UNKNOWN_NAME, format!("there is no intent \"{name}\""));
        }
    }

    fn numbers(&mut self, config: &AssistantConfig) {
        let thresholds = config.thresholds;
        self.range("/thresholds/answer", thresholds.answer, 0.0, 1.0);
        self.range("/thresholds/handoff", thresholds.handoff, 0.0, 1.0);
        if thresholds.handoff > thresholds.answer {
            let message = "the threshold for handing over is not above the one for answering";
            self.add("/thresholds", codes::INVALID_RANGE, message);
        }
        let burst = config.burst;
        self.range("/burst/quiet_ms", f64::from(burst.quiet_ms), 0.0, 60_000.0);
        self.range("/burst/max_wait_ms", f64::from(burst.max_wait_ms), 0.0, 300_000.0);
        self.range("/burst/restarts_max", f64::from(burst.restarts_max), 0.0, 20.0);
        if burst.max_wait_ms < burst.quiet_ms {
            let message = "the longest wait is not shorter than the silence";
            self.add("/burst", codes::INVALID_RANGE, message);
        }
        self.range("/turns/attempts", f64::from(config.turns.attempts), 1.0, 10.0);
        self.range(
            "/turns/patience_ms",
            f64::from(config.turns.patience_ms),
            10_000.0,
            3_600_000.0,
        );
        let minutes = f64::from(config.memory.expire_minutes);
        self.range("/memory/expire_minutes", minutes, 1.0, 525_600.0);
        self.range("/memory/summary_every", f64::from(config.memory.summary_every), 2.0, 40.0);
        let retention = config.retention;
        self.range(
            "/retention/transcript_days",
            f64::from(retention.transcript_days),
            1.0,
            3_650.0,
        );
        self.range("/retention/trace_days", f64::from(retention.trace_days), 0.0, 3_650.0);
        self.range("/rollout/percent", f64::from(config.rollout.percent), 0.0, 100.0);
        self.text("/rollout/seed", &config.rollout.seed, 0, NAME_CHARS);
    }

    fn intents(&mut self, intents: &[Intent]) {
        self.count("/intents", intents.len(), INTENTS);
        let mut names = BTreeSet::new();
        for (index, intent) in intents.iter().enumerate() {
            let at = format!("/intents/{index}");
            self.word(&format!("{at}/name"), &intent.name);
            if !names.insert(intent.name.as_str()) {
                self.add(format!("{at}/name"), codes::DUPLICATE_NAME, "the name is used before");
            }
            self.text(&format!("{at}/description"), &intent.description, 0, LINE_CHARS);
            self.lines(&format!("{at}/examples"), &intent.examples, EXAMPLES, LINE_CHARS);
            for (number, name) in intent.after.iter().enumerate() {
                self.known(&format!("{at}/after/{number}"), name, intents);
            }
            if leads_back(&intent.name, intents) {
                let message = "it would have to be dealt with before itself";
                self.add(format!("{at}/after"), codes::CIRCLE, message);
            }
            match &intent.handling {
                Handling::Answer | Handling::Handoff => {}
                Handling::Collect { fields, then: _ } => self.fields(&at, fields),
            }
        }
    }

    fn fields(&mut self, intent: &str, fields: &[Field]) {
        let at = format!("{intent}/handling/collect/fields");
        self.count(&at, fields.len(), FIELDS);
        if fields.is_empty() {
            self.add(&at, codes::WRONG_LENGTH, "expected at least one field");
        }
        let mut names = BTreeSet::new();
        for (index, field) in fields.iter().enumerate() {
            self.word(&format!("{at}/{index}/name"), &field.name);
            if !names.insert(field.name.as_str()) {
                let at = format!("{at}/{index}/name");
                self.add(at, codes::DUPLICATE_NAME, "the name is used before");
            }
            self.text(&format!("{at}/{index}/prompt"), &field.prompt, 1, LINE_CHARS);
            self.translations(&format!("{at}/{index}/languages"), &field.languages);
        }
    }

    fn handoff(&mut self, config: &AssistantConfig) {
        let rules = &config.handoff;
        self.lines("/handoff/topics", &rules.topics, LIST, LINE_CHARS);
        self.range("/handoff/sentiment_below", rules.sentiment_below, -1.0, 1.0);
        self.range("/handoff/sla_minutes", f64::from(rules.sla_minutes), 0.0, 43_200.0);
        for (language, phrases) in &rules.wishes {
            let at = format!("/handoff/wishes/{language}");
            self.language(&at, language);
            self.lines(&at, phrases, LIST, LINE_CHARS);
        }
    }

    fn hours(&mut self, hours: &BusinessHours) {
        if crate::hours::zone(&hours.zone).is_none() {
            let message = "expected an IANA time zone, such as \"Europe/Berlin\"";
            self.add("/business_hours/zone", codes::UNKNOWN_ZONE, message);
        }
        self.count("/business_hours/weekly", hours.weekly.len(), LIST);
        for (index, opening) in hours.weekly.iter().enumerate() {
            if opening.span().is_none() {
                let message = "expected \"from\" and \"to\" as hh:mm, the first before the second";
                let at = format!("/business_hours/weekly/{index}");
                self.add(at, codes::INVALID_RANGE, message);
            }
        }
        self.count("/business_hours/closed", hours.closed.len(), 366);
        for (index, date) in hours.closed.iter().enumerate() {
            if date.parse::<jiff::civil::Date>().is_err() {
                let at = format!("/business_hours/closed/{index}");
                self.add(at, codes::INVALID_VALUE, "expected a date as yyyy-mm-dd");
            }
        }
    }

    fn languages(&mut self, config: &AssistantConfig) {
        let languages = &config.languages;
        self.language("/languages/default", &languages.default);
        self.count("/languages/supported", languages.supported.len(), LIST);
        for (index, language) in languages.supported.iter().enumerate() {
            self.language(&format!("/languages/supported/{index}"), language);
        }
        if !languages.supported.is_empty() && !languages.supported.contains(&languages.default) {
            let message = "the default language is one of the supported ones";
            self.add("/languages/default", codes::UNKNOWN_NAME, message);
        }
        for (language, texts) in &config.texts {
            self.language(&format!("/texts/{language}"), language);
            for (name, text) in texts.given() {
                self.text(&format!("/texts/{language}/{name}"), text, 1, LINE_CHARS);
            }
        }
    }

    fn widget(&mut self, config: &AssistantConfig) {
        let widget = &config.widget;
        self.text("/widget/title", &widget.title, 0, NAME_CHARS);
        self.text("/widget/greeting", &widget.greeting, 0, LINE_CHARS);
        for (at, color) in
            [("/widget/color", &widget.color), ("/widget/text_color", &widget.text_color)]
        {
            let digits = color.strip_prefix('#').unwrap_or_default();
            if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                self.add(at, codes::INVALID_VALUE, "expected a colour such as \"#1f4fd8\"");
            }
        }
        if let Some(url) = &widget.logo_url {
            let sound = url.starts_with("https://")
                && url.len() <= LINE_CHARS
                && !url.chars().any(|char| char.is_whitespace() || "\"'<>".contains(char));
            if !sound {
                self.add("/widget/logo_url", codes::INVALID_VALUE, "expected an https address");
            }
        }
    }
}

/// Whether what must come before an intent includes itself.
fn leads_back(name: &str, intents: &[Intent]) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        let named = intents.iter().filter(|intent| intent.name == next);
        for before in named.flat_map(|intent| &intent.after) {
            if before == name {
                return true;
            }
            if seen.insert(before.as_str()) {
                open.push(before);
            }
        }
    }
    false
}
