//! What the question's words say about the documents it wants: their time, category, source.

use crate::filter::{Filter, same};
use crate::index::Index;
use crate::words::raw_words;

const DAY_MS: i64 = 86_400_000;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// A time counts for the documents only beside one of these: "what did I order last month" does not
/// ask for documents of last month.
const ABOUT_DOCUMENTS: &[&str] = &[
    "updated",
    "changed",
    "published",
    "written",
    "posted",
    "added",
    "document",
    "documents",
    "article",
    "articles",
    "news",
    "entries",
    "report",
    "reports",
    "feedback",
    "pages",
    "notes",
];

#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) filter: Option<Filter>,
    pub(crate) newest_first: bool,
}

pub(crate) fn wishes(text: &str, now_ms: i64, index: &Index) -> Wishes {
    let words: Vec<String> = raw_words(text).map(|(_, word)| word).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut filter = Filter::default();
    if words.iter().any(|word| ABOUT_DOCUMENTS.contains(word)) {
        let (from, before) = times(&words, now_ms);
        filter.updated_from_ms = from;
        filter.updated_before_ms = before;
    }
    let lower = text.to_lowercase();
    filter.categories = named(index.categories(), &lower, &["category", "section"]);
    filter.collections = named(
        index.collections(),
        &lower,
        &["collection", "docs", "documentation", "knowledge base"],
    );
    filter.sources = sources(index, &lower);
    let newest_first = words
        .iter()
        .any(|word| matches!(*word, "latest" | "newest" | "neueste" | "neuesten" | "récent"))
        || words.windows(2).any(|pair| pair == ["most", "recent"]);
    let filter = (filter != Filter::default()).then_some(filter);
    Wishes { filter, newest_first }
}

/// `in the X section`, `category X`: only names that are in use.
fn named<'a>(known: impl Iterator<Item = &'a str>, lower: &str, cues: &[&str]) -> Vec<String> {
    known
        .filter(|name| {
            let name = name.to_lowercase().replace(['-', '_'], " ");
            !name.is_empty()
                && cues.iter().any(|cue| {
                    whole(lower, &format!("{name} {cue}")) || whole(lower, &format!("{cue} {name}"))
                })
        })
        .map(str::to_owned)
        .collect()
}

/// `from faq.pdf`, `according to the handbook`: only sources that are in use.
fn sources(index: &Index, lower: &str) -> Vec<String> {
    index
        .sources()
        .filter(|source| source.len() >= 4)
        .filter(|source| {
            let source = source.to_lowercase();
            ["from ", "from the ", "in ", "according to ", "according to the "]
                .iter()
                .any(|cue| whole(lower, &format!("{cue}{source}")))
        })
        .map(str::to_owned)
        .take(8)
        .collect()
}

fn whole(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + phrase.len()..].chars().next();
        before.is_none_or(|c| !c.is_alphanumeric()) && after.is_none_or(|c| !c.is_alphanumeric())
    })
}

fn times(words: &[&str], now_ms: i64) -> (Option<i64>, Option<i64>) {
    for (at, word) in words.iter().enumerate() {
        let rest = &words[at + 1..];
        match *word {
            "since" | "after" => {
                if let Some((from, until)) = period(rest, now_ms) {
                    let start = if *word == "after" { until } else { from };
                    return (Some(start), None);
                }
            }
            "before" | "until" => {
                if let Some((from, _)) = period(rest, now_ms) {
                    return (None, Some(from));
                }
            }
            "in" | "from" | "during" => {
                if let Some((from, until)) = period(rest, now_ms) {
                    return (Some(from), Some(until));
                }
            }
            "last" | "past" => {
                if let Some(days) = duration(rest) {
                    return (Some(now_ms - days * DAY_MS), None);
                }
            }
            "today" => return (Some(now_ms - now_ms.rem_euclid(DAY_MS)), None),
            _ => {}
        }
    }
    (None, None)
}

/// `30 days`, `month`.
fn duration(words: &[&str]) -> Option<i64> {
    let (count, unit) = match words {
        [count, unit, ..] if count.parse::<i64>().is_ok() => (count.parse().ok()?, *unit),
        [unit, ..] => (1, *unit),
        [] => return None,
    };
    let days = match unit.trim_end_matches('s') {
        "day" => 1,
        "week" => 7,
        "month" => 30,
        "quarter" => 91,
        "year" => 365,
        _ => return None,
    };
    (1..=10_000).contains(&count).then_some(count * days)
}

/// A year, a month of a year, or a month (the last one that began), with its end.
fn period(words: &[&str], now_ms: i64) -> Option<(i64, i64)> {
    let year = |word: &str| word.parse::<i64>().ok().filter(|year| (1990..=2100).contains(year));
    let month = |word: &str| {
        MONTHS.iter().position(|name| same(name, word)).and_then(|m| i64::try_from(m).ok())
    };
    let span = |year: i64, month: i64| {
        let (next_year, next) = if month == 11 { (year + 1, 0) } else { (year, month + 1) };
        (start(year, month), start(next_year, next))
    };
    match words {
        [first, second, ..] if month(first).is_some() && year(second).is_some() => {
            Some(span(year(second)?, month(first)?))
        }
        [first, ..] if year(first).is_some() => {
            let year = year(first)?;
            Some((start(year, 0), start(year + 1, 0)))
        }
        [first, ..] if month(first).is_some() => {
            let month = month(first)?;
            let year = (1970..2200).take_while(|year| start(*year, month) <= now_ms).last()?;
            Some(span(year, month))
        }
        _ => None,
    }
}

/// The first moment of a month (from 0) in milliseconds since the epoch, UTC.
fn start(year: i64, month: i64) -> i64 {
    // Days from civil, after Howard Hinnant.
    let (y, m) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let day_of_year = (153 * m + 2) / 5;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    days * DAY_MS
}
