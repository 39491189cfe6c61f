//! How pressing a message is, by its words.

use serde::{Deserialize, Serialize};

/// How pressing, and by which signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Urgency {
    /// 0 (no sign of hurry) to 1.
    pub score: f32,
    /// Names of the signs, for the trace.
    pub signals: Vec<String>,
}

/// Name, weight, words or phrases (lower case).
const SIGNS: &[(&str, f32, &[&str])] = &[
    (
        "safety",
        0.9,
        &[
            "emergency",
            "suicide",
            "kill myself",
            "ambulance",
            "on fire",
            "smoke coming",
            "electric shock",
            "allergic reaction",
            "injured",
            "notfall",
            "brennt",
            "emergencia",
            "urgence médicale",
            "emergenza",
            "emergência",
            "noodgeval",
        ],
    ),
    (
        "fraud",
        0.75,
        &[
            "stolen",
            "hacked",
            "fraud",
            "fraudulent",
            "unauthorized",
            "unauthorised",
            "scam",
            "scammed",
            "didn't make this",
            "compromised",
            "someone used my",
            "identity theft",
            "gestohlen",
            "betrug",
            "gehackt",
            "robado",
            "robada",
            "robaron",
            "fraude",
            "hackeado",
            "hackearon",
            "volé",
            "volée",
            "piraté",
            "rubato",
            "rubata",
            "truffa",
            "roubado",
            "roubada",
            "gestolen",
            "oplichting",
            "украли",
            "мошенн",
            "skradzion",
            "oszust",
            "çalındı",
        ],
    ),
    (
        "hurry",
        0.6,
        &[
            "urgent",
            "urgently",
            "asap",
            "a.s.a.p",
            "immediately",
            "right now",
            "right away",
            "as soon as possible",
            "at once",
            "can't wait",
            "cannot wait",
            "hurry",
            "dringend",
            "sofort",
            "umgehend",
            "so schnell wie möglich",
            "eilig",
            "urgente",
            "inmediatamente",
            "cuanto antes",
            "ahora mismo",
            "ya mismo",
            "immédiatement",
            "tout de suite",
            "dès que possible",
            "subito",
            "immediatamente",
            "il prima possibile",
            "imediatamente",
            "o mais rápido",
            "dringende",
            "onmiddellijk",
            "zo snel mogelijk",
            "срочно",
            "немедленно",
            "pilne",
            "natychmiast",
            "acil",
            "hemen",
            "omedelbart",
            "brådskande",
        ],
    ),
    (
        "deadline",
        0.35,
        &[
            "today",
            "tonight",
            "by tomorrow",
            "this morning",
            "this afternoon",
            "within the hour",
            "in an hour",
            "last chance",
            "deadline",
            "my flight",
            "heute noch",
            "bis morgen",
            "hoy mismo",
            "aujourd'hui",
            "oggi",
            "hoje",
            "vandaag",
            "сегодня",
        ],
    ),
    (
        "threat",
        0.5,
        &[
            "lawyer",
            "legal action",
            "sue you",
            "report you",
            "police",
            "chargeback",
            "consumer protection",
            "anwalt",
            "anzeige",
            "polizei",
            "abogado",
            "denuncia",
            "policía",
            "avocat",
            "plainte",
            "avvocato",
            "advogado",
            "advocaat",
            "адвокат",
        ],
    ),
    (
        "blocked",
        0.35,
        &[
            "locked out",
            "can't log in",
            "cannot log in",
            "can't access",
            "doesn't work at all",
            "not working",
            "is down",
            "charged twice",
            "double charged",
            "still waiting",
            "third time",
            "for weeks",
            "geht nicht",
            "funktioniert nicht",
            "no funciona",
            "ne marche pas",
            "non funziona",
            "não funciona",
            "werkt niet",
            "не работает",
            "nie działa",
            "çalışmıyor",
        ],
    ),
];

/// Words that say the opposite: "no rush".
const CALM: &[&str] = &[
    "no rush",
    "not urgent",
    "no hurry",
    "whenever you",
    "when you have time",
    "take your time",
    "keine eile",
    "nicht dringend",
    "sin prisa",
    "no es urgente",
    "pas urgent",
    "pas pressé",
    "senza fretta",
    "non è urgente",
    "sem pressa",
    "geen haast",
];

/// How pressing a message sounds. Signs add up without ever passing one.
#[must_use]
pub fn urgency(text: &str) -> Urgency {
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    if CALM.iter().any(|phrase| lower.contains(phrase)) {
        return Urgency { score: 0.0, signals: vec!["calm".to_owned()] };
    }
    let mut left = 1.0_f32;
    let mut signals = Vec::new();
    let mut note = |name: &str, weight: f32| {
        left *= 1.0 - weight;
        signals.push(name.to_owned());
    };
    for (name, weight, phrases) in SIGNS {
        if phrases.iter().any(|phrase| says(&lower, phrase)) {
            note(name, *weight);
        }
    }
    if text.matches('!').count() >= 2 {
        note("exclamation", 0.15);
    }
    if shouts(text) {
        note("capitals", 0.2);
    }
    Urgency { score: 1.0 - left, signals }
}

/// Whether a phrase occurs from the beginning of a word on.
fn says(lower: &str, phrase: &str) -> bool {
    lower.match_indices(phrase).any(|(at, _)| {
        let before = lower[..at].chars().next_back();
        let after = lower[at + phrase.len()..].chars().next();
        // Stems of inflected languages may go on; short words may not.
        let ends = !phrase.is_ascii() || after.is_none_or(|c| !c.is_alphanumeric());
        before.is_none_or(|c| !c.is_alphanumeric()) && ends
    })
}

/// Most of a message of several words is in capitals.
fn shouts(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let upper = text.chars().filter(|c| c.is_uppercase()).count();
    letters >= 12 && upper * 10 >= letters * 7
}
