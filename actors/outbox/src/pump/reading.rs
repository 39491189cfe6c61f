//! Reading the durable rows: after a start, and when more came than memory holds.

use std::ops::ControlFlow;
use std::sync::Arc;

use impresario_journal::{KeyRange, ReadError, Table};
use impresario_kernel::{EntityKey, Timestamp};
use impresario_rows::{OutboxRow, aad, decode_row, entity_of};
use impresario_vault::VaultError;
use ractor::ActorRef;

use super::{Arrival, DUE_MAX, Pump, PumpMessage};
use crate::book::{Full, RowKey};
use crate::work::{self, Unreadable};

/// Bytes of rows in one page.
const PAGE_BYTES: usize = 8 << 20;

/// One reading of all durable rows.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The last row that was looked at.
    after: Option<Vec<u8>>,
    visited: usize,
    /// A row found no room of its own sort: one more reading is needed.
    left_out: bool,
    /// The source of a row that was left out: its later rows must not overtake it.
    source_left_out: Option<EntityKey>,
    /// Memory is full: go on when half of it is done.
    paused: bool,
    rest_until_ms: Option<i64>,
}

impl Reading {
    /// If the reading waits for the time, until when.
    pub(super) fn rest_until_ms(&self) -> Option<i64> {
        self.rest_until_ms
    }

    /// Reads nothing before this time, in milliseconds since 1970, unless it rests already.
    pub(super) fn rest_until(&mut self, at_ms: i64) {
        self.rest_until_ms.get_or_insert(at_ms);
    }
}

/// Rows that are not known yet, and where the page ends.
struct Page {
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    visited: usize,
    /// The last row visited, if the table goes on behind it.
    more: Option<Vec<u8>>,
}

pub(super) enum Opened {
    Row(Box<Arrival>),
    /// The tenant is gone.
    Gone,
    /// The tenant's key is not known here yet.
    Locked(EntityKey),
    Unreadable(Timestamp, Unreadable),
}

impl Pump {
    /// From now on rows come from the store.
    pub(super) fn begin_reading(&mut self) {
        if self.reading.is_none() {
            tracing::debug!(
                partition = self.start.partition.0,
                known = self.book.len(),
                "outbox reads its durable rows"
            );
            self.start.hook.shut(&self.start.reign);
            self.reading = Some(Reading::default());
        }
    }

    /// Reads a page, if there is something to read and room for it.
    pub(super) fn read(&mut self, myself: &ActorRef<PumpMessage>, now: Timestamp) {
        let Some(mut reading) = self.reading.take() else { return };
        if reading.rest_until_ms.is_some_and(|until| now.as_ms() < until)
            || (reading.paused && !self.book.is_half_empty())
        {
            self.reading = Some(reading);
            return;
        }
        reading.rest_until_ms = None;
        reading.paused = false;
        let retry_ms = now.plus_ms(self.start.common.options().rescan_ms).as_ms();
        match self.page(reading.after.as_deref(), self.start.common.options().page_rows) {
            Err(error) => {
                tracing::error!(partition = self.start.partition.0, error = %error, "outbox cannot be read");
                self.reading =
                    Some(Reading { rest_until_ms: Some(retry_ms), ..Reading::default() });
            }
            Ok(page) => self.read_page(myself, reading, page, retry_ms),
        }
    }

    fn read_page(
        &mut self,
        myself: &ActorRef<PumpMessage>,
        mut reading: Reading,
        page: Page,
        retry_ms: i64,
    ) {
        reading.visited += page.visited;
        for (key, value) in page.rows {
            match self.take_in_row(myself, &mut reading, &key, &value) {
                Ok(()) => reading.after = Some(key),
                Err(Full::Lane | Full::Parked) => {
                    reading.left_out = true;
                    reading.after = Some(key);
                }
                Err(Full::Book) => {
                    reading.paused = true;
                    self.reading = Some(reading);
                    return;
                }
            }
        }
        if let Some(last) = page.more {
            reading.after = Some(last);
            self.reading = Some(reading);
            // Behind what has come meanwhile.
            let _ = myself.send_message(PumpMessage::Look);
        } else if reading.left_out || reading.visited > self.start.common.options().queue_rows_max {
            self.reading = Some(Reading { rest_until_ms: Some(retry_ms), ..Reading::default() });
        } else {
            self.catch_up(myself, retry_ms);
        }
    }

