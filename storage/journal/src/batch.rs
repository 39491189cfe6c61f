use impresario_kernel::PartitionId;

/// The reign of one owner over a partition. Later owners have higher terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub u64);

/// The place of a batch in its partition's log. The first batch is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitIndex(pub u64);

/// The tables of a partition. Every key but those of `Meta` begins with a tenant's 16 bytes.
///
/// The bytes are stored for ever: append, never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Entity key, sequence (8 bytes, big-endian) → sealed event.
    Events = 0,
    /// Entity key → sequence and sealed state.
    Snapshots = 1,
    /// Tenant, day (4 bytes, big-endian), kind and id, hash of the idempotency key → sealed reply.
    Seen = 2,
    /// Entity key, sequence, number within the decision → sealed effect and its attempts.
    Outbox = 3,
    /// Entity key, timer name → due time.
    Timers = 4,
    /// Tenant, index, hashed personal value if any, term → value or counter.
    Index = 5,
    /// Entity key, time, number → sealed command that killed its entity, and why.
    DeadLetters = 6,
    /// Tenant → wrapped data keys. Only in partition 0.
    Keys = 7,
    /// Small rows about the partition itself.
    Meta = 8,
    /// Tenant, endpoint, time, message → what became of a webhook delivery.
    Deliveries = 9,
}

impl Table {
    /// Every table, in the order of their bytes.
    pub const ALL: [Self; 10] = [
        Self::Events,
        Self::Snapshots,
        Self::Seen,
        Self::Outbox,
        Self::Timers,
        Self::Index,
        Self::DeadLetters,
        Self::Keys,
        Self::Meta,
        Self::Deliveries,
    ];

    /// The stored byte.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The table of a stored byte.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.code() == code)
    }
}

/// One deterministic change to one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Set a row.
    Put {
        /// Where.
        table: Table,
        /// The row's key.
        key: Vec<u8>,
        /// The row's new value.
        value: Vec<u8>,
    },
    /// Remove a row, if there.
    Delete {
        /// Where.
        table: Table,
        /// The row's key.
        key: Vec<u8>,
    },
    /// Remove a row if it holds exactly this value; otherwise leave it.
    DeleteIf {
        /// Where.
        table: Table,
        /// The row's key.
        key: Vec<u8>,
        /// The value it must hold.
        value: Vec<u8>,
    },
    /// Add to the signed 64-bit number (8 bytes, big-endian, wrapping) of a row; a missing row
    /// counts as 0, one of another length is overwritten.
    Add {
        /// Where.
        table: Table,
        /// The row's key.
        key: Vec<u8>,
        /// What to add.
        delta: i64,
    },
    /// Remove all rows from `from` (inclusive) to `to` (exclusive; empty means the table's end). A
    /// store may hold the range's keys in memory until its next checkpoint, so whoever removes
    /// hundreds of thousands of rows does it in pieces.
    DeleteRange {
        /// Where.
        table: Table,
        /// The first key removed.
        from: Vec<u8>,
        /// The first key kept.
        to: Vec<u8>,
    },
}

/// What becomes true together in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where.
    pub partition: PartitionId,
    /// The reign under which it was decided.
    pub term: Term,
    /// Applied in order.
    pub writes: Vec<Write>,
}
