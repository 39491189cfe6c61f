//! Pairs of records against labels.

use super::{BadData, Report, share};
use crate::intents::softmax::{Softmax, Training};
use crate::matching::pairs::{self, MEASURES, Measures, Record, Scorer};

const FORM: &str = "COL name VAL value ... <tab> COL name VAL value ... <tab> 0 or 1";

/// Two records, and whether they are the same.
pub type Pair = (Record, Record, bool);

/// F1 on `judged` of the committed weights with the committed threshold, of the same with a threshold
/// fitted on `train`, of weights fitted on `train`, and of the best single measure (threshold fitted on
/// `train` too). The labels of `judged` are used for counting only.
///
/// # Errors
///
/// When a line is not in the form, or either text has no pair of each label.
pub fn eval_matching(train: &str, judged: &str) -> Result<Report, BadData> {
    let (train, judged) = (read_pairs(train)?, read_pairs(judged)?);
    for pairs in [&train, &judged] {
        let same = pairs.iter().filter(|(.., same)| *same).count();
        if same == 0 || same == pairs.len() {
            return Err(BadData::TooFew("pairs of both labels are needed".to_owned()));
        }
    }
    let scorer = Scorer::new(train.iter().chain(&judged).flat_map(|(a, b, _)| [a, b]));
    let measure = |pairs: &[Pair]| -> Vec<Measures> {
        pairs.iter().map(|(a, b, _)| scorer.measures(a, b)).collect()
    };
    let (own, other) =
        (Sample::new(measure(&train), &train), Sample::new(measure(&judged), &judged));
    let mut report = Report::new(
        "matching",
        &[
            "rarity of words is learnt from all records without their labels, as a tenant's catalogue would be",
            "committed: the weights in the crate, fitted on Abt-Buy's training pairs; on other collections they show how they travel",
            "refitted: the same measures with weights and threshold fitted on the training pairs at hand",
            "the pairs were pre-selected to be hard by their makers; it shows nothing about finding candidates among all records",
        ],
    );
    report.size("train_pairs", train.len());
    report.size("judged_pairs", judged.len());
    report.size("judged_same", judged.iter().filter(|(.., same)| *same).count());
    let committed = (own.scores(pairs::committed()), other.scores(pairs::committed()));
    report.metric("f1_committed", other.f1(&committed.1, pairs::THRESHOLD));
    report.metric(
        "f1_committed_fitted_threshold",
        other.f1(&committed.1, own.best_threshold(&committed.0)),
    );
    let weights = own.fit();
    let refitted = (own.scores(&weights), other.scores(&weights));
    let threshold = own.best_threshold(&refitted.0);
    report.metric("f1_refitted", other.f1(&refitted.1, threshold));
    report.metric("precision_refitted", other.precision(&refitted.1, threshold));
    report.metric("recall_refitted", other.recall(&refitted.1, threshold));
    let singles = (1..MEASURES).map(|at| {
        let (train, judged) = (own.column(at), other.column(at));
        let threshold = own.best_threshold(&train);
        (own.f1(&train, threshold), other.f1(&judged, threshold))
    });
    report.metric(
        "f1_best_single_measure",
        singles.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(0.0, |best| best.1),
    );
    Ok(report)
}

/// The pairs of a text in the form of `eval_matching`.
///
/// # Errors
///
/// When a line is not in the form, or there is none.
pub fn read_pairs(text: &str) -> Result<Vec<Pair>, BadData> {
    let record = |text: &str| {
        let fields = text.split("COL ").filter_map(|field| field.split_once(" VAL"));
        Record {
            fields: fields
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .collect(),
        }
    };
    let mut pairs = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [a, b, label] = parts.as_slice() else {
            return Err(BadData::Line { line: at + 1, form: FORM });
        };
        let same = match label.trim() {
            "1" => true,
            "0" => false,
            _ => return Err(BadData::Line { line: at + 1, form: FORM }),
        };
        pairs.push((record(a), record(b), same));
    }
    if pairs.is_empty() { Err(BadData::Empty(FORM)) } else { Ok(pairs) }
}

/// Measures with labels.
struct Sample {
    rows: Vec<Measures>,
    same: Vec<bool>,
}

impl Sample {
    fn new(rows: Vec<Measures>, pairs: &[Pair]) -> Self {
        Self { rows, same: pairs.iter().map(|(.., same)| *same).collect() }
    }

    fn fit(&self) -> Measures {
        let rows: Vec<&[f32]> = self.rows.iter().map(<[f32; MEASURES]>::as_slice).collect();
        let classes: Vec<usize> = self.same.iter().map(|same| usize::from(*same)).collect();
        pairs::weights_of(&Softmax::train(&rows, &classes, 2, Training { trust: 1.0, steps: 300 }))
    }

    fn scores(&self, weights: &Measures) -> Vec<f32> {
        self.rows.iter().map(|row| pairs::probability(weights, row)).collect()
    }

    fn column(&self, at: usize) -> Vec<f32> {
        self.rows.iter().map(|row| row[at]).collect()
    }

    /// True hits, all claimed, all that are the same.
    fn count(&self, scores: &[f32], threshold: f32) -> (usize, usize, usize) {
        let hits = scores
            .iter()
            .zip(&self.same)
            .filter(|(score, same)| **score >= threshold && **same)
            .count();
        let claimed = scores.iter().filter(|score| **score >= threshold).count();
        (hits, claimed, self.same.iter().filter(|same| **same).count())
    }

    fn f1(&self, scores: &[f32], threshold: f32) -> f64 {
        let (hits, claimed, same) = self.count(scores, threshold);
        share(2 * hits, claimed + same)
    }

    fn precision(&self, scores: &[f32], threshold: f32) -> f64 {
        let (hits, claimed, _) = self.count(scores, threshold);
        share(hits, claimed)
    }

    fn recall(&self, scores: &[f32], threshold: f32) -> f64 {
        let (hits, _, same) = self.count(scores, threshold);
        share(hits, same)
    }

    fn best_threshold(&self, scores: &[f32]) -> f32 {
        let tried = (1_u8..100).map(|at| f32::from(at) / 100.0);
        let rated = tried.map(|threshold| (self.f1(scores, threshold), threshold));
        rated.fold((0.0, 0.5), |best, one| if one.0 > best.0 { one } else { best }).1
    }
}
