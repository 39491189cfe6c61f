//! A tenant of many chunks: how long a question takes, its embedding included, and how much memory the
//! tenant takes. The texts are made from a seed; of two thousand of them the vectors are computed, the
//! others get one of these moved by noise, because computing all would take a quarter of an hour.

use std::time::Instant;

use impresario_embed::Model;
use impresario_retrieval::{Chunk, Document, Index, Query, Vectors};
use impresario_vectors::{Index as Graph, Options};

use crate::{Outcome, say};

const BASES: usize = 2_000;
const QUESTIONS: usize = 300;
const CHUNKS_PER_DOCUMENT: usize = 10;

struct Store(Graph);

impl Vectors for Store {
    fn search(
        &self,
        vector: &[f32],
        count: usize,
        allow: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Vec<(u64, f32)> {
        self.0.search(vector, count, allow).into_iter().map(|hit| (hit.key, hit.score)).collect()
    }

    fn vector(&self, key: u64) -> Option<Vec<f32>> {
        self.0.vector(key)
    }
}

/// A seeded source of numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % (bound as u64)).unwrap_or(0)
    }

    /// From -1 to 1, most near 0.
    #[expect(clippy::cast_precision_loss, reason = "noise")]
    fn noise(&mut self) -> f32 {
        let one = |bits: u64| (bits >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
        one(self.roll()) + one(self.roll())
    }
}

const SUBJECTS: &[&str] = &[
    "order",
    "refund",
    "invoice",
    "delivery",
    "account",
    "password",
    "subscription",
    "warranty",
    "coupon",
    "shipment",
    "payment",
    "return",
    "exchange",
    "newsletter",
    "campaign",
    "segment",
    "profile",
    "webhook",
    "report",
    "dashboard",
    "battery",
    "charger",
    "jacket",
    "shoe",
    "lamp",
    "sofa",
    "router",
    "printer",
];
const VERBS: &[&str] = &[
    "change", "cancel", "track", "renew", "replace", "repair", "export", "import", "delete",
    "confirm", "delay", "upgrade", "connect", "clean", "charge", "install", "merge", "share",
    "block", "verify",
];
const PLACES: &[&str] = &[
    "Berlin", "Paris", "Madrid", "Rome", "Vienna", "Oslo", "Dublin", "Lisbon", "Prague", "Athens",
];
const QUALITIES: &[&str] = &[
    "damaged",
    "late",
    "free",
    "express",
    "international",
    "annual",
    "secure",
    "wireless",
    "small",
    "heavy",
    "red",
    "organic",
    "digital",
    "premium",
    "basic",
    "temporary",
    "duplicate",
    "expired",
    "new",
    "blocked",
];

fn sentence(dice: &mut Dice) -> String {
    let mut pick = |list: &[&'static str]| list[dice.below(list.len())];
    let (subject, verb, place, quality) =
        (pick(SUBJECTS), pick(VERBS), pick(PLACES), pick(QUALITIES));
    let (other, more) = (pick(SUBJECTS), pick(QUALITIES));
    let code = dice.below(40_000);
    match dice.below(4) {
        0 => format!(
            "To {verb} a {quality} {subject} in {place}, open the {other} page and enter code K{code}."
        ),
        1 => format!(
            "A {quality} {subject} is handled within {} days if the {other} is {more}.",
            code % 60 + 1
        ),
        2 => format!(
            "Customers in {place} {verb} their {subject} once the {more} {other} {code} has arrived."
        ),
        _ => format!(
            "Please {verb} the {quality} {subject} before the {other} in {place} becomes {more}."
        ),
    }
}

pub(crate) fn run(model: &Model, chunks: usize) -> Outcome {
    let mut dice = Dice(42);
    let texts: Vec<String> = (0..chunks)
        .map(|_| (0..6).map(|_| sentence(&mut dice)).collect::<Vec<_>>().join(" "))
        .collect();
    let bases: Vec<Vec<f32>> = texts[..BASES.min(chunks)]
        .chunks(32)
        .flat_map(|batch| model.embed(&batch.iter().map(String::as_str).collect::<Vec<_>>()))
        .collect();
    let mut graph = Graph::new(Options { threads: 2, ..Options::new(model.dimension(), "bench") });
    let began = Instant::now();
    let vectors: Vec<Vec<f32>> =
        (0..chunks).map(|n| moved(&bases[n % bases.len()], &mut dice)).collect();
    let pairs: Vec<(u64, &[f32])> =
        (0u64..).zip(&vectors).map(|(k, v)| (k, v.as_slice())).collect();
    graph.insert_many(&pairs)?;
    say(&format!("graph of {chunks} built in {:.1} s", began.elapsed().as_secs_f64()));
    let began = Instant::now();
    let mut index = Index::default();
    for (number, texts) in texts.chunks(CHUNKS_PER_DOCUMENT).enumerate() {
        index.put(document(number, texts));
    }
    index.shrink();
    say(&format!("words indexed in {:.1} s", began.elapsed().as_secs_f64()));
    say(&format!(
        "memory: {} MB of words and texts, {} MB of vectors, {} MB of text alone",
        index.memory_bytes() >> 20,
        graph.memory_bytes() >> 20,
        texts.iter().map(String::len).sum::<usize>() >> 20
    ));
    questions(model, &index, &Store(graph), &mut dice);
    Ok(())
}

fn questions(model: &Model, index: &Index, store: &Store, dice: &mut Dice) {
    let (mut embedding, mut search, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..QUESTIONS {
        let question = format!("How can I do this: {}", sentence(dice));
        let mut took = 0.0;
        let began = Instant::now();
        let mut embed = |texts: &[&str]| {
            let began = Instant::now();
            let vectors = model.embed(texts);
            took += began.elapsed().as_secs_f64() * 1e3;
            vectors
        };
        let found = index.run(&Query::new(&question, 0), &mut embed, store, None);
        let all = began.elapsed().as_secs_f64() * 1e3;
        assert!(!found.passages.is_empty(), "something is found");
        embedding.push(took);
        search.push(all - took);
        both.push(all);
    }
    for (name, mut times) in [("embedding", embedding), ("search", search), ("both", both)] {
        times.sort_by(f64::total_cmp);
        let at = |share: usize| times[(times.len() - 1) * share / 100];
        say(&format!("{name}: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms", at(50), at(95), at(99)));
    }
}

fn moved(base: &[f32], dice: &mut Dice) -> Vec<f32> {
    let mut vector: Vec<f32> = base.iter().map(|value| value + 0.06 * dice.noise()).collect();
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= norm);
    vector
}

fn document(number: usize, texts: &[String]) -> Document {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let chunk = |(at, text): (usize, &String)| Chunk {
        key: (number * CHUNKS_PER_DOCUMENT + at) as u64,
        text: text.clone(),
        heading: String::new(),
        span: 0..0,
    };
    Document {
        id,
        title: format!("Guide {number}"),
        language: "en".to_owned(),
        collection: "product-docs".to_owned(),
        chunks: texts.iter().enumerate().map(chunk).collect(),
        ..Document::default()
    }
}
