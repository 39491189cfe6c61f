//! One index: the list and, above it, the graph.

use std::collections::HashSet;

use crate::graph::Graph;
use crate::slab::{Code, Slab};
use crate::{FLAT_MAX, SCAN_SHARE};

/// So many keys, spread evenly, tell how much a filter leaves.
const SAMPLES: usize = 1_000;
/// The graph and the eight bits may err; so many more are taken and scored again.
const SPARE: usize = 24;
/// Largest number of dimensions.
const DIMENSIONS_MAX: usize = 8_192;

/// What an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Numbers per vector.
    pub dimensions: usize,
    /// What the vectors are of, as `collection` and `model`; a file of another tag is not opened.
    pub tag: String,
    /// Up to so many vectors there is no graph.
    pub flat_max: usize,
    /// Most bytes of memory.
    pub bytes_max: usize,
    /// Threads that build the graph when many vectors come at once; at least 1.
    pub threads: usize,
}

impl Options {
    /// The usual ones: a graph from [`FLAT_MAX`] vectors on, one GiB, one thread.
    #[must_use]
    pub fn new(dimensions: usize, tag: &str) -> Self {
        let tag = tag.to_owned();
        Self { dimensions, tag, flat_max: FLAT_MAX, bytes_max: 1 << 30, threads: 1 }
    }
}

/// Why an index refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The vector has another number of dimensions, or numbers that are not finite.
    #[error("a vector of {found} numbers where {wanted} finite ones are wanted")]
    Vector {
        /// Its dimensions.
        found: usize,
        /// Those of the index.
        wanted: usize,
    },
    /// Memory is used up.
    #[error("the index is full at {bytes} bytes")]
    Full {
        /// What it uses.
        bytes: usize,
    },
    /// usearch refused.
    #[error("graph: {0}")]
    Graph(String),
    /// The file could not be written.
    #[error("cannot write the index")]
    Io(#[from] std::io::Error),
}

/// A found vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its key.
    pub key: u64,
    /// Its cosine with the question.
    pub score: f32,
}

/// Vectors under keys.
#[derive(Debug)]
pub struct Index {
    pub(crate) options: Options,
    pub(crate) slab: Slab,
    pub(crate) graph: Option<Graph>,
    removed: usize,
}

