use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::Fault;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counted from 1 over the farm's life.
    pub number: u64,
    /// The first part of the path.
    pub provider: String,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path and the query as they were called.
    pub path: String,
    /// What the caller named the request: the first of `x-client-request-id`, `idempotency-key`,
    /// `x-request-id`; empty without one.
    pub request_id: String,
    /// All headers, names in lower case. Keys are test keys, so they are kept.
    pub headers: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
    /// The fault that the script had for it.
    pub fault: Option<Fault>,
    /// The status that was answered; 0 before the head is.
    pub status: u16,
    /// Whether the provider would have charged for it.
    pub charged: bool,
    /// How it ended.
    pub ending: Ending,
}

impl Entry {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is not.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It has not ended.
    Open,
    /// The whole answer was handed to the connection.
    Finished,
    /// The caller closed the connection before it had the whole answer.
    Abandoned,
    /// The script ended it early.
    Cut,
}

/// All requests, oldest first.
#[derive(Debug)]
pub(crate) struct Log {
    entries: Mutex<Vec<Entry>>,
    changed: watch::Sender<u64>,
}

impl Default for Log {
    fn default() -> Self {
        Self { entries: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Log {
    /// Notes a request and numbers it.
    pub(crate) fn add(&self, mut entry: Entry) -> u64 {
        let mut entries = self.entries.lock();
        let number = entries.last().map_or(1, |last| last.number + 1);
        entry.number = number;
        entries.push(entry);
        drop(entries);
        self.tell();
        number
    }

    pub(crate) fn update(&self, number: u64, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.entries.lock();
        if let Ok(place) = entries.binary_search_by_key(&number, |entry| entry.number) {
            change(&mut entries[place]);
        }
        drop(entries);
        self.tell();
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().clone()
    }

    /// How many requests went to a path that contains this.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.entries.lock().iter().filter(|entry| entry.path.contains(path)).count()
    }

    /// The number of the newest request with this body.
    pub(crate) fn newest(&self, body: &str) -> Option<u64> {
        let entries = self.entries.lock();
        entries.iter().rev().find(|entry| entry.body == body).map(|entry| entry.number)
    }

    pub(crate) fn clear(&self) {
        self.entries.lock().clear();
        self.tell();
    }

    pub(crate) fn charged(&self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for entry in self.entries.lock().iter().filter(|entry| entry.charged) {
            *counts.entry(entry.request_id.clone()).or_default() += 1;
        }
        counts
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}
