//! What a partition's pump has in memory: rows that wait in their lanes, rows that are being carried
//! out, and rows that are known by key only until they are due.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use impresario_ids::TraceId;
use impresario_kernel::{EntityKey, Timestamp};

/// The key of a row of the outbox.
pub(crate) type RowKey = Arc<[u8]>;

/// A message to an entity, as its row tells it.
#[derive(Debug)]
pub(crate) struct Row<A> {
    pub(crate) key: RowKey,
    /// The entity that decided it.
    pub(crate) source: EntityKey,
    pub(crate) at: Timestamp,
    pub(crate) trace: TraceId,
    /// Bytes of the effect, for the bound.
    pub(crate) bytes: usize,
    pub(crate) ask: Arc<A>,
    /// Failed tries so far, in this process.
    pub(crate) tries: u32,
}

impl<A> Clone for Row<A> {
    fn clone(&self) -> Self {
        Self { key: Arc::clone(&self.key), ask: Arc::clone(&self.ask), ..*self }
    }
}

/// How much may be held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    pub(crate) lane_rows: usize,
    pub(crate) parked_rows: usize,
}

/// Why a row is not taken in. It stays durable and is read again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The whole book is full.
    Book,
    /// The source's lane is full.
    Lane,
    /// Too many rows wait for their time.
    Parked,
}

/// What a row that is to be tried now is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing is known of it.
    Nowhere,
    /// It waits, known by key only.
    Parked,
    /// The commit of what became of it is under way.
    Settling,
    /// It is being carried out, or its turn comes without waiting for the time.
    Going,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a lane, or asked.
    Lane,
    /// Being carried out elsewhere: a delivery or a sweep.
    Outside,
    /// Done; the commit that says so is under way.
    Settling,
    /// Known by key only, until this time.
    Parked(i64),
}

#[derive(Debug)]
struct Known {
    place: Place,
    at: Timestamp,
    bytes: usize,
}

#[derive(Debug)]
struct Lane<A> {
    /// In the order they were decided. The first one stays until it is done.
    rows: VecDeque<Row<A>>,
    under_way: bool,
}

/// Pure: it is told the time and what became of its rows. `A` is what an entity is asked.
#[derive(Debug)]
pub(crate) struct Book<A> {
    bounds: Bounds,
    known: HashMap<RowKey, Known>,
    bytes: usize,
    lanes: HashMap<EntityKey, Lane<A>>,
    /// Lanes whose first row may be asked now.
    turns: VecDeque<EntityKey>,
    /// Lanes whose first row failed and waits.
    resting: BTreeSet<(i64, EntityKey)>,
    parked: BTreeSet<(i64, RowKey)>,
}

