use std::collections::HashMap;

use impresario_calls::Bucket;

use crate::Settings;

/// The most people that are remembered; those whose bucket is full again are forgotten first.
const PEOPLE_MAX: usize = 50_000;

/// When the next message may go out, per number and per pair of numbers.
#[derive(Clone, Debug)]
pub struct Pacer {
    number: Bucket,
    pair: Bucket,
    pairs: HashMap<String, Bucket>,
}

impl Pacer {
    /// The pace of a connection.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let pair_us = u64::from(settings.pair_interval_ms) * 1_000;
        Self {
            number: Bucket::per_second(settings.messages_per_s),
            pair: Bucket::new(settings.pair_burst, pair_us),
            pairs: HashMap::new(),
        }
    }

    /// Lets one message to this person go now.
    ///
    /// # Errors
    /// If it must wait: how many milliseconds. Nothing is counted then.
    pub fn take(&mut self, user: &str, now_ms: i64) -> Result<(), i64> {
        if self.pairs.len() >= PEOPLE_MAX {
            self.pairs.retain(|_, bucket| !bucket.is_full(now_ms));
        }
        let pair = self.pairs.entry(user.to_owned()).or_insert(self.pair);
        let mut taken = *pair;
        taken.take(now_ms)?;
        self.number.take(now_ms)?;
        *pair = taken;
        Ok(())
    }

    /// Meta refused the pair's pace (131056): nothing to this person until then.
    pub fn hold_pair(&mut self, user: &str, until_ms: i64) {
        self.pairs.entry(user.to_owned()).or_insert(self.pair).hold_until(until_ms);
    }

    /// Meta refused the number's pace (130429, 80007, 4): nothing until then.
    pub fn hold_number(&mut self, until_ms: i64) {
        self.number.hold_until(until_ms);
    }
}
