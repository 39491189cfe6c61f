//! Which packet is due when. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Disorder, Tally};
use crate::plan::Chance;

/// More than this under way is lost, as in a router whose memory is full.
const PACKETS_MAX: usize = 8_192;

/// Packets that are under way.
pub(super) struct Queue {
    disorder: Disorder,
    chance: Chance,
    /// By the time at which they are due, and in the order in which they came.
    under_way: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    number: u64,
    tally: Tally,
}

impl Queue {
    pub(super) fn new(disorder: Disorder, chance: Chance) -> Self {
        Self { disorder, chance, under_way: BTreeMap::new(), number: 0, tally: Tally::default() }
    }

    /// A packet for one of the ends has come.
    pub(super) fn put(&mut self, to: usize, packet: Vec<u8>, now: Instant) {
        let due = now + Duration::from_millis(self.disorder.delay_ms);
        let is_late = self.happens(self.disorder.late);
        self.tally.late += u64::from(is_late);
        if self.happens(self.disorder.doubled) {
            self.tally.doubled += 1;
            let later = self.lateness();
            self.add(due + later, to, packet.clone());
        }
        let later = if is_late { self.lateness() } else { Duration::ZERO };
        self.add(due + later, to, packet);
    }

    fn happens(&mut self, per_mille: u16) -> bool {
        self.chance.below(1_000) < u64::from(per_mille)
    }

    fn lateness(&mut self) -> Duration {
        self.chance.pause(1, self.disorder.late_ms.max(1))
    }

    fn add(&mut self, due: Instant, to: usize, packet: Vec<u8>) {
        if self.under_way.len() >= PACKETS_MAX {
            self.tally.lost += 1;
            return;
        }
        self.number += 1;
        self.under_way.insert((due, self.number), (to, packet));
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(due, _)| *due)
    }

    /// The next one that is due, and the end it is for.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(usize, Vec<u8>)> {
        let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    /// What became of one that was taken.
    pub(super) fn sent(&mut self, is_passed: bool) {
        if is_passed {
            self.tally.passed += 1;
        } else {
            self.tally.lost += 1;
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The packets 0 to 255, a millisecond apart, in the order in which they leave; none leaves before
    /// its time.
    fn check(disorder: Disorder) -> (Vec<u8>, Tally) {
        let mut queue = Queue::new(disorder, Chance::new(7));
        let start = Instant::now();
        let mut left = Vec::new();
        for ms in 0..2_000_u64 {
            let now = start + Duration::from_millis(ms);
            if let Ok(number) = u8::try_from(ms) {
                queue.put(1, vec![number], now);
            }
            while let Some((to, packet)) = queue.take_due(now) {
                assert!(to == 1 && u64::from(packet[0]) + disorder.delay_ms <= ms);
                left.push(packet[0]);
                queue.sent(true);
            }
        }
        assert_eq!(queue.next_due(), None);
        (left, queue.tally())
    }

    #[test]
    fn a_delay_keeps_the_order() {
        let all: Vec<u8> = (0..=255).collect();
        for delay_ms in [0, 300] {
            let (left, tally) = check(Disorder { delay_ms, ..Disorder::default() });
            assert_eq!(left, all);
            assert_eq!(tally, Tally { passed: 256, ..Tally::default() });
        }
    }

    #[test]
    fn late_ones_are_overtaken_and_none_is_lost() {
        let (mut left, tally) =
            check(Disorder { delay_ms: 5, late: 300, late_ms: 20, ..Disorder::default() });
        assert!(!left.is_sorted() && (40..120).contains(&tally.late), "{tally:?}");
        left.sort_unstable();
        assert_eq!(left, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn doubled_ones_come_twice() {
        let (left, tally) = check(Disorder { doubled: 200, late_ms: 9, ..Disorder::default() });
        assert_eq!(left.len() as u64, 256 + tally.doubled);
        assert!((25..85).contains(&tally.doubled), "{tally:?}");
        assert!((0..=255).all(|number: u8| left.contains(&number)));
    }

    #[test]
    fn what_there_is_no_room_for_is_lost() {
        let mut queue = Queue::new(Disorder { delay_ms: 9, ..Disorder::default() }, Chance::new(7));
        (0..PACKETS_MAX + 3).for_each(|_| queue.put(0, Vec::new(), Instant::now()));
        assert_eq!(queue.tally(), Tally { lost: 3, ..Tally::default() });
    }
}
