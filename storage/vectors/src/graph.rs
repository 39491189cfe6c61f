//! The usearch graph above the list: navigation only, scores come from the list.

use usearch::ffi::{IndexOptions, MetricKind, ScalarKind};

use crate::index::Error;

const CONNECTIVITY: usize = 16;
const EXPANSION_ADD: usize = 96;
/// How far a search looks; the recall at ten depends on it.
const EXPANSION_SEARCH: usize = 128;
/// So many searches may run at once; one more is answered by looking at everything.
const THREADS: usize = 32;

pub(crate) struct Graph {
    index: usearch::Index,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("size", &self.index.size()).finish_non_exhaustive()
    }
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::Graph(error.to_string())
}

impl Graph {
    pub(crate) fn new(dimensions: usize, capacity: usize) -> Result<Self, Error> {
        let options = IndexOptions {
            dimensions,
            // The cosine of eight-bit numbers does not depend on the scale of either vector.
            metric: MetricKind::Cos,
            quantization: ScalarKind::I8,
            connectivity: CONNECTIVITY,
            expansion_add: EXPANSION_ADD,
            expansion_search: EXPANSION_SEARCH,
            multi: false,
        };
        let index = usearch::Index::new(&options).map_err(wrong)?;
        index.reserve_capacity_and_threads(capacity, THREADS).map_err(wrong)?;
        Ok(Self { index })
    }

    pub(crate) fn read(dimensions: usize, bytes: &[u8], size: usize) -> Result<Self, Error> {
        let graph = Self::new(dimensions, size)?;
        graph.index.load_from_buffer(bytes).map_err(wrong)?;
        if graph.index.size() != size || graph.index.dimensions() != dimensions {
            return Err(wrong("the graph does not fit the list"));
        }
        graph.index.change_expansion_add(EXPANSION_ADD);
        graph.index.change_expansion_search(EXPANSION_SEARCH);
        graph.index.reserve_capacity_and_threads(size, THREADS).map_err(wrong)?;
        Ok(graph)
    }

    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; self.index.serialized_length()];
        self.index.save_to_buffer(&mut bytes).map_err(wrong)?;
        Ok(bytes)
    }

    /// Makes room before threads add.
    pub(crate) fn reserve(&self, further: usize) -> Result<(), Error> {
        let wanted = self.index.size() + further;
        if wanted > self.index.capacity() {
            let capacity = wanted.max(self.index.capacity() * 3 / 2);
            self.index.reserve_capacity_and_threads(capacity, THREADS).map_err(wrong)?;
        }
        Ok(())
    }

    pub(crate) fn add(&self, key: u64, numbers: &[i8]) -> Result<(), Error> {
        self.index.add(key, numbers).map_err(wrong)
    }

    pub(crate) fn remove(&self, key: u64) -> Result<(), Error> {
        self.index.remove(key).map(|_| ()).map_err(wrong)
    }

    pub(crate) fn search(
        &self,
        numbers: &[i8],
        count: usize,
        allow: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Result<Vec<u64>, Error> {
        let found = match allow {
            Some(allow) => self.index.filtered_search(numbers, count, allow),
            None => self.index.search(numbers, count),
        };
        found.map(|found| found.keys).map_err(wrong)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.index.memory_usage()
    }
}