impl<A> Book<A> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            known: HashMap::new(),
            bytes: 0,
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            resting: BTreeSet::new(),
            parked: BTreeSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn knows(&self, key: &[u8]) -> bool {
        self.known.contains_key(key)
    }

    /// The oldest decision among the rows in memory. Visits all of them.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.known
            .values()
            .filter(|known| known.place != Place::Settling)
            .map(|known| known.at)
            .min()
    }

    fn held(&self) -> usize {
        self.known.len() - self.parked.len()
    }

    /// Whether another row may be held.
    pub(crate) fn has_room(&self) -> bool {
        self.held() < self.bounds.rows && self.bytes < self.bounds.bytes
    }

    /// Whether so much is done that reading on is worth it.
    pub(crate) fn is_half_empty(&self) -> bool {
        self.held() <= self.bounds.rows / 2 && self.bytes <= self.bounds.bytes / 2
    }

    /// Takes in a message to an entity, behind those of the same source.
    pub(crate) fn push(&mut self, row: Row<A>) -> Result<(), Full> {
        if self.knows(&row.key) {
            return Ok(());
        }
        if !self.has_room() {
            return Err(Full::Book);
        }
        let lane = self
            .lanes
            .entry(row.source)
            .or_insert_with(|| Lane { rows: VecDeque::new(), under_way: false });
        if lane.rows.len() >= self.bounds.lane_rows {
            return Err(Full::Lane);
        }
        if lane.rows.is_empty() {
            self.turns.push_back(row.source);
        }
        self.bytes += row.bytes;
        self.known.insert(
            Arc::clone(&row.key),
            Known { place: Place::Lane, at: row.at, bytes: row.bytes },
        );
        lane.rows.push_back(row);
        Ok(())
    }

    /// The first row of the next lane that may go on. It counts as asked until [`Book::asked`].
    pub(crate) fn next_ask(&mut self, now_ms: i64) -> Option<Row<A>> {
        while let Some((at, source)) = self.resting.first().copied()
            && at <= now_ms
        {
            self.resting.remove(&(at, source));
            self.turns.push_back(source);
        }
        while let Some(source) = self.turns.pop_front() {
            if let Some(lane) = self.lanes.get_mut(&source)
                && !lane.under_way
                && let Some(row) = lane.rows.front()
            {
                lane.under_way = true;
                return Some(row.clone());
            }
        }
        None
    }

    /// The first row of a lane was asked: it is done, or asked again at `again_ms`.
    pub(crate) fn asked(&mut self, source: &EntityKey, again_ms: Option<i64>) {
        let Some(lane) = self.lanes.get_mut(source) else { return };
        lane.under_way = false;
        if let Some(at) = again_ms {
            if let Some(row) = lane.rows.front_mut() {
                row.tries = row.tries.saturating_add(1);
            }
            self.resting.insert((at, *source));
            return;
        }
        if let Some(row) = lane.rows.pop_front() {
            self.bytes = self.bytes.saturating_sub(row.bytes);
            if let Some(known) = self.known.get_mut(&row.key) {
                known.place = Place::Settling;
                known.bytes = 0;
            }
        }
        if lane.rows.is_empty() {
            self.lanes.remove(source);
        } else {
            self.turns.push_back(*source);
        }
    }

    /// Takes in a row that is carried out elsewhere, new or parked before.
    pub(crate) fn hold(&mut self, key: &RowKey, at: Timestamp, bytes: usize) -> Result<(), Full> {
        match self.known.get(key).map(|known| known.place) {
            Some(Place::Parked(due)) => {
                self.parked.remove(&(due, Arc::clone(key)));
            }
            Some(Place::Lane | Place::Outside | Place::Settling) => return Ok(()),
            None if !self.has_room() => return Err(Full::Book),
            None => {}
        }
        self.bytes += bytes;
        self.known.insert(Arc::clone(key), Known { place: Place::Outside, at, bytes });
        Ok(())
    }

    /// Keeps only the row's key, until `due_ms`. If there are too many, it is forgotten.
    pub(crate) fn park(&mut self, key: &RowKey, at: Timestamp, due_ms: i64) -> Result<(), Full> {
        self.forget(key);
        if self.parked.len() >= self.bounds.parked_rows {
            return Err(Full::Parked);
        }
        self.known.insert(Arc::clone(key), Known { place: Place::Parked(due_ms), at, bytes: 0 });
        self.parked.insert((due_ms, Arc::clone(key)));
        Ok(())
    }

    /// The next parked row that is due, if there is room for it. It stays parked until it is held
    /// or forgotten, so the caller does one or the other.
    pub(crate) fn next_due(&self, now_ms: i64) -> Option<RowKey> {
        let (due, key) = self.parked.first()?;
        (*due <= now_ms && self.has_room()).then(|| Arc::clone(key))
    }

    /// The row is done; it stays known until [`Book::forget`], so that it is not read again while
    /// the commit that deletes it is under way.
    pub(crate) fn settle(&mut self, key: &RowKey) {
        if let Some(known) = self.known.get_mut(key) {
            if let Place::Parked(due) = known.place {
                self.parked.remove(&(due, Arc::clone(key)));
            }
            self.bytes = self.bytes.saturating_sub(known.bytes);
            known.bytes = 0;
            known.place = Place::Settling;
        }
    }

    /// Nothing is known of the row any more. Not for rows in lanes.
    pub(crate) fn forget(&mut self, key: &RowKey) {
        if let Some(known) = self.known.remove(key) {
            self.bytes = self.bytes.saturating_sub(known.bytes);
            if let Place::Parked(due) = known.place {
                self.parked.remove(&(due, Arc::clone(key)));
            }
        }
    }

    /// Takes a row out of all that waits: it is not begun any more and stays known until
    /// [`Book::forget`]. `false` if it is too late, because it has begun.
    pub(crate) fn withdraw(&mut self, key: &RowKey, source: &EntityKey, at: Timestamp) -> bool {
        match self.known.get(key).map(|known| known.place) {
            Some(Place::Outside | Place::Settling) => return false,
            Some(Place::Lane) if !self.leave_lane(key, source) => return false,
            Some(Place::Lane | Place::Parked(_)) => self.settle(key),
            // So that a reading does not take it in meanwhile.
            None => {
                let known = Known { place: Place::Settling, at, bytes: 0 };
                self.known.insert(Arc::clone(key), known);
            }
        }
        true
    }

    /// `false` if the row is asked right now.
    fn leave_lane(&mut self, key: &RowKey, source: &EntityKey) -> bool {
        let Some(lane) = self.lanes.get_mut(source) else { return false };
        let Some(place) = lane.rows.iter().position(|row| row.key == *key) else { return false };
        if place == 0 && lane.under_way {
            return false;
        }
        lane.rows.remove(place);
        let is_empty = lane.rows.is_empty();
        if is_empty {
            self.lanes.remove(source);
        }
        if place == 0 {
            // The next one has not failed, so it does not rest.
            self.resting.retain(|(_, resting)| resting != source);
            self.turns.retain(|turn| turn != source);
            if !is_empty {
                self.turns.push_back(*source);
            }
        }
        true
    }

    /// Lets a lane that rests go on now. A row behind others cannot overtake them, so it is the
    /// first row of its lane that is hastened.
    pub(crate) fn hasten(&mut self, key: &RowKey, source: &EntityKey) -> Found {
        match self.known.get(key).map(|known| known.place) {
            None => Found::Nowhere,
            Some(Place::Parked(_)) => Found::Parked,
            Some(Place::Settling) => Found::Settling,
            Some(Place::Outside) => Found::Going,
            Some(Place::Lane) => {
                let rested = self.resting.len();
                self.resting.retain(|(_, resting)| resting != source);
                if self.resting.len() < rested {
                    self.turns.push_front(*source);
                }
                Found::Going
            }
        }
    }

    /// When something that waits may go on.
    pub(crate) fn next_at(&self) -> Option<i64> {
        let resting = self.resting.first().map(|(at, _)| *at);
        let parked = self.parked.first().filter(|_| self.has_room()).map(|(at, _)| *at);
        resting.into_iter().chain(parked).min()
    }
}
