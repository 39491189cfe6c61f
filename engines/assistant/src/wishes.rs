//! What customers say that the house understands without a model: the wish for a human, that
//! something was forgotten, that messages should stop. Whole words, any case, in several languages.

use crate::AssistantConfig;

/// Phrases by which people ask for a human.
const HUMAN: &[&str] = &[
    // English
    "talk to a human",
    "speak to a human",
    "talk to a person",
    "speak to a person",
    "talk to a real person",
    "speak to a real person",
    "speak with a human",
    "talk with a human",
    "speak with a person",
    "talk to someone",
    "speak to someone",
    "speak with someone",
    "talk to an agent",
    "speak to an agent",
    "speak with an agent",
    "live agent",
    "human agent",
    "real human",
    "real person",
    "human please",
    "agent please",
    "talk to a representative",
    "speak to a representative",
    "customer service representative",
    "talk to your manager",
    "speak to a manager",
    "talk to a manager",
    "connect me to",
    "connect me with",
    "want a human",
    "need a human",
    "get me a human",
    // German
    "mit einem menschen",
    "mit einem mitarbeiter",
    "mit einer mitarbeiterin",
    "echter mensch",
    "echten menschen",
    "richtigen menschen",
    "menschen sprechen",
    "mitarbeiter sprechen",
    "mit jemandem sprechen",
    "kundenberater sprechen",
    // French
    "parler à un humain",
    "parler à une personne",
    "parler à quelqu'un",
    "parler à un conseiller",
    "parler avec un humain",
    "un vrai humain",
    "une vraie personne",
    "un conseiller humain",
    // Spanish
    "hablar con una persona",
    "hablar con un humano",
    "hablar con alguien",
    "hablar con un agente",
    "persona real",
    "agente humano",
    // Italian
    "parlare con una persona",
    "parlare con un umano",
    "parlare con qualcuno",
    "parlare con un operatore",
    "operatore umano",
    "persona vera",
    // Dutch
    "met een mens",
    "met een medewerker",
    "iemand spreken",
    "echt persoon",
    "echte medewerker",
    // Portuguese
    "falar com uma pessoa",
    "falar com um humano",
    "falar com alguém",
    "falar com um atendente",
    "atendente humano",
    "pessoa real",
];

/// Phrases by which people say that a question was overlooked.
const FORGOTTEN: &[&str] = &[
    "did you forget",
    "have you forgotten",
    "you forgot",
    "you didn't answer",
    "you did not answer",
    "you haven't answered",
    "you have not answered",
    "you never answered",
    "still waiting for an answer",
    "what about my question",
    "what about my other question",
    "you ignored my question",
    "you skipped my question",
    "you missed my question",
    "my earlier question",
    "my first question",
    "hast du vergessen",
    "haben sie vergessen",
    "du hast vergessen",
    "sie haben vergessen",
    "nicht beantwortet",
    "meine andere frage",
    "meine erste frage",
    "was ist mit meiner frage",
    "avez-vous oublié",
    "vous avez oublié",
    "tu as oublié",
    "vous n'avez pas répondu",
    "et ma question",
    "olvidaste",
    "te olvidaste",
    "se olvidó",
    "se ha olvidado",
    "no me respondiste",
    "no ha respondido",
    "mi otra pregunta",
    "hai dimenticato",
    "ha dimenticato",
    "non ha risposto",
    "non hai risposto",
    "ben je vergeten",
    "bent u vergeten",
    "u bent vergeten",
    "niet beantwoord",
    "esqueceu",
    "esqueceste",
    "não respondeu",
    "minha outra pergunta",
];

/// Words that take a wish back when they stand shortly before it.
const NEGATIONS: &[&str] = &[
    "not", "don't", "dont", "never", "no", "nicht", "kein", "keinen", "pas", "non", "niet", "não",
    "without", "ohne", "sans", "sin", "senza", "zonder", "sem",
];

/// How many words before a phrase a negation counts.
const NEGATION_REACH: usize = 4;

/// Messages that consist of nothing else stop messages.
const STOP: &[&str] = &[
    "stop",
    "stopall",
    "stop all",
    "unsubscribe",
    "opt out",
    "optout",
    "opt-out",
    "revoke",
    "abmelden",
    "abbestellen",
    "stopp",
    "désabonner",
    "se désabonner",
    "arrêt",
    "baja",
    "darse de baja",
    "alto",
    "disiscriviti",
    "annulla iscrizione",
    "afmelden",
    "uitschrijven",
    "cancelar inscrição",
    "sair",
];

/// Messages that consist of nothing else allow them again.
const START: &[&str] = &[
    "start",
    "unstop",
    "subscribe",
    "opt in",
    "opt-in",
    "optin",
    "anmelden",
    "s'abonner",
    "aanmelden",
];

/// Whether the customer asks for a human, in the built-in phrases or the tenant's.
#[must_use]
pub fn asks_for_human(text: &str, config: &AssistantConfig) -> bool {
    let words = words(text);
    let own = config.handoff.wishes.values().flatten().map(String::as_str);
    HUMAN.iter().copied().chain(own).any(|phrase| wished(&words, phrase))
}

/// Whether the customer says that something was overlooked.
#[must_use]
pub fn says_forgotten(text: &str) -> bool {
    let words = words(text);
    FORGOTTEN.iter().any(|phrase| places(&words, phrase).next().is_some())
}

/// The tenant's handoff topic that the text touches, if any.
#[must_use]
pub fn topic_of<'a>(text: &str, config: &'a AssistantConfig) -> Option<&'a str> {
    let words = words(text);
    let mut topics = config.handoff.topics.iter();
    topics.find(|topic| places(&words, topic).next().is_some()).map(String::as_str)
}

/// Whether the text is nothing but a word that stops messages (`Some(true)`) or allows them again
/// (`Some(false)`).
#[must_use]
pub fn consent_word(text: &str) -> Option<bool> {
    let text = words(text).join(" ");
    if STOP.iter().any(|word| words_of(word) == text) {
        return Some(true);
    }
    START.iter().any(|word| words_of(word) == text).then_some(false)
}

fn words_of(text: &str) -> String {
    words(text).join(" ")
}

/// Lower-case words; an apostrophe or hyphen within a word belongs to it.
fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    text.split(|char: char| !char.is_alphanumeric() && !"'-".contains(char))
        .map(|word| word.trim_matches(['\'', '-']).to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Where a phrase begins.
fn places(text: &[String], phrase: &str) -> impl Iterator<Item = usize> {
    let phrase = words(phrase);
    let last = text.len().checked_sub(phrase.len()).filter(|_| !phrase.is_empty());
    (0..last.map_or(0, |last| last + 1))
        .filter(move |at| text[*at..*at + phrase.len()] == phrase[..])
}

fn wished(text: &[String], phrase: &str) -> bool {
    places(text, phrase).any(|at| {
        let before = &text[at.saturating_sub(NEGATION_REACH)..at];
        !before.iter().any(|word| NEGATIONS.contains(&word.as_str()))
    })
}
