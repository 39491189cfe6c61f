//! What a new tenant's assistant is like (CNV-05).

use std::collections::BTreeMap;

use crate::{
    AssistantConfig, Burst, Disclosure, Features, HandoffRules, Languages, MemoryRules, Models,
    Otherwise, Position, Rating, Retention, Rollout, Thresholds, Turns, Widget,
};

impl Default for AssistantConfig {
    fn default() -> Self {
        Self {
            name: "Assistant".to_owned(),
            persona: "You help the customers of this company with their questions about it, its \
                      products and its services."
                .to_owned(),
            tone: "friendly, clear and brief".to_owned(),
            models: Models::default(),
            restrictions: Vec::new(),
            disclaimers: Vec::new(),
            thresholds: Thresholds::default(),
            features: Features::default(),
            intents: Vec::new(),
            handoff: HandoffRules::default(),
            business_hours: None,
            languages: Languages::default(),
            disclosure: Disclosure::default(),
            rollout: Rollout::default(),
            burst: Burst::default(),
            turns: Turns::default(),
            memory: MemoryRules::default(),
            rating: Rating::default(),
            topics: Vec::new(),
            widget: Widget::default(),
            retention: Retention::default(),
            texts: BTreeMap::new(),
        }
    }
}

impl Default for Models {
    fn default() -> Self {
        Self { default: "primary".to_owned(), fallback: "secondary".to_owned() }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { answer: 0.5, handoff: 0.15 }
    }
}

impl Default for Features {
    fn default() -> Self {
        Self {
            suggestions: true,
            spelling: true,
            rich: true,
            memory: true,
            generation: true,
            sources: true,
            cached_answers: true,
        }
    }
}

impl Default for HandoffRules {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            low_confidence_turns: 3,
            sentiment_below: -0.5,
            wishes: BTreeMap::new(),
            sla_minutes: 15,
        }
    }
}

impl Default for Languages {
    fn default() -> Self {
        Self { default: "en".to_owned(), supported: Vec::new() }
    }
}

impl Default for Disclosure {
    fn default() -> Self {
        Self { enabled: true, reason: None }
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self { percent: 100, seed: String::new(), otherwise: Otherwise::Extractive }
    }
}

impl Default for Burst {
    fn default() -> Self {
        Self { quiet_ms: 2_500, max_wait_ms: 15_000, restarts_max: 3 }
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self { attempts: 3, patience_ms: 180_000 }
    }
}

impl Default for MemoryRules {
    fn default() -> Self {
        Self { expire_minutes: 30, summary_every: 20 }
    }
}

impl Default for Widget {
    fn default() -> Self {
        Self {
            title: String::new(),
            greeting: String::new(),
            color: "#1f4fd8".to_owned(),
            text_color: "#ffffff".to_owned(),
            position: Position::BottomRight,
            logo_url: None,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { transcript_days: 365, trace_days: 30 }
    }
}
