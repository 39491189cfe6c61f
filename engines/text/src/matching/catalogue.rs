//! Finding the item a phrase means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::normal;
use super::similar::{self, ratio};

/// An item with the names it goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The caller's name for it (SKU, entity id).
    pub id: String,
    /// As shown to people.
    pub name: String,
    /// Other names, informal ones too.
    pub aliases: Vec<String>,
}

/// What to do with the best candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is the one.
    Match,
    /// Probably one of these: ask which.
    Ask,
    /// Nothing is close enough.
    None,
}

/// An item that may be meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The item's id.
    pub id: String,
    /// The name or alias that fits best.
    pub matched: String,
    /// 0 to 1: how well it fits.
    pub score: f32,
    /// 0 to 1: how sure it is that this one and no other is meant.
    pub confidence: f32,
}

/// The answer to a phrase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What to do.
    pub verdict: Verdict,
    /// Best first.
    pub candidates: Vec<Candidate>,
}

/// A name or alias of an item, taken apart.
#[derive(Debug, Clone)]
struct Form {
    item: u32,
    text: String,
    squashed: String,
    tokens: Vec<String>,
}

/// The index over a tenant's items: about 2 KB per item, rebuilt when the catalogue changes.
#[derive(Debug, Clone)]
pub struct Catalogue {
    items: Vec<Item>,
    forms: Vec<Form>,
    /// Pieces of three letters, the forms that have them.
    pieces: BTreeMap<u32, Vec<u32>>,
    /// Squashed names and initials, the forms they belong to.
    short: BTreeMap<String, Vec<u32>>,
    /// How many forms have a word.
    common: BTreeMap<String, u32>,
}

/// Forms that are judged fully.
const MOST_JUDGED: usize = 120;
/// A piece that more forms have than this helps nobody to choose, unless there are no others.
const COMMON_PIECE: usize = 1500;
/// Fits so well that it may be taken without asking.
const SURE_SCORE: f32 = 0.74;
/// And so alone.
const SURE_CONFIDENCE: f32 = 0.7;
/// Below this a candidate is not worth a question.
const LEAST_SCORE: f32 = 0.5;
/// Words of a phrase that are judged; the rest of a long message is left.
const MOST_WORDS: usize = 40;

impl Catalogue {
    /// Indexes the items.
    #[must_use]
    pub fn new(items: Vec<Item>) -> Self {
        let mut all = Self {
            items: Vec::new(),
            forms: Vec::new(),
            pieces: BTreeMap::new(),
            short: BTreeMap::new(),
            common: BTreeMap::new(),
        };
        for (item, entry) in (0_u32..).zip(&items) {
            for name in std::iter::once(&entry.name).chain(&entry.aliases) {
                all.add_form(item, name);
            }
        }
        all.items = items;
        all
    }