    /// Opens the gate and reads everything once more in one go: what was committed before the gate
    /// opened is read here, what came after is told and waits in the mailbox until this is over.
    fn catch_up(&mut self, myself: &ActorRef<PumpMessage>, retry_ms: i64) {
        self.start.hook.open(&self.start.reign, myself.clone());
        let mut reading = Reading::default();
        let all = match self.page(None, usize::MAX) {
            Ok(page) if page.more.is_none() => page,
            Ok(_) | Err(_) => {
                self.start.hook.shut(&self.start.reign);
                self.reading = Some(Reading { rest_until_ms: Some(retry_ms), ..reading });
                return;
            }
        };
        for (key, value) in all.rows {
            if self.take_in_row(myself, &mut reading, &key, &value).is_err() {
                self.begin_reading();
                return;
            }
        }
    }

    fn page(&self, after: Option<&[u8]>, rows_max: usize) -> Result<Page, ReadError> {
        let journal = self.start.common.parts.host.journal();
        let range = match after {
            Some(key) => KeyRange::all().after(key),
            None => KeyRange::all(),
        };
        let mut page = Page { rows: Vec::new(), visited: 0, more: None };
        let mut bytes = 0;
        journal.scan(self.start.partition, Table::Outbox, &range, false, &mut |key, value| {
            page.visited += 1;
            if !self.book.knows(key) {
                bytes += value.len();
                page.rows.push((key.to_vec(), value.to_vec()));
            }
            if page.visited >= rows_max || bytes >= PAGE_BYTES {
                page.more = Some(key.to_vec());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(page)
    }

    fn take_in_row(
        &mut self,
        myself: &ActorRef<PumpMessage>,
        reading: &mut Reading,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Full> {
        let key: RowKey = Arc::from(key);
        match self.open(&key, value) {
            Opened::Row(arrival) => {
                let source = arrival.source;
                if reading.source_left_out == Some(source) {
                    return Err(Full::Lane);
                }
                let taken = self.take_in(myself, *arrival);
                if taken == Err(Full::Lane) {
                    reading.source_left_out = Some(source);
                }
                taken
            }
            Opened::Gone => {
                self.book.hold(&key, self.start.common.now(), 0)?;
                self.done(key, None);
                Ok(())
            }
            // Left out, and with it the source's later rows, until a later reading.
            Opened::Locked(source) => {
                reading.source_left_out = Some(source);
                Err(Full::Lane)
            }
            Opened::Unreadable(at, error) => {
                self.unreadable(&key, at, &error);
                Ok(())
            }
        }
    }

    pub(super) fn open(&self, key: &RowKey, value: &[u8]) -> Opened {
        let common = &self.start.common;
        let row = match decode_row::<OutboxRow>(value) {
            Ok(row) => row,
            Err(error) => return Opened::Unreadable(common.now(), error.into()),
        };
        let Some(source) = entity_of(key) else {
            return Opened::Unreadable(row.at, Unreadable::Row("the key has no entity".to_owned()));
        };
        let opened = common.parts.host.vault().open_sealed(
            source.tenant,
            &aad(Table::Outbox, key),
            &row.body,
        );
        let effect = match opened {
            Ok(effect) => effect,
            Err(VaultError::UnknownTenant(_)) if common.is_gone(source.tenant) => {
                return Opened::Gone;
            }
            Err(VaultError::UnknownTenant(_)) => return Opened::Locked(source),
            Err(error) => return Opened::Unreadable(row.at, Unreadable::Row(error.to_string())),
        };
        match work::read(&*common.parts.errands, &source, &effect) {
            Err(error) => Opened::Unreadable(row.at, error),
            Ok(work) => Opened::Row(Box::new(Arrival {
                key: Arc::clone(key),
                source,
                at: row.at,
                trace: row.trace,
                attempts: row.attempts,
                next_at: row.next_at,
                is_urgent: false,
                effect,
                work,
            })),
        }
    }

    /// Brings back parked rows that are due.
    pub(super) fn take_due(&mut self, myself: &ActorRef<PumpMessage>, now: Timestamp) {
        for _ in 0..DUE_MAX {
            let Some(key) = self.book.next_due(now.as_ms()) else { return };
            self.book.forget(&key);
            let journal = self.start.common.parts.host.journal();
            let taken = match journal.get(self.start.partition, Table::Outbox, &key) {
                // Gone meanwhile, with its tenant.
                Ok(None) => Ok(()),
                Ok(Some(value)) => self.take_in_row(myself, &mut Reading::default(), &key, &value),
                Err(error) => {
                    tracing::error!(partition = self.start.partition.0, error = %error, "outbox row cannot be read");
                    let due = now.plus_ms(self.start.common.options().backoff_max_ms).as_ms();
                    self.park(&key, now, due);
                    return;
                }
            };
            if taken.is_err() {
                self.begin_reading();
                return;
            }
        }
        let _ = myself.send_message(PumpMessage::Look);
    }
}
