use std::fmt;

use crate::{Entity, Timestamp};

/// What a command leads to. All of it is committed together, or none.
pub struct Decision<E: Entity> {
    /// Facts, in order. State changes only by applying them.
    pub events: Vec<E::Event>,
    /// What other entities or the world should be asked to do once the events are durable.
    pub effects: Vec<E::Effect>,
    /// Durable timers to set or cancel, in order.
    pub timers: Vec<TimerOp>,
    /// Rows of the partition's read models.
    pub index: Vec<IndexRow>,
    /// The answer to the caller, given only after the commit.
    pub reply: E::Reply,
}

impl<E: Entity> Decision<E> {
    /// Nothing happened; only an answer.
    #[must_use]
    pub fn unchanged(reply: E::Reply) -> Self {
        Self {
            events: Vec::new(),
            effects: Vec::new(),
            timers: Vec::new(),
            index: Vec::new(),
            reply,
        }
    }

    /// These events and an answer.
    #[must_use]
    pub fn events(events: Vec<E::Event>, reply: E::Reply) -> Self {
        Self { events, ..Self::unchanged(reply) }
    }

    /// Adds an effect.
    #[must_use]
    pub fn then(mut self, effect: E::Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Adds a timer operation.
    #[must_use]
    pub fn timer(mut self, op: TimerOp) -> Self {
        self.timers.push(op);
        self
    }

    /// Adds an index row.
    #[must_use]
    pub fn index(mut self, row: IndexRow) -> Self {
        self.index.push(row);
        self
    }

    /// Whether committing this decision would write anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.effects.is_empty()
            && self.timers.is_empty()
            && self.index.is_empty()
    }
}

impl<E: Entity> fmt::Debug for Decision<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("events", &self.events)
            .field("effects", &self.effects)
            .field("timers", &self.timers)
            .field("index", &self.index)
            .field("reply", &self.reply)
            .finish()
    }
}

/// The name of a durable timer, unique within its entity. Setting the same name replaces it.
pub type TimerName = Box<str>;

/// A change to an entity's durable timers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerOp {
    /// Fire at `due`, or as soon after it as the partition is awake. Replaces a timer of this name.
    Set {
        /// At most 64 bytes.
        name: TimerName,
        /// When to fire.
        due: Timestamp,
    },
    /// Forget the timer of this name, if there is one.
    Cancel {
        /// The name given to `Set`.
        name: TimerName,
    },
}

/// Which read model a row belongs to. A stored byte: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexId(pub u8);

/// One row of a read model. Its stored key is the tenant, the index, the hash of `personal` (if
/// any) and then `term`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// The read model.
    pub index: IndexId,
    /// A value that may identify a person. The host stores only its keyed hash (16 bytes), so it
    /// can be looked up exactly but not read or ordered.
    pub personal: Option<Vec<u8>>,
    /// The rest of the key, stored as it is. Nothing personal belongs here.
    pub term: Vec<u8>,
    /// What to do with the row.
    pub op: IndexOp,
}

/// A change to one row of a read model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexOp {
    /// Write this value, as it is. Nothing personal belongs here.
    Put(Vec<u8>),
    /// Remove the row.
    Delete,
    /// Add to the signed 64-bit number in the row (a missing row is 0).
    Add(i64),
}
