use std::fmt::Write as _;
use std::time::Duration;

use crate::Chance;

/// Messages of one burst.
pub const MESSAGES: usize = 10;
/// Questions of a burst, at most.
const QUESTIONS_MAX: u64 = 6;

/// Something that the tenant knows.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// The tenant's name of the wish for it, and of the page.
    pub intent: &'static str,
    /// What the page says.
    pub page: &'static str,
    /// How it is asked for; without the question mark.
    pub question: &'static str,
    /// Another way to ask, as an example for the classifier.
    pub example: &'static str,
    /// Words that are in every answer to it and in no other page.
    pub answer: &'static str,
}

/// Everything that the tenant knows.
pub const FACTS: [Fact; 10] = [
    Fact {
        intent: "returns",
        page: "You can send anything back within 30 days of delivery. The label is free.",
        question: "Within how many days of delivery can I send anything back",
        example: "I want to send something back",
        answer: "30 days",
    },
    Fact {
        intent: "shipping",
        page: "Parcels to Austria take four working days. They travel by train.",
        question: "How many working days do parcels to Austria take",
        example: "When will my parcel be in Austria",
        answer: "four working days",
    },
    Fact {
        intent: "warranty",
        page: "Every tent has a warranty of five years. Zips are repaired by us.",
        question: "How many years of warranty does every tent have",
        example: "Is my tent still under warranty",
        answer: "five years",
    },
    Fact {
        intent: "payment",
        page: "You can pay by invoice or by bank transfer. Cheques are not taken.",
        question: "Can I pay by invoice or by bank transfer",
        example: "Which ways to pay are there",
        answer: "bank transfer",
    },
    Fact {
        intent: "opening",
        page: "The shop in Graz is open from nine to six on weekdays. It has a cafe.",
        question: "On weekdays, when is the shop in Graz open",
        example: "Is the shop in Graz open today",
        answer: "nine to six",
    },
    Fact {
        intent: "vouchers",
        page: "Vouchers are valid for three years. They can be spent in parts.",
        question: "For how many years are vouchers valid",
        example: "My voucher is old, is it still valid",
        answer: "three years",
    },
    Fact {
        intent: "washing",
        page: "Wash the sleeping bag at 40 degrees without softener. Dry it slowly.",
        question: "At how many degrees do I wash the sleeping bag",
        example: "How do I wash my sleeping bag",
        answer: "40 degrees",
    },
    Fact {
        intent: "sizes",
        page: "Exchanging boots for another size costs nothing. We pay the postage.",
        question: "What does exchanging boots for another size cost",
        example: "My boots are too small, I need another size",
        answer: "costs nothing",
    },
    Fact {
        intent: "club",
        page: "Members of the club collect one point per euro. Points never expire.",
        question: "How many points per euro do members of the club collect",
        example: "How do I become a member of the club",
        answer: "one point per euro",
    },
    Fact {
        intent: "rental",
        page: "Snow shoes can be rented for eight euros a day. Poles are included.",
        question: "For how many euros a day can snow shoes be rented",
        example: "I would like to rent snow shoes",
        answer: "eight euros",
    },
];

/// What nobody at the tenant knows.
const UNKNOWN: [&str; 3] = [
    "Who won the football world cup of 1974",
    "What is the capital of Mongolia",
    "Which composer wrote the Goldberg variations",
];

/// What is said beside questions.
const ASIDE: [&str; 9] = [
    "Hello",
    "One moment please",
    "I was in your shop last week",
    "It is for my brother",
    "We go hiking in May",
    "Sorry for so many messages",
    "My dog ate the leaflet",
    "Thanks in advance",
    "That would be great",
];

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The number of a fact.
    Known(usize),
    /// Something that the tenant does not know.
    Unknown,
}

/// One message of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bubble {
    /// What is written. Holds the message's mark.
    pub text: String,
    /// What is wanted, if anything.
    pub wish: Option<Wish>,
}

/// One delivery of a message to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which message of the burst.
    pub message: usize,
    /// How often it was delivered before.
    pub again: u32,
    /// When, from the beginning of the burst.
    pub after: Duration,
}

/// Which way messages take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The tenant's own program: the time of arrival is the time of writing.
    Api,
    /// A platform that tells when a message was written, and that replies are sent to.
    Slack,
}

