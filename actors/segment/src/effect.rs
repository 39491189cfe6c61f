use std::borrow::Borrow;

use impresario_ids::SegmentId;
use minicbor::{Decode, Encode};

/// What a segment asks of its tenant, which hands the live rules to all profiles.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Effect {
    /// This is live now. If the tenant does not have the segment, or has a lower version, every
    /// profile must be evaluated afresh and [`crate::Command::SweepDone`] sent here; the same
    /// version again is only a new name.
    #[n(0)]
    Publish {
        /// Which segment.
        #[n(0)]
        segment: SegmentId,
        /// The version of the rule.
        #[n(1)]
        version: u32,
        /// Its name.
        #[n(2)]
        name: String,
        /// Its canonical JSON text.
        #[n(3)]
        rule: String,
    },
    /// This is not live any more.
    #[n(1)]
    Withdraw {
        /// Which segment.
        #[n(0)]
        segment: SegmentId,
        /// For good, so its members must leave; one that is only paused keeps them.
        #[cbor(n(1), skip_if = "is_unset")]
        archived: bool,
    },
}

/// A flag that was added later is written only if it is set, so that what was stored before it
/// reads, and reads back, as it was.
fn is_unset(flag: &impl Borrow<bool>) -> bool {
    !*flag.borrow()
}
