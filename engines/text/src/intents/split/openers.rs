//! Words that join clauses and words that begin one, in the languages most customers write.

/// Conjunctions and fillers between two askings.
pub(super) fn joins(word: &str) -> bool {
    matches!(
        word,
        "and"
            | "also"
            | "plus"
            | "oh"
            | "btw"
            | "additionally"
            | "besides"
            | "then"
            | "but"
            | "und"
            | "auch"
            | "außerdem"
            | "ausserdem"
            | "aber"
            | "y"
            | "e"
            | "además"
            | "tambien"
            | "también"
            | "pero"
            | "et"
            | "aussi"
            | "mais"
            | "também"
            | "mas"
            | "anche"
            | "inoltre"
            | "ma"
            | "en"
            | "ook"
            | "maar"
            | "oraz"
            | "также"
            | "и"
            | "ve"
            | "ayrıca"
            | "och"
            | "og"
    )
}

/// Words that begin a question.
#[rustfmt::skip]
const QUESTION_WORDS: &[&str] = &[
    "what", "what's", "whats", "where", "where's", "wheres", "when", "when's", "why", "how",
    "how's", "who", "which", "is", "are", "do", "does", "did", "can", "could", "will", "would",
    "should", "may", "has", "have", "was", "were", "was's", "wo", "wann", "warum", "wieso", "wie",
    "wer", "welche", "welcher", "welches", "kann", "können", "könnt", "ist", "sind", "haben",
    "gibt", "dónde", "donde", "cuándo", "cuando", "cómo", "como", "qué", "que", "cuánto",
    "cuanto", "cuál", "puedo", "pueden", "puede", "hay", "où", "quand", "comment", "pourquoi",
    "combien", "quel", "quelle", "puis-je", "pouvez-vous", "est-ce", "onde", "quando", "quanto",
    "posso", "podem", "dove", "perché", "potete", "waar", "wanneer", "hoe", "waarom", "wat",
    "kan", "kunnen", "gdzie", "kiedy", "jak", "dlaczego", "czy", "ile", "где", "когда", "как",
    "почему", "сколько", "можно", "nerede", "nasıl", "neden",
];

pub(super) fn is_question_word(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'');
    QUESTION_WORDS.contains(&word)
}

/// Verbs with which people tell somebody to do something.
#[rustfmt::skip]
const REQUESTS: &[&str] = &[
    "please", "pls", "cancel", "refund", "change", "update", "send", "tell", "show", "book",
    "track", "give", "help", "check", "remove", "add", "delete", "stop", "return", "exchange",
    "explain", "reset", "connect", "transfer", "let", "make", "reschedule", "confirm", "bitte",
    "stornieren", "storniert", "ändern", "schicken", "sagen", "zeigen", "erstatten", "kündigen",
    "kündige", "storniere", "schick", "quiero", "quisiera", "necesito", "cancele", "cancelar",
    "cancelen", "envíe", "dime", "díganme", "devuelvan", "annulez", "annuler", "envoyez", "dites",
    "remboursez", "quero", "preciso", "cancele-o", "vorrei", "annullare", "annulla", "annullate",
    "ik", "annuleer", "graag", "proszę", "chcę", "anulujcie", "отмените", "верните", "хочу",
    "lütfen",
];

/// Verbs with which people tell somebody to do something.
fn is_request(word: &str) -> bool {
    REQUESTS.contains(&word)
}

/// What comes after a pronoun that begins a wish.
#[rustfmt::skip]
const DOING: &[&str] = &[
    "want", "need", "would", "wanna", "have", "haven't", "had", "can't", "cannot", "can", "am",
    "was", "still", "never", "didn't", "don't", "got", "is", "isn't", "lost", "card", "order",
    "account", "möchte", "will", "brauche", "habe", "kann", "hätte", "voudrais", "veux", "peux",
    "souhaite", "quiero", "quero", "vorrei", "like",
];

/// Who begins a wish.
#[rustfmt::skip]
const PRONOUNS: &[&str] = &[
    "i", "i'm", "i'd", "i've", "i'll", "im", "we", "you", "it", "it's", "my", "there", "there's",
    "ich", "wir", "je", "j'ai", "nous", "yo", "eu", "io", "mijn",
];

/// Whether a clause that asks something of its own begins with this word.
pub(super) fn opens_clause(word: &str, next: Option<&str>) -> bool {
    if is_question_word(word) || is_request(word) {
        return true;
    }
    let pronoun = PRONOUNS.contains(&word);
    let does = next.is_some_and(|next| DOING.contains(&next) || next.ends_with("'d"));
    (pronoun && does) || matches!(word, "i'd" | "i've" | "i'll" | "there's")
}

/// Words of greetings, thanks and goodbyes.
#[rustfmt::skip]
const SMALL_TALK: &[&str] = &[
    "hi", "hello", "hey", "hiya", "there", "good", "morning", "afternoon", "evening", "day",
    "thanks", "thank", "you", "thx", "ty", "cheers", "bye", "goodbye", "so", "much", "very", "a",
    "lot", "in", "advance", "team", "everyone", "all", "dear", "sir", "madam", "ok", "okay",
    "great", "hallo", "guten", "tag", "morgen", "abend", "danke", "vielen", "dank", "schön",
    "schon", "tschüss", "moin", "servus", "hola", "buenos", "buenas", "días", "dias", "tardes",
    "noches", "gracias", "muchas", "adiós", "bonjour", "bonsoir", "salut", "merci", "beaucoup",
    "olá", "oi", "bom", "dia", "boa", "tarde", "obrigado", "obrigada", "ciao", "buongiorno",
    "buonasera", "grazie", "mille", "hoi", "goedemorgen", "bedankt", "cześć", "dzień", "dobry",
    "dziękuję", "привет", "здравствуйте", "спасибо", "merhaba", "teşekkürler", "hej", "tack",
    "takk", "tak",
];

/// Nothing but greetings, thanks and goodbyes.
pub(super) fn small_talk(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut words = lower
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .peekable();
    words.peek().is_some() && words.all(|word| SMALL_TALK.contains(&word))
}
