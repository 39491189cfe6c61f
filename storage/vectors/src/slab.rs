//! Vectors in a row, eight bits per number and one scale per vector.

use std::collections::HashMap;

/// A vector in eight bits. Its largest number becomes 127, so all bits are used.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) numbers: Vec<i8>,
    pub(crate) scale: f32,
}

impl Code {
    #[expect(clippy::cast_possible_truncation, reason = "rounded and within -127 to 127")]
    pub(crate) fn of(vector: &[f32]) -> Self {
        let max = vector.iter().fold(0f32, |max, value| max.max(value.abs()));
        let scale = if max > 0.0 { max / 127.0 } else { 1.0 };
        let numbers = vector.iter().map(|value| (value / scale).round() as i8).collect();
        Self { numbers, scale }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Slab {
    pub(crate) dimensions: usize,
    pub(crate) keys: Vec<u64>,
    pub(crate) scales: Vec<f32>,
    pub(crate) codes: Vec<i8>,
    places: HashMap<u64, u32>,
}

impl Slab {
    pub(crate) fn new(dimensions: usize) -> Self {
        Self { dimensions, ..Self::default() }
    }

    /// Of parts that were read; `None` if they do not fit together.
    pub(crate) fn of_parts(
        dimensions: usize,
        keys: Vec<u64>,
        scales: Vec<f32>,
        codes: Vec<i8>,
    ) -> Option<Self> {
        let places: HashMap<u64, u32> =
            keys.iter().zip(0u32..).map(|(key, place)| (*key, place)).collect();
        let fit = places.len() == keys.len()
            && scales.len() == keys.len()
            && codes.len() == keys.len() * dimensions
            && scales.iter().all(|scale| scale.is_finite());
        fit.then_some(Self { dimensions, keys, scales, codes, places })
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn place(&self, key: u64) -> Option<usize> {
        self.places.get(&key).map(|place| *place as usize)
    }

    pub(crate) fn numbers(&self, place: usize) -> &[i8] {
        &self.codes[place * self.dimensions..(place + 1) * self.dimensions]
    }

    pub(crate) fn insert(&mut self, key: u64, code: &Code) {
        if let Some(place) = self.place(key) {
            let range = place * self.dimensions..(place + 1) * self.dimensions;
            self.codes[range].copy_from_slice(&code.numbers);
            self.scales[place] = code.scale;
            return;
        }
        self.places.insert(key, u32::try_from(self.keys.len()).unwrap_or(u32::MAX));
        self.keys.push(key);
        self.scales.push(code.scale);
        self.codes.extend_from_slice(&code.numbers);
    }

    pub(crate) fn remove(&mut self, key: u64) -> bool {
        let Some(place) = self.places.remove(&key).map(|place| place as usize) else {
            return false;
        };
        let last = self.keys.len() - 1;
        self.keys.swap_remove(place);
        self.scales.swap_remove(place);
        let from = last * self.dimensions;
        self.codes.copy_within(from..from + self.dimensions, place * self.dimensions);
        self.codes.truncate(from);
        if let Some(moved) = self.keys.get(place) {
            self.places.insert(*moved, u32::try_from(place).unwrap_or(u32::MAX));
        }
        true
    }

    pub(crate) fn vector(&self, place: usize) -> Vec<f32> {
        let scale = self.scales[place];
        self.numbers(place).iter().map(|number| f32::from(*number) * scale).collect()
    }

    /// The cosine with a question's full vector.
    pub(crate) fn cosine(&self, place: usize, vector: &[f32]) -> f32 {
        let mut lanes = [0f32; 8];
        let numbers = self.numbers(place);
        let (a, a_rest) = vector.as_chunks::<8>();
        let (b, b_rest) = numbers.as_chunks::<8>();
        for (a, b) in a.iter().zip(b) {
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane += a * f32::from(*b);
            }
        }
        let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * f32::from(*b)).sum();
        (lanes.iter().sum::<f32>() + rest) * self.scales[place]
    }

    /// The best `count` of all that pass, scored in eight bits: places and scores, in no order.
    pub(crate) fn scan(
        &self,
        question: &Code,
        count: usize,
        allow: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Vec<usize> {
        let mut scored: Vec<(f32, u32)> = Vec::new();
        for (place, key) in self.keys.iter().enumerate() {
            if allow.is_none_or(|allow| allow(*key)) {
                let score = product(&question.numbers, self.numbers(place)) * self.scales[place];
                scored.push((score, u32::try_from(place).unwrap_or(u32::MAX)));
            }
        }
        if scored.len() > count {
            scored.select_nth_unstable_by(count, |a, b| b.0.total_cmp(&a.0));
            scored.truncate(count);
        }
        scored.into_iter().map(|(_, place)| place as usize).collect()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.codes.capacity()
            + self.scales.capacity() * 4
            + self.keys.capacity() * 8
            + self.places.capacity() * 18
    }
}

/// A product of eight-bit numbers, in whole numbers; exact.
#[expect(
    clippy::cast_precision_loss,
    reason = "below two to the 24th for 1,040 dimensions, near enough beyond"
)]
fn product(a: &[i8], b: &[i8]) -> f32 {
    a.iter().zip(b).map(|(a, b)| i32::from(i16::from(*a) * i16::from(*b))).sum::<i32>() as f32
}