impl Index {
    /// An empty one.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let dimensions = options.dimensions.min(DIMENSIONS_MAX);
        let options = Options { dimensions, ..options };
        Self { slab: Slab::new(dimensions), options, graph: None, removed: 0 }
    }

    pub(crate) fn of_parts(options: Options, slab: Slab, graph: Option<Graph>) -> Self {
        Self { options, slab, graph, removed: 0 }
    }

    /// Adds a vector of unit length or replaces the one of the same key.
    ///
    /// # Errors
    /// A vector of another kind, or no room.
    pub fn insert(&mut self, key: u64, vector: &[f32]) -> Result<(), Error> {
        self.insert_many(&[(key, vector)])
    }

    /// Adds many at once, with as many threads as the options say.
    ///
    /// # Errors
    /// As [`Index::insert`]; then none of them is added.
    pub fn insert_many(&mut self, vectors: &[(u64, &[f32])]) -> Result<(), Error> {
        let wanted = self.options.dimensions;
        let fits = |vector: &[f32]| vector.len() == wanted && vector.iter().all(|v| v.is_finite());
        if let Some((_, vector)) = vectors.iter().find(|(_, vector)| !fits(vector)) {
            return Err(Error::Vector { found: vector.len(), wanted });
        }
        let bytes = self.memory_bytes();
        // A vector's numbers are in the list (which may have reserved as much again) and in the graph.
        let projected = (self.len() + vectors.len()).saturating_mul(3 * wanted + 384);
        if bytes.max(projected) > self.options.bytes_max {
            return Err(Error::Full { bytes });
        }
        let mut keys = Vec::with_capacity(vectors.len());
        for (key, vector) in vectors {
            if self.slab.place(*key).is_some()
                && let Some(graph) = &self.graph
            {
                graph.remove(*key)?;
                self.removed += 1;
            }
            self.slab.insert(*key, &Code::of(vector));
            keys.push(*key);
        }
        if self.graph.is_some() {
            // Once per key, and the last of equal keys counts.
            let once: HashSet<u64> = keys.into_iter().collect();
            let keys: Vec<u64> = once.into_iter().collect();
            return self.link(&keys);
        }
        if self.len() > self.options.flat_max { self.rebuild() } else { Ok(()) }
    }

    /// Builds the graph anew, without what was removed; worth it when [`Index::stale`] says so. Takes
    /// about half a millisecond per vector and thread.
    ///
    /// # Errors
    /// usearch refused; then searches look at everything.
    pub fn rebuild(&mut self) -> Result<(), Error> {
        self.graph = None;
        self.removed = 0;
        if self.len() <= self.options.flat_max {
            return Ok(());
        }
        self.graph = Some(Graph::new(self.options.dimensions, self.len() * 5 / 4)?);
        let keys = self.slab.keys.clone();
        self.link(&keys)
    }

    fn link(&mut self, keys: &[u64]) -> Result<(), Error> {
        let Some(graph) = &self.graph else { return Ok(()) };
        graph.reserve(keys.len())?;
        let slab = &self.slab;
        let add = |keys: &[u64]| {
            keys.iter().try_for_each(|key| {
                slab.place(*key).map_or(Ok(()), |place| graph.add(*key, slab.numbers(place)))
            })
        };
        let threads = self.options.threads.clamp(1, 16);
        let linked = if threads == 1 || keys.len() < 256 {
            add(keys)
        } else {
            std::thread::scope(|scope| {
                let handles: Vec<_> = keys
                    .chunks(keys.len().div_ceil(threads))
                    .map(|part| scope.spawn(|| add(part)))
                    .collect();
                handles.into_iter().try_for_each(|handle| {
                    handle.join().unwrap_or_else(|_| Err(Error::Graph("a thread ended".to_owned())))
                })
            })
        };
        if linked.is_err() {
            // A graph that lacks vectors would hide them.
            self.graph = None;
        }
        linked
    }

    /// Takes a vector out; answers whether it was there.
    pub fn remove(&mut self, key: u64) -> bool {
        if !self.slab.remove(key) {
            return false;
        }
        if let Some(graph) = &self.graph {
            self.removed += 1;
            if graph.remove(key).is_err() {
                // Its node would answer for a vector that is gone; the list is right without it.
                self.graph = None;
            }
        }
        true
    }

    /// Whether so much was removed or replaced that the graph is better built anew.
    #[must_use]
    pub fn stale(&self) -> bool {
        (self.graph.is_none() && self.len() > self.options.flat_max)
            || self.removed * 3 > self.len()
    }

    /// The `count` nearest of those that `allow` names, best first.
    #[must_use]
    pub fn search(
        &self,
        vector: &[f32],
        count: usize,
        allow: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Vec<Hit> {
        if count == 0 || self.slab.len() == 0 || vector.len() != self.options.dimensions {
            return Vec::new();
        }
        let question = Code::of(vector);
        let wide = (count + SPARE).min(self.slab.len());
        let places = self
            .navigate(&question, wide, allow)
            .unwrap_or_else(|| self.slab.scan(&question, wide, allow));
        let mut hits: Vec<Hit> = places
            .into_iter()
            .map(|place| Hit { key: self.slab.keys[place], score: self.slab.cosine(place, vector) })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        hits.dedup_by_key(|hit| hit.key);
        hits.truncate(count);
        hits
    }

    /// By the graph, if there is one and the filter leaves enough for it.
    fn navigate(
        &self,
        question: &Code,
        wide: usize,
        allow: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Option<Vec<usize>> {
        let graph = self.graph.as_ref()?;
        let share = allow.map_or(1.0, |allow| self.share(allow));
        if share < SCAN_SHARE {
            return None;
        }
        let keys = graph.search(&question.numbers, wide, allow).ok()?;
        let places: Vec<usize> = keys.into_iter().filter_map(|key| self.slab.place(key)).collect();
        let allowed = |place: &&usize| allow.is_none_or(|allow| allow(self.slab.keys[**place]));
        let found = places.iter().filter(allowed).count();
        // Fewer than there are: the graph got stuck.
        let enough = found >= wide || allow.is_some() && found * 2 >= wide && share < 0.5;
        (found == places.len() && enough).then_some(places)
    }

    /// Nearly what share of all a filter leaves.
    #[expect(clippy::cast_precision_loss, reason = "a share needs few digits")]
    fn share(&self, allow: &(dyn Fn(u64) -> bool + Sync)) -> f64 {
        let step = self.slab.len().div_ceil(SAMPLES).max(1);
        let samples = self.slab.keys.iter().step_by(step);
        let (all, passed) = samples.fold((0usize, 0usize), |(all, passed), key| {
            (all + 1, passed + usize::from(allow(*key)))
        });
        passed as f64 / all.max(1) as f64
    }

    /// A vector, as near as eight bits keep it.
    #[must_use]
    pub fn vector(&self, key: u64) -> Option<Vec<f32>> {
        self.slab.place(key).map(|place| self.slab.vector(place))
    }

    /// Whether a key is there.
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        self.slab.place(key).is_some()
    }

    /// All keys, in no order.
    #[must_use]
    pub fn keys(&self) -> &[u64] {
        &self.slab.keys
    }

    /// How many vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slab.len() == 0
    }

    /// Whether there is a graph.
    #[must_use]
    pub fn has_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// What it is.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Bytes of memory, nearly.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.slab.memory_bytes() + self.graph.as_ref().map_or(0, Graph::memory_bytes)
    }
}
