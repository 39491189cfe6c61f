use impresario_journal::{Journal, ReadError, Table, Write};
use impresario_kernel::PartitionId;
use minicbor::{Decode, Encode};

/// Before the name of the mark, in each partition that is filled.
const FILLING: &[u8] = b"filling/";

/// One attempt to bring something in. Each time that it is asked for is another attempt, and only the
/// last one may change anything: one that was held up, or that an operator began at another node, must
/// not pour into what has been cleared since, or serves already.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Attempt {
    /// The key of the system group's row that says what is being brought in.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(crate) mark: Vec<u8>,
    /// What that row holds while this is the last attempt.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) value: Vec<u8>,
}

impl Attempt {
    fn key(&self) -> Vec<u8> {
        [FILLING, &self.mark].concat()
    }

    /// What has a partition take rows from this attempt only.
    pub(super) fn admit(&self) -> Write {
        Write::Put { table: Table::Meta, key: self.key(), value: self.value.clone() }
    }

    /// What has it take rows from nobody.
    pub(super) fn end(&self) -> Write {
        Write::Delete { table: Table::Meta, key: self.key() }
    }

    /// Whether a partition takes rows from this one.
    pub(super) fn is_admitted(
        &self,
        journal: &dyn Journal,
        partition: PartitionId,
    ) -> Result<bool, ReadError> {
        let held = journal.get(partition, Table::Meta, &self.key())?;
        Ok(held.is_some_and(|held| held == self.value))
    }
}
