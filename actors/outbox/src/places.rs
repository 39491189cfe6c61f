//! Which partitions to look at on this node.

use impresario_journal::{Journal, Role};
use impresario_kernel::PartitionId;

/// The partitions for which this node decides, as its journal knows. Their durable rows (effects,
/// timers, dead letters) are the ones to show here: those of the others are shown, and obey orders,
/// where they are led.
pub fn led_here(journal: &dyn Journal) -> impl Iterator<Item = PartitionId> {
    all(journal).filter(|partition| journal.leadership(*partition).is_leader())
}

/// The partitions of which this node holds a replica, led here or not.
pub(crate) fn held_here(journal: &dyn Journal) -> impl Iterator<Item = PartitionId> {
    all(journal).filter(|partition| journal.leadership(*partition).role != Role::Absent)
}

fn all(journal: &dyn Journal) -> impl Iterator<Item = PartitionId> + use<> {
    (0..journal.partitions()).map(PartitionId)
}

#[cfg(test)]
mod tests {
    use impresario_journal::{Leadership, MemoryJournal, Term};

    use super::*;

    #[test]
    fn followers_are_read_but_not_shown_as_led() {
        let journal = MemoryJournal::new(3);
        for (number, role) in [(1, Role::Follower { leader: None }), (2, Role::Absent)] {
            journal.lead(PartitionId(number), Leadership { term: Term(1), role });
        }
        assert_eq!(led_here(&journal).collect::<Vec<_>>(), [PartitionId(0)]);
        assert_eq!(held_here(&journal).collect::<Vec<_>>(), [PartitionId(0), PartitionId(1)]);
    }
}
