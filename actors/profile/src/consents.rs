//! The consent in force per purpose and channel, and what was said over time.

use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::command::ConsentChange;
use crate::event::{Preference, Received};
use crate::{CONSENT_HISTORY, CONSENTS_MAX};

/// The source of words that messages carry ([`Preference`]).
const CARRIED: &str = "context.consent";
/// The channel of a word on all of them.
const EVERY_CHANNEL: &str = "*";

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Consent {
    #[n(0)]
    pub(crate) change: ConsentChange,
    #[n(1)]
    pub(crate) recorded_at: Timestamp,
}

impl Consent {
    /// What a message says.
    pub(crate) fn carried(preference: &Preference, message: &Received) -> Self {
        let change = ConsentChange {
            purpose: preference.purpose.to_string(),
            channel: EVERY_CHANNEL.to_owned(),
            granted: preference.granted,
            source: CARRIED.to_owned(),
            text_version: String::new(),
            proof: None,
            at: message.at,
        };
        Self { change, recorded_at: message.received_at }
    }

    fn is_carried(&self) -> bool {
        self.change.source == CARRIED
    }

    fn concerns(&self, purpose: &str, channel: &str) -> bool {
        self.change.purpose == purpose && self.change.channel == channel
    }

    fn is_about_the_same(&self, other: &Self) -> bool {
        self.concerns(&other.change.purpose, &other.change.channel)
    }

    /// The later word holds; at the same moment the withdrawal.
    fn overrules(&self, other: &Self) -> bool {
        let rank =
            |consent: &Self| (consent.change.at, !consent.change.granted, consent.recorded_at);
        rank(self) > rank(other)
    }

    fn place(&self) -> (Timestamp, Timestamp, &str, &str) {
        (self.change.at, self.recorded_at, &self.change.purpose, &self.change.channel)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Consents {
    /// Sorted by purpose and channel.
    #[n(0)]
    current: Vec<Consent>,
    /// Oldest first.
    #[n(1)]
    history: Vec<Consent>,
    #[n(2)]
    dropped: u64,
}

impl Consents {
    pub(crate) fn current(&self) -> &[Consent] {
        &self.current
    }

    pub(crate) fn history(&self) -> &[Consent] {
        &self.history
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether a word about this pair fits.
    pub(crate) fn has_room(&self, purpose: &str, channel: &str) -> bool {
        self.current.len() < CONSENTS_MAX
            || self.current.iter().any(|consent| consent.concerns(purpose, channel))
    }

    /// Whether exactly this was said before.
    pub(crate) fn knows(&self, change: &ConsentChange) -> bool {
        self.history.iter().any(|consent| consent.change == *change)
    }

    /// What holds for all channels.
    pub(crate) fn in_force(&self, purpose: &str) -> Option<&ConsentChange> {
        let found = self.current.iter().find(|known| known.concerns(purpose, EVERY_CHANNEL));
        found.map(|consent| &consent.change)
    }

    pub(crate) fn record(&mut self, consent: Consent) {
        self.hold(&consent);
        self.note(consent);
    }

    /// Takes in a word that messages repeat: the history gets it only where it changes something.
    pub(crate) fn carry(&mut self, consent: Consent) {
        // A profile refuses messages that bring too many; only those that were passed on come here.
        let full = self.current.len() >= 2 * CONSENTS_MAX;
        if full && !self.current.iter().any(|known| known.is_about_the_same(&consent)) {
            return;
        }
        self.hold(&consent);
        let place = self.history.partition_point(|known| known.place() <= consent.place());
        let (earlier, later) = self.history.split_at(place);
        let says_the_same = |known: &Consent| known.change.granted == consent.change.granted;
        let before = earlier.iter().rev().find(|known| known.is_about_the_same(&consent));
        if before.is_some_and(says_the_same) {
            return;
        }
        let after = later.iter().position(|known| known.is_about_the_same(&consent));
        match after.map(|after| place + after) {
            Some(after)
                if says_the_same(&self.history[after]) && self.history[after].is_carried() =>
            {
                _ = self.history.remove(after);
            }
            Some(_) => {}
            None => self.note_what_holds_after(&consent),
        }
        self.note(consent);
    }

    /// A later word may have been left out because it repeated what was known then.
    fn note_what_holds_after(&mut self, consent: &Consent) {
        let later = self.current.iter().find(|known| {
            known.is_about_the_same(consent)
                && known.change.granted != consent.change.granted
                && known.change.at > consent.change.at
        });
        if let Some(later) = later.cloned() {
            self.note(later);
        }
    }

    fn note(&mut self, consent: Consent) {
        let place = self.history.partition_point(|known| known.place() <= consent.place());
        self.history.insert(place, consent);
        if self.history.len() > CONSENT_HISTORY {
            self.history.remove(0);
            self.dropped += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.dropped += other.dropped;
        for consent in &other.history {
            if consent.is_carried() {
                self.carry(consent.clone());
            } else {
                self.record(consent.clone());
            }
        }
        for consent in &other.current {
            if consent.is_carried() {
                self.carry(consent.clone());
            } else {
                self.hold(consent);
            }
        }
    }

    fn hold(&mut self, consent: &Consent) {
        let (purpose, channel) = (&*consent.change.purpose, &*consent.change.channel);
        let key = (purpose, channel);
        let found = self
            .current
            .binary_search_by(|known| (&*known.change.purpose, &*known.change.channel).cmp(&key));
        match found {
            Ok(place) if consent.overrules(&self.current[place]) => {
                let known = &mut self.current[place];
                if consent.is_carried()
                    && known.is_carried()
                    && known.change.granted == consent.change.granted
                {
                    // The usual case of a repeated word, without an allocation.
                    known.change.at = consent.change.at;
                    known.recorded_at = consent.recorded_at;
                } else {
                    *known = consent.clone();
                }
            }
            Ok(_) => {}
            Err(place) => self.current.insert(place, consent.clone()),
        }
    }
}
