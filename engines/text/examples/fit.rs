//! Fits the constants committed in this crate.
//!
//! `fit spelling FILE`: lines `wrong right`, one pair each; prints the weights of the spelling channel.
//! `fit pairs TRAIN JUDGED`: labelled pairs as `eval::matching` reads them; prints the weights and the
//! threshold of the pair scorer, fitted on TRAIN, and its F1 on JUDGED.

use std::sync::Arc;

use impresario_text::eval::{Pair, read_pairs};
use impresario_text::intents::softmax::{Softmax, Training};
use impresario_text::matching::pairs::{MEASURES, Measures, Scorer, probability, weights_of};
use impresario_text::spelling::channel::{self, KINDS};
use impresario_text::spelling::{Corrector, Dictionary};

/// Weights of the kinds of evidence and, last, of the logarithm of the probability.
type Weights = [f32; KINDS + 1];

/// A misspelling: the evidence of each candidate, and which one is right.
struct Case {
    candidates: Vec<Weights>,
    right: usize,
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["spelling", file] => spelling(&std::fs::read_to_string(file)?),
        ["pairs", train, judged] => {
            pairs(&std::fs::read_to_string(train)?, &std::fs::read_to_string(judged)?)
        }
        _ => report("usage: fit spelling FILE | fit pairs TRAIN JUDGED"),
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a tool for the terminal")]
fn report(line: &str) {
    println!("{line}");
}

fn spelling(pairs: &str) {
    let corrector =
        Corrector::new(Some(Arc::new(Dictionary::english())), Dictionary::from_words([]));
    let pairs: Vec<(&str, &str)> = pairs.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut weights = channel::weights();
    for round in 0..3 {
        let cases: Vec<Case> = pairs
            .iter()
            .filter_map(|(wrong, right)| case(&corrector, &weights, wrong, right))
            .collect();
        report(&format!(
            "round {round}: {} of {} pairs have their word among the candidates, top-1 {:.4}",
            cases.len(),
            pairs.len(),
            top1(&cases, &weights)
        ));
        weights = descend(&cases, weights);
        report(&format!("  fitted: top-1 {:.4}", top1(&cases, &weights)));
    }
    report(&format!("{weights:.3?}"));
}

fn case(corrector: &Corrector, weights: &Weights, wrong: &str, right: &str) -> Option<Case> {
    let typed: Vec<char> = wrong.chars().collect();
    let mut kinds = [0.0; KINDS];
    kinds.copy_from_slice(&weights[..KINDS]);
    let near = corrector.candidates(&typed);
    let right = near.iter().position(|(word, ..)| *word == right)?;
    let candidates = near
        .iter()
        .map(|(word, _, ln_probability)| {
            let mut row = [0.0; KINDS + 1];
            row[..KINDS].copy_from_slice(&channel::features_under(&kinds, &typed, word));
            row[KINDS] = *ln_probability;
            row
        })
        .collect();
    Some(Case { candidates, right })
}

fn score(weights: &Weights, row: &Weights) -> f32 {
    weights.iter().zip(row).map(|(weight, value)| weight * value).sum()
}

fn top1(cases: &[Case], weights: &Weights) -> f32 {
    let hits = cases.iter().filter(|case| {
        let best = score(weights, &case.candidates[case.right]);
        case.candidates
            .iter()
            .enumerate()
            .all(|(at, row)| at == case.right || score(weights, row) < best)
    });
    hits.count() as f32 / cases.len().max(1) as f32
}

/// Softmax over the candidates, full batch, Adam, pulled a little towards where it started.
fn descend(cases: &[Case], start: Weights) -> Weights {
    let mut weights = start;
    let (mut mean, mut square) = ([0.0_f32; KINDS + 1], [0.0_f32; KINDS + 1]);
    for step in 1..=400 {
        let mut gradient = [0.0_f32; KINDS + 1];
        for case in cases {
            let scores: Vec<f32> = case.candidates.iter().map(|row| score(&weights, row)).collect();
            let most = scores.iter().copied().fold(f32::MIN, f32::max);
            let total: f32 = scores.iter().map(|score| (score - most).exp()).sum();
            for (at, row) in case.candidates.iter().enumerate() {
                let share =
                    (scores[at] - most).exp() / total - if at == case.right { 1.0 } else { 0.0 };
                for (sum, value) in gradient.iter_mut().zip(row) {
                    *sum += share * value / cases.len() as f32;
                }
            }
        }
        for at in 0..=KINDS {
            let slope = gradient[at] + 0.0005 * (weights[at] - start[at]);
            mean[at] = 0.9 * mean[at] + 0.1 * slope;
            square[at] = 0.99 * square[at] + 0.01 * slope * slope;
            let (m, v) =
                (mean[at] / (1.0 - 0.9_f32.powi(step)), square[at] / (1.0 - 0.99_f32.powi(step)));
            weights[at] -= 0.03 * m / (v.sqrt() + 1e-6);
        }
    }
    weights
}

fn pairs(train: &str, judged: &str) {
    let (train, judged) =
        (read_pairs(train).unwrap_or_default(), read_pairs(judged).unwrap_or_default());
    let scorer = Scorer::new(train.iter().chain(&judged).flat_map(|(a, b, _)| [a, b]));
    let measure = |pairs: &[Pair]| -> Vec<Measures> {
        pairs.iter().map(|(a, b, _)| scorer.measures(a, b)).collect()
    };
    let (rows, judged_rows) = (measure(&train), measure(&judged));
    for trust in [1.0, 10.0, 100.0] {
        let slices: Vec<&[f32]> = rows.iter().map(<[f32; MEASURES]>::as_slice).collect();
        let classes: Vec<usize> = train.iter().map(|(.., same)| usize::from(*same)).collect();
        let model = Softmax::train(&slices, &classes, 2, Training { trust, steps: 300 });
        let weights = weights_of(&model);
        let scores = |rows: &[Measures]| -> Vec<f32> {
            rows.iter().map(|row| probability(&weights, row)).collect()
        };
        let (own, other) = (scores(&rows), scores(&judged_rows));
        let (threshold, best) = (5..95)
            .map(|at| at as f32 / 100.0)
            .map(|at| (at, f1(&own, &train, at)))
            .fold((0.5, 0.0), |a, b| if b.1 > a.1 { b } else { a });
        report(&format!(
            "trust {trust}: threshold {threshold}, F1 on train {best:.4}, judged {:.4}",
            f1(&other, &judged, threshold)
        ));
        report(&format!("{weights:.3?}"));
    }
}

fn f1(scores: &[f32], pairs: &[Pair], threshold: f32) -> f32 {
    let hits = scores
        .iter()
        .zip(pairs)
        .filter(|(score, (.., same))| **score >= threshold && *same)
        .count();
    let claimed = scores.iter().filter(|score| **score >= threshold).count();
    let same = pairs.iter().filter(|(.., same)| *same).count();
    2.0 * hits as f32 / (claimed + same).max(1) as f32
}
