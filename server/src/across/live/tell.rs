//! What nodes say to each other about changes. Fields are numbered; those of a later release are passed
//! over.

use std::borrow::Cow;

use impresario_http::LiveEvent;
use impresario_ids::{ConversationId, TenantId};
use minicbor::{Decode, Encode};

/// What one node tells another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Tell {
    /// Somebody listens here to these tenants, and to no others.
    #[n(0)]
    Wants {
        #[n(0)]
        changes: Vec<TenantId>,
        /// And watches conversations of these.
        #[n(1)]
        talks: Option<Vec<TenantId>>,
    },
    /// What was committed with me.
    #[n(1)]
    Changes {
        #[n(0)]
        changes: Vec<Told>,
        #[n(1)]
        lost: Vec<Lost>,
        /// Something happened in these conversations.
        #[n(2)]
        talks: Option<Vec<Poke>>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Poke {
    #[n(0)]
    pub(super) tenant: TenantId,
    #[n(1)]
    pub(super) conversation: ConversationId,
}

/// The answer to [`Tell::Wants`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Noted {
    /// Whether the node was known to listen, so that nothing was missed since it last said so.
    #[n(0)]
    pub(super) known: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Told {
    #[n(0)]
    pub(super) tenant: TenantId,
    #[n(1)]
    pub(super) change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Lost {
    #[n(0)]
    pub(super) tenant: TenantId,
    #[n(1)]
    pub(super) count: u64,
}

/// A [`LiveEvent`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Change {
    #[n(0)]
    pub(super) kind: String,
    #[n(1)]
    pub(super) profile: Option<String>,
    #[n(2)]
    pub(super) segment: Option<String>,
    #[n(3)]
    pub(super) at: String,
    /// JSON.
    #[n(4)]
    pub(super) data: String,
}

impl Change {
    pub(super) fn of(event: &LiveEvent) -> Self {
        Self {
            kind: event.kind.to_string(),
            profile: event.profile.clone(),
            segment: event.segment.clone(),
            at: event.at.clone(),
            data: event.data.to_string(),
        }
    }

    pub(super) fn event(self) -> LiveEvent {
        LiveEvent {
            kind: Cow::Owned(self.kind),
            profile: self.profile,
            segment: self.segment,
            at: self.at,
            // What is not understood is not shown.
            data: serde_json::from_str(&self.data).unwrap_or_default(),
        }
    }

    /// Bytes, about.
    pub(super) fn size(&self) -> usize {
        64 + self.kind.len() + self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use impresario_kernel::{decode, encode};
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check<T: impresario_kernel::Stored + PartialEq + std::fmt::Debug>(what: &T, want: &str) {
        let hex: String = encode(what).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, want);
        assert_eq!(decode::<T>(&encode(what)).ok().as_ref(), Some(what));
    }

    fn event() -> LiveEvent {
        LiveEvent {
            kind: "segment.left".into(),
            profile: Some("p".to_owned()),
            segment: None,
            at: "t".to_owned(),
            data: json!({ "version": 1 }),
        }
    }

    /// The bytes of a release: later ones must read them, and it must read theirs.
    #[test]
    fn messages_are_as_released() {
        let tenant = TenantId::from_bytes([1; 16]);
        let changes = vec![tenant];
        check(&Tell::Wants { changes, talks: None }, "820081815001010101010101010101010101010101");
        let talks = Some(vec![tenant]);
        check(
            &Tell::Wants { changes: Vec::new(), talks },
            "82008280815001010101010101010101010101010101",
        );
        let conversation = ConversationId::from_bytes([2; 16]);
        let talks = Some(vec![Poke { tenant, conversation }]);
        check(
            &Tell::Changes { changes: Vec::new(), lost: Vec::new(), talks },
            "8201838080818250010101010101010101010101010101015002020202020202020202020202020202",
        );
        let changes = vec![Told { tenant, change: Change::of(&event()) }];
        check(
            &Tell::Changes { changes, lost: vec![Lost { tenant, count: 3 }], talks: None },
            "82018281825001010101010101010101010101010101856c7365676d656e742e6c6566746170f661746d7b2276657273696f6e223a317d8182500101010101010101010101010101010103",
        );
        check(&Noted { known: true }, "81f5");
    }

    #[test]
    fn a_change_is_the_same_on_the_other_side() {
        let bare = LiveEvent { data: serde_json::Value::Null, ..event() };
        for event in [event(), bare] {
            assert_eq!(Change::of(&event).event(), event);
        }
    }
}
