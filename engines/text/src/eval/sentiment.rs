//! Sentiment against human ratings.

use super::{BadData, Report, share};
use crate::sentiment::Analyzer;

const FORM: &str = "id <tab> mean rating <tab> text";
/// Within this of zero a text is neutral, as VADER's authors count.
const NEUTRAL: f64 = 0.05;

/// Correlation with, and agreement in direction with, the mean rating of people.
///
/// # Errors
///
/// When a line is not in the form, or there are fewer than two.
pub fn eval_sentiment(ratings: &str) -> Result<Report, BadData> {
    let analyzer = Analyzer::english();
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for (at, line) in ratings.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let mut fields = line.splitn(3, '\t').skip(1);
        let rating = fields.next().and_then(|field| field.trim().parse::<f64>().ok());
        let (Some(rating), Some(text)) = (rating, fields.next()) else {
            return Err(BadData::Line { line: at + 1, form: FORM });
        };
        pairs.push((rating, analyzer.score(text).compound));
    }
    if pairs.len() < 2 {
        return Err(BadData::Empty(FORM));
    }
    let mut report = Report::new(
        "sentiment",
        &[
            "own port of VADER (vaderSentiment 3.3.2); r is Pearson's correlation of the compound score with the mean human rating",
            "the direction counts as neutral within 0.05 of zero, people's within 0.5 of a rating of 4",
            "English only; it shows nothing about irony, other languages or texts longer than a message",
        ],
    );
    report.size("texts", pairs.len());
    report.metric("r", correlation(&pairs));
    let agree = pairs
        .iter()
        .filter(|(rating, score)| direction(*rating, 0.5) == direction(*score, NEUTRAL));
    report.metric("direction_agreement", share(agree.count(), pairs.len()));
    let opposed = pairs
        .iter()
        .filter(|(rating, score)| direction(*rating, 0.5) * direction(*score, NEUTRAL) < 0);
    report.metric("direction_opposed", share(opposed.count(), pairs.len()));
    Ok(report)
}

fn direction(value: f64, neutral: f64) -> i8 {
    if value >= neutral {
        1
    } else if value <= -neutral {
        -1
    } else {
        0
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of examples")]
fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (a, b) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
    let both = sum(&|pair| (pair.0 - a) * (pair.1 - b));
    let (own, other) = (sum(&|pair| (pair.0 - a).powi(2)), sum(&|pair| (pair.1 - b).powi(2)));
    both / (own * other).sqrt().max(f64::MIN_POSITIVE)
}