    fn add_form(&mut self, item: u32, name: &str) {
        let tokens = normal::tokens(name);
        if tokens.is_empty() {
            return;
        }
        let at = u32::try_from(self.forms.len()).unwrap_or(u32::MAX);
        let squashed = normal::squash(name);
        let mut own: Vec<u32> = tokens.iter().flat_map(|token| normal::pieces(token)).collect();
        own.extend(normal::pieces(&squashed));
        own.sort_unstable();
        own.dedup();
        for piece in own {
            self.pieces.entry(piece).or_default().push(at);
        }
        for short in std::iter::once(squashed.clone()).chain(normal::initials(name)) {
            self.short.entry(short).or_default().push(at);
        }
        let mut distinct = tokens.clone();
        distinct.sort_unstable();
        distinct.dedup();
        for token in distinct {
            *self.common.entry(token).or_default() += 1;
        }
        self.forms.push(Form { item, text: name.to_owned(), squashed, tokens });
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is nothing to find.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items a phrase may mean, at most `limit`.
    #[must_use]
    pub fn find(&self, phrase: &str, limit: usize) -> Outcome {
        self.find_with(phrase, limit, &[])
    }

    /// As `find`, with the items nearest in meaning (id, cosine) handed in; they are candidates too.
    #[must_use]
    pub fn find_with(&self, phrase: &str, limit: usize, nearest: &[(&str, f32)]) -> Outcome {
        let asked = Phrase::new(phrase);
        let mut best: BTreeMap<u32, Fit> = BTreeMap::new();
        for form in self.candidates(&asked) {
            let fit = self.judge(&asked, form);
            let entry = best.entry(self.forms[form as usize].item).or_insert(fit);
            if fit.score > entry.score {
                *entry = fit;
            }
        }
        only_one_said(&mut best);
        for (id, cosine) in nearest {
            self.blend(&mut best, id, *cosine);
        }
        let mut scored: Vec<Fit> = best.into_values().filter(|fit| fit.score > 0.2).collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.form.cmp(&b.form)));
        self.outcome(&scored, limit)
    }

    /// Lets meaning lift an item: alone it is worth a question, with the words it makes them surer.
    fn blend(&self, best: &mut BTreeMap<u32, Fit>, id: &str, cosine: f32) {
        let Some(form) = self.forms.iter().position(|form| self.items[form.item as usize].id == id)
        else {
            return;
        };
        let meaning = ((cosine - 0.25) / 0.6).clamp(0.0, 1.0);
        let item = self.forms[form].item;
        let form = u32::try_from(form).unwrap_or(u32::MAX);
        let fit = best.entry(item).or_insert(Fit { score: 0.0, form, kind: FitKind::Partial });
        fit.score = fit.score.max(0.7 * meaning).max(0.8 * fit.score + 0.2 * meaning);
    }

    /// Forms that share pieces with the phrase, those with the rarest pieces first.
    fn candidates(&self, asked: &Phrase) -> Vec<u32> {
        let mut lists: Vec<&Vec<u32>> =
            asked.pieces.iter().filter_map(|piece| self.pieces.get(piece)).collect();
        lists.sort_by_key(|list| list.len());
        let mut weight: BTreeMap<u32, f32> = BTreeMap::new();
        for (at, list) in lists.iter().enumerate() {
            // The rarest few pieces always count, so that a phrase of common ones still finds something.
            if list.len() > COMMON_PIECE && at >= 4 {
                break;
            }
            let rarity = (1.0 + 1.0 / ratio(list.len(), self.forms.len())).ln();
            for form in *list {
                *weight.entry(*form).or_default() += rarity;
            }
        }
        let mut ranked: Vec<(u32, f32)> = weight
            .into_iter()
            .map(|(form, weight)| {
                let size = self.forms[form as usize].squashed.len() + 4;
                (form, weight / ratio(size, 1).sqrt())
            })
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.truncate(MOST_JUDGED);
        let short = asked
            .short
            .iter()
            .filter_map(|short| self.short.get(short))
            .flatten()
            .copied()
            .take(MOST_JUDGED);
        let mut forms: Vec<u32> = short.chain(ranked.into_iter().map(|(form, _)| form)).collect();
        forms.sort_unstable();
        forms.dedup();
        forms
    }

    fn rarity(&self, token: &str) -> f32 {
        let count = self.common.get(token).copied().unwrap_or(0) as usize;
        (1.0 + 1.0 / ratio(count.max(1), self.forms.len() + 1)).ln()
    }

    fn judge(&self, asked: &Phrase, at: u32) -> Fit {
        let form = &self.forms[at as usize];
        let fit = |score: f32, kind: FitKind| Fit { score, form: at, kind };
        if asked.squashed == form.squashed {
            return fit(1.0, FitKind::Whole);
        }
        if asked
            .short
            .iter()
            .any(|short| self.short.get(short).is_some_and(|forms| forms.contains(&at)))
        {
            return fit(0.86, FitKind::Whole);
        }
        let (asked_share, named_share) = self.shares(asked, form);
        let whole = similar::dice(&asked.squashed, &form.squashed);
        let blended = 0.52 * asked_share + 0.3 * named_share + 0.18 * whole;
        let squashed = if whole > 0.8 { whole } else { 0.0 };
        let numbers = number_factor(asked, form);
        // A whole name inside a longer message is a mention of it.
        if named_share > 0.93 {
            let mentioned = 0.82 + 0.1 * asked_share;
            return fit(blended.max(mentioned).max(squashed) * numbers, FitKind::Whole);
        }
        let kind =
            if asked_share > 0.97 && numbers >= 1.0 { FitKind::AllSaid } else { FitKind::Partial };
        fit(blended.max(squashed) * numbers, kind)
    }

    /// The share of what was said that the name has, and of the name that was said; rare words weigh more.
    fn shares(&self, asked: &Phrase, form: &Form) -> (f32, f32) {
        let mut covered = vec![0.0_f32; form.tokens.len()];
        let (mut said, mut found) = (0.0, 0.0);
        let mut at = 0;
        while at < asked.tokens.len() {
            let pair = asked.tokens.get(at + 1).map(|next| format!("{}{next}", asked.tokens[at]));
            let joined =
                pair.map(|pair| best_word(&pair, &form.tokens)).filter(|(fit, _)| *fit >= 0.95);
            let ((fit, place), used) = match joined {
                Some(joined) => (joined, 2),
                None => (best_word(&asked.tokens[at], &form.tokens), 1),
            };
            let weight = match place {
                Some(place) => self.rarity(&form.tokens[place]),
                None => 0.45 * self.rarity(&asked.tokens[at]),
            };
            said += weight;
            found += weight * fit;
            if let Some(place) = place {
                covered[place] = covered[place].max(fit);
            }
            at += used;
        }
        let named: f32 = form.tokens.iter().map(|token| self.rarity(token)).sum();
        let met: f32 =
            form.tokens.iter().zip(&covered).map(|(token, met)| self.rarity(token) * met).sum();
        (found / f32::max(said, 1e-6), met / f32::max(named, 1e-6))
    }

    fn outcome(&self, scored: &[Fit], limit: usize) -> Outcome {
        let candidates: Vec<Candidate> = scored
            .iter()
            .enumerate()
            .take(limit)
            .map(|(at, fit)| {
                let form = &self.forms[fit.form as usize];
                let fits = 1.0 / (1.0 + (-14.0 * (fit.score - 0.66)).exp());
                Candidate {
                    id: self.items[form.item as usize].id.clone(),
                    matched: form.text.clone(),
                    score: fit.score,
                    confidence: fits * (0.5 + 0.5 * self.lead(scored, at)),
                }
            })
            .collect();
        let verdict = match candidates.first() {
            Some(best) if best.score >= SURE_SCORE && best.confidence >= SURE_CONFIDENCE => {
                Verdict::Match
            }
            Some(best) if best.score >= LEAST_SCORE => Verdict::Ask,
            Some(_) | None => Verdict::None,
        };
        Outcome { verdict, candidates }
    }

    /// How far a candidate is before the next (or behind the first), -1 to 1.
    fn lead(&self, scored: &[Fit], at: usize) -> f32 {
        let fit = &scored[at];
        let own = &self.forms[fit.form as usize].tokens;
        // "iPhone 15" is no rival where all of "iPhone 15 Pro" was said.
        let inside = |other: &Fit| {
            let tokens = &self.forms[other.form as usize].tokens;
            fit.kind == FitKind::Whole
                && tokens.len() < own.len()
                && tokens.iter().all(|token| own.contains(token))
        };
        let rival =
            if at == 0 { scored[1..].iter().find(|other| !inside(other)) } else { scored.first() };
        let Some(rival) = rival else { return 1.0 };
        if fit.kind == FitKind::AllSaid && rival.kind == FitKind::AllSaid {
            // What was said fits both in full; only the rest of the names differs.
            return 0.0;
        }
        ((fit.score - rival.score) / 0.08).clamp(-1.0, 1.0)
    }
}

