//! The consent in force per purpose and channel, and what was said over time.

use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::command::ConsentChange;
use crate::{CONSENT_HISTORY, CONSENTS_MAX};

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Consent {
    #[n(0)]
    pub(crate) change: ConsentChange,
    #[n(1)]
    pub(crate) recorded_at: Timestamp,
}

impl Consent {
    fn concerns(&self, purpose: &str, channel: &str) -> bool {
        self.change.purpose == purpose && self.change.channel == channel
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

    pub(crate) fn record(&mut self, consent: Consent) {
        self.hold(&consent);
        let place = self.history.partition_point(|known| known.place() <= consent.place());
        self.history.insert(place, consent);
        if self.history.len() > CONSENT_HISTORY {
            self.history.remove(0);
            self.dropped += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.dropped += other.dropped;
        for consent in &other.current {
            self.hold(consent);
        }
        for consent in &other.history {
            self.record(consent.clone());
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
                self.current[place] = consent.clone()
            }
            Ok(_) => {}
            Err(place) => self.current.insert(place, consent.clone()),
        }
    }
}
