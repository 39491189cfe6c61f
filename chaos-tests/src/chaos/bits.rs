//! A set of small numbers.

use std::fmt;

/// A set of numbers, one bit each. Equal sets are equal, whatever was removed from them before.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bits {
    // No zero word at the end, so that derived equality is set equality.
    words: Vec<u64>,
}

impl Bits {
    /// Adds a number; whether it was not there.
    pub fn insert(&mut self, number: usize) -> bool {
        let (word, bit) = (number / 64, 1_u64 << (number % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: usize) {
        if let Some(word) = self.words.get_mut(number / 64) {
            *word &= !(1_u64 << (number % 64));
        }
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    /// Whether a number is there.
    #[must_use]
    pub fn contains(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word & (1_u64 << (number % 64)) != 0)
    }

    /// How many numbers are there.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether no number is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether all of these are in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.words
            .iter()
            .enumerate()
            .all(|(at, word)| word & !other.words.get(at).copied().unwrap_or(0) == 0)
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            (0..64).filter(move |bit| word & (1_u64 << bit) != 0).map(move |bit| at * 64 + bit)
        })
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<T: IntoIterator<Item = usize>>(numbers: T) -> Self {
        let mut bits = Self::default();
        for number in numbers {
            bits.insert(number);
        }
        bits
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Chance;

    #[test]
    fn it_agrees_with_a_set() {
        let mut chance = Chance::new(5);
        let (mut bits, mut set) = (Bits::default(), BTreeSet::new());
        for _ in 0..2_000 {
            let number = chance.below(300) as usize;
            if chance.once_in(2) {
                assert_eq!(bits.insert(number), set.insert(number));
            } else {
                bits.remove(number);
                set.remove(&number);
            }
            assert_eq!(bits.len(), set.len() as u64);
            assert_eq!(bits.contains(number), set.contains(&number));
        }
        assert_eq!(bits.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
        assert_eq!(bits, set.iter().copied().collect());
        let less: Bits = set.iter().copied().skip(3).collect();
        assert!(less.is_subset(&bits) && !bits.is_subset(&less));
        set.iter().for_each(|number| bits.remove(*number));
        assert_eq!(bits, Bits::default());
        assert!(bits.is_empty());
    }
}
