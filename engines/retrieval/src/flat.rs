//! Exact search over a few vectors, for evaluation and tests.

use crate::search::Vectors;

/// Vectors of unit length in a list. A search looks at all of them.
#[derive(Clone, Debug, Default)]
pub struct Flat {
    vectors: Vec<(u64, Vec<f32>)>,
    places: std::collections::BTreeMap<u64, usize>,
}

impl Flat {
    /// Adds one, or replaces it.
    pub fn insert(&mut self, key: u64, vector: Vec<f32>) {
        if let Some(at) = self.places.get(&key) {
            self.vectors[*at].1 = vector;
            return;
        }
        self.places.insert(key, self.vectors.len());
        self.vectors.push((key, vector));
    }
}

impl Vectors for Flat {
    fn search(
        &self,
        vector: &[f32],
        count: usize,
        allow: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Vec<(u64, f32)> {
        let mut hits: Vec<(u64, f32)> = self
            .vectors
            .iter()
            .filter(|(key, _)| allow.is_none_or(|allow| allow(*key)))
            .map(|(key, other)| (*key, dot(vector, other)))
            .collect();
        hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        hits.truncate(count);
        hits
    }

    fn vector(&self, key: u64) -> Option<Vec<f32>> {
        self.places.get(&key).map(|at| self.vectors[*at].1.clone())
    }
}

/// The product of two vectors; of unit vectors, their cosine.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}
