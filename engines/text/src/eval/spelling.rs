//! Spelling against pairs of right and wrong words.

use std::sync::Arc;

use super::{BadData, Report, share};
use crate::spelling::{Corrector, Dictionary};

const FORM: &str = "right: wrong wrong";

/// Top-1 and top-5 of the embedded English dictionary. The words of the data are not added to it.
///
/// # Errors
///
/// When a line has no colon, or there is none.
pub fn eval_spelling(pairs: &str) -> Result<Report, BadData> {
    let corrector =
        Corrector::new(Some(Arc::new(Dictionary::english())), Dictionary::from_words([]));
    let mut tally = Tally::default();
    for (at, line) in pairs.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Some((right, wrongs)) = line.split_once(':') else {
            return Err(BadData::Line { line: at + 1, form: FORM });
        };
        let right = right.trim().to_lowercase();
        tally.rights += 1;
        tally.rights_known += usize::from(corrector.knows(&right));
        for wrong in wrongs.split_whitespace() {
            tally.add(&corrector, &right, wrong);
        }
    }
    if tally.wrongs == 0 {
        return Err(BadData::Empty(FORM));
    }
    Ok(tally.report())
}

#[derive(Default)]
struct Tally {
    rights: usize,
    rights_known: usize,
    wrongs: usize,
    /// Misspellings that are words themselves: no corrector of single words can see them.
    real_words: usize,
    reachable: usize,
    first: usize,
    five: usize,
    offered: usize,
    offered_right: usize,
}

/// Corrections at least this sure would be made without asking.
const SURE: f32 = 0.8;

impl Tally {
    fn add(&mut self, corrector: &Corrector, right: &str, wrong: &str) {
        self.wrongs += 1;
        self.real_words += usize::from(corrector.knows(wrong));
        self.reachable += usize::from(corrector.knows(right));
        let suggestions = corrector.suggest(wrong, 5);
        let first = suggestions.first().is_some_and(|best| best.word == right);
        self.first += usize::from(first);
        self.five += usize::from(suggestions.iter().any(|one| one.word == right));
        let sure =
            suggestions.first().is_some_and(|best| best.distance > 0 && best.confidence >= SURE);
        self.offered += usize::from(sure);
        self.offered_right += usize::from(sure && first);
    }

    fn report(&self) -> Report {
        let mut report = Report::new(
            "spelling",
            &[
                "single words without context, against the embedded dictionary of 82 834 words; right words that are not in it count as missed",
                "misspellings that are words themselves (planed for planned) are left alone on purpose and count as missed",
                "sure: corrections with a confidence of 0.8 or more, which would be made without asking",
                "the weights were fitted on codespell's list, from which the pairs of Norvig's first set were taken out; words change less often in real messages than in a list of mistakes",
            ],
        );
        report.size("right_words", self.rights);
        report.size("misspellings", self.wrongs);
        report.size("misspellings_that_are_words", self.real_words);
        report.size("misspellings_of_unknown_words", self.wrongs - self.reachable);
        report.metric("top1", share(self.first, self.wrongs));
        report.metric("top5", share(self.five, self.wrongs));
        report.metric("right_words_left_alone", share(self.rights_known, self.rights));
        report.metric("sure_share", share(self.offered, self.wrongs));
        report.metric("sure_precision", share(self.offered_right, self.offered));
        report
    }
}