/// How a form fits a phrase.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fit {
    score: f32,
    form: u32,
    kind: FitKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FitKind {
    /// The whole name was said.
    Whole,
    /// All that was said is in the name, which has more.
    AllSaid,
    /// Some of it.
    Partial,
}

/// What was said is part of one name only: that one is meant.
fn only_one_said(best: &mut BTreeMap<u32, Fit>) {
    let whole = best.values().any(|fit| fit.kind == FitKind::Whole);
    let mut said = best.values_mut().filter(|fit| fit.kind == FitKind::AllSaid);
    if let (Some(only), None, false) = (said.next(), said.next(), whole) {
        only.score = only.score.max(0.78);
    }
}

/// The word of a name that a typed one fits best.
fn best_word(typed: &str, name: &[String]) -> (f32, Option<usize>) {
    name.iter().enumerate().fold((0.0, None), |best, (at, word)| {
        let fit = similar::words(typed, word);
        if fit > best.0 { (fit, Some(at)) } else { best }
    })
}

/// Numbers tell models apart: another number is another thing.
fn number_factor(asked: &Phrase, form: &Form) -> f32 {
    let numbers = |tokens: &[String]| {
        tokens.iter().filter(|token| normal::is_number(token)).cloned().collect::<Vec<_>>()
    };
    let (typed, named) = (numbers(&asked.tokens), numbers(&form.tokens));
    let missing = typed.iter().filter(|number| !named.contains(number)).count();
    let unsaid = named.iter().filter(|number| !typed.contains(number)).count();
    match (missing, unsaid) {
        (0, _) => 1.0,
        (_, 0) => 0.85,
        _ => 0.6,
    }
}

/// A phrase taken apart.
struct Phrase {
    squashed: String,
    tokens: Vec<String>,
    pieces: Vec<u32>,
    /// What may be initials: the phrase itself, without the fillers.
    short: Vec<String>,
}

impl Phrase {
    fn new(text: &str) -> Self {
        let mut tokens = normal::tokens(text);
        if tokens.iter().any(|token| !normal::is_filler(token)) {
            tokens.retain(|token| !normal::is_filler(token));
        }
        tokens.truncate(MOST_WORDS);
        let squashed = tokens.concat();
        let mut pieces: Vec<u32> = tokens.iter().flat_map(|token| normal::pieces(token)).collect();
        pieces.extend(normal::pieces(&squashed));
        pieces.sort_unstable();
        pieces.dedup();
        let short = if (2..=8).contains(&squashed.chars().count()) {
            vec![squashed.clone()]
        } else {
            Vec::new()
        };
        Self { squashed, tokens, pieces, short }
    }
}