/// All that one customer writes.
#[derive(Clone, Debug)]
pub struct Burst {
    /// Counted from 0.
    pub talk: usize,
    /// Which way.
    pub channel: Channel,
    /// When it begins, from the beginning of the run.
    pub begins: Duration,
    /// In the order of writing.
    pub messages: Vec<Bubble>,
    /// In the order of time.
    pub deliveries: Vec<Delivery>,
}

/// How the messages of a burst are spread over time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the first burst's beginning to the last one's.
    pub spread: Duration,
    /// Between two messages of a burst, at most, in milliseconds.
    pub gap_max_ms: u64,
    /// How much later than the first a second delivery comes, at most, in milliseconds.
    pub again_max_ms: u64,
}

/// The mark of a message, by which it is found again wherever it is repeated.
#[must_use]
pub fn mark(talk: usize, message: usize) -> String {
    format!("T{talk:04}M{message:02}")
}

/// The talk and the message of the first mark in a text, and what stands behind it.
#[must_use]
pub fn marked(text: &str) -> Option<(usize, usize, &str)> {
    let mut rest = text;
    while let Some(at) = rest.find('T') {
        rest = &rest[at + 1..];
        let number = |from: usize, to: usize| rest.get(from..to)?.parse::<usize>().ok();
        if rest.get(4..5) == Some("M")
            && let (Some(talk), Some(message)) = (number(0, 4), number(5, 7))
        {
            return Some((talk, message, &rest[7..]));
        }
    }
    None
}

impl Burst {
    /// The burst of a talk.
    pub fn draw(talk: usize, pace: Pace, chance: &mut Chance) -> Self {
        let channel = if talk.is_multiple_of(2) { Channel::Api } else { Channel::Slack };
        let messages = bubbles(talk, chance);
        let mut deliveries = Vec::new();
        let mut written = Duration::ZERO;
        for message in 0..messages.len() {
            // Up to two gaps late: then the next message is there first.
            let after = written + chance.pause(0, 2 * pace.gap_max_ms);
            deliveries.push(Delivery { message, again: 0, after });
            if chance.once_in(3) {
                let after = after + chance.pause(0, pace.again_max_ms);
                deliveries.push(Delivery { message, again: 1, after });
            }
            written += chance.pause(0, pace.gap_max_ms);
        }
        deliveries.sort_by_key(|delivery| (delivery.after, delivery.message, delivery.again));
        let most = u64::try_from(pace.spread.as_millis()).unwrap_or(u64::MAX);
        Self { talk, channel, begins: chance.pause(0, most), messages, deliveries }
    }

    /// The messages that want something.
    pub fn wishes(&self) -> impl Iterator<Item = (usize, Wish)> {
        let messages = self.messages.iter().enumerate();
        messages.filter_map(|(place, message)| Some((place, message.wish?)))
    }
}

/// Questions among other words, each once.
fn bubbles(talk: usize, chance: &mut Chance) -> Vec<Bubble> {
    let questions = 1 + chance.below(QUESTIONS_MAX);
    let mut facts: Vec<usize> = (0..FACTS.len()).collect();
    let mut asides: Vec<&str> = ASIDE.to_vec();
    let mut wishes: Vec<Option<Wish>> =
        (0..questions).map(|_| Some(Wish::Known(take(&mut facts, chance)))).collect();
    if chance.once_in(4) {
        wishes.push(Some(Wish::Unknown));
    }
    wishes.resize(MESSAGES, None);
    let mut bubbles = Vec::with_capacity(MESSAGES);
    while !wishes.is_empty() {
        let wish = take(&mut wishes, chance);
        let (words, end) = match wish {
            Some(Wish::Known(fact)) => (FACTS[fact].question, "?"),
            Some(Wish::Unknown) => (UNKNOWN[talk % UNKNOWN.len()], "?"),
            None => (take(&mut asides, chance), "."),
        };
        let mut text = words.to_owned();
        // Writing to a String cannot fail.
        let _ = write!(text, " ({}){end}", mark(talk, bubbles.len()));
        bubbles.push(Bubble { text, wish });
    }
    bubbles
}

fn take<T>(from: &mut Vec<T>, chance: &mut Chance) -> T {
    let place = chance.below(from.len() as u64);
    from.swap_remove(usize::try_from(place).unwrap_or(0))
}
