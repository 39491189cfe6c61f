//! Sends the rows: several batches at once, and a prefix of the file that is known to be through.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::convert::{Columns, Converter};
use super::progress::Progress;
use super::rows::Rows;
use super::send::{Batch, Item, deliver};
use super::state::{State, StateFile};
use crate::client::{CallError, Client};

/// Requests under way at once.
const IN_FLIGHT_MAX: usize = 4;
/// Batches that wait for an earlier one, at most: bounds the memory while one is stuck.
const AHEAD_MAX: usize = 16;
/// The server takes bodies of 512 000 bytes; rows beyond this go into the next request.
const BODY_BYTES_MAX: usize = 400_000;
/// How often the state is written.
const KEEP_EVERY: Duration = Duration::from_millis(250);

/// An import that is under way.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) client: Client,
    pub(crate) converter: Converter,
    pub(crate) batch_rows: usize,
    /// For how long a batch that fails is sent again.
    pub(crate) patience: Duration,
    pub(crate) state: State,
    pub(crate) state_file: StateFile,
    pub(crate) refused: RefusedRows,
    pub(crate) progress: Progress,
    /// Messages that were sent more than once.
    pub(crate) resent: u64,
}

/// Why an import ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finished,
    /// By the person who started it.
    Interrupted,
}

/// Rows that follow each other in the file.
#[derive(Debug, Default)]
struct Stretch {
    rows: u64,
    /// Of the rows that are sent, in their order: line and amount.
    sent: Vec<(u64, i128)>,
    /// Rows that cannot be sent, and later also those that the server refused.
    refused: Vec<Refusal>,
}

#[derive(Debug)]
struct Refusal {
    line: u64,
    code: String,
    detail: String,
}

/// Batches under way and those that are through before an earlier one.
#[derive(Debug, Default)]
struct Window {
    started: u64,
    /// The first batch that is not through.
    prefix: u64,
    waiting: BTreeMap<u64, Stretch>,
    through: BTreeMap<u64, (Stretch, Vec<Item>)>,
}

type Sending = JoinSet<(u64, Result<super::send::Verdict, CallError>)>;

impl Engine {
    /// Sends everything from where the state says.
    pub(crate) async fn run(&mut self, mut rows: Rows) -> Result<End> {
        let columns = self.converter.columns(&rows)?;
        let done = self.state.rows;
        for _ in 0..done {
            rows.next()?;
        }
        self.refused.cut(self.state.report_bytes)?;
        self.progress.at(done);
        let mut next_row = done;
        let (mut window, mut sending) = (Window::default(), Sending::new());
        let (mut ended, mut kept) = (false, Instant::now());
        // One listener for the whole time, so that none is missed between two turns.
        let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            while !ended && sending.len() < IN_FLIGHT_MAX && window.ahead() < AHEAD_MAX {
                match self.stretch(&mut rows, &columns, next_row)? {
                    None => ended = true,
                    Some((stretch, batch)) => {
                        next_row += stretch.rows;
                        self.start(&mut window, &mut sending, stretch, batch);
                    }
                }
            }
            self.advance(&mut window)?;
            if kept.elapsed() >= KEEP_EVERY {
                self.keep()?;
                kept = Instant::now();
            }
            if sending.is_empty() && ended {
                break;
            }
            tokio::select! {
                joined = sending.join_next() => if let Some(joined) = joined {
                    let (number, outcome) = joined.context("a request panicked")?;
                    self.settle(&mut window, number, outcome?);
                },
                _ = &mut stop => {
                    self.progress.done();
                    return Ok(End::Interrupted);
                }
            }
        }
        self.progress.done();
        self.state.finished = true;
        Ok(End::Finished)
    }

    /// Writes how far the import came.
    pub(crate) fn keep(&mut self) -> Result<()> {
        self.refused.flush()?;
        self.state_file.store(&self.state)
    }

    /// The next rows, as one request.
    fn stretch(
        &self,
        rows: &mut Rows,
        columns: &Columns,
        first: u64,
    ) -> Result<Option<(Stretch, Batch)>> {
        let mut stretch = Stretch::default();
        let mut body = b"{\"batch\":[".to_vec();
        while stretch.sent.len() < self.batch_rows && stretch.rows < self.batch_rows as u64 * 4 {
            let Some(row) = rows.next()? else { break };
            let number = first + stretch.rows;
            stretch.rows += 1;
            match self.converter.message(columns, number, &row) {
                Ok(message) => {
                    if !stretch.sent.is_empty() {
                        body.push(b',');
                    }
                    body.extend_from_slice(message.json.as_bytes());
                    stretch.sent.push((row.line, message.revenue_micros));
                }
                Err(detail) => {
                    stretch.refused.push(Refusal {
                        line: row.line,
                        code: "row_unfit".to_owned(),
                        detail,
                    });
                }
            }
            if body.len() > BODY_BYTES_MAX {
                break;
            }
        }
        body.extend_from_slice(b"]}");
        let batch = Batch { body, messages: stretch.sent.len() };
        Ok((stretch.rows > 0).then_some((stretch, batch)))
    }

    fn start(&self, window: &mut Window, sending: &mut Sending, stretch: Stretch, batch: Batch) {
        let number = window.started;
        window.started += 1;
        if batch.messages == 0 {
            window.through.insert(number, (stretch, Vec::new()));
            return;
        }
        window.waiting.insert(number, stretch);
        let (client, patience) = (self.client.clone(), self.patience);
        sending.spawn(async move { (number, deliver(&client, &batch, patience).await) });
    }

    fn settle(&mut self, window: &mut Window, number: u64, verdict: super::send::Verdict) {
        self.resent += verdict.retries * verdict.items.len() as u64;
        if let Some(stretch) = window.waiting.remove(&number) {
            window.through.insert(number, (stretch, verdict.items));
        }
    }

    /// Takes what is through into the state, in the order of the file.
    fn advance(&mut self, window: &mut Window) -> Result<()> {
        while let Some((mut stretch, items)) = window.through.remove(&window.prefix) {
            window.prefix += 1;
            for ((line, revenue_micros), item) in stretch.sent.into_iter().zip(items) {
                match item {
                    Item::Refused { code, detail } => {
                        stretch.refused.push(Refusal { line, code, detail })
                    }
                    Item::Accepted | Item::Duplicate => {
                        self.state.accepted += 1;
                        self.state.duplicates += u64::from(item == Item::Duplicate);
                        self.state.revenue_micros += revenue_micros;
                    }
                }
            }
            stretch.refused.sort_by_key(|refusal| refusal.line);
            for refusal in &stretch.refused {
                self.refused.add(refusal)?;
            }
            self.state.refused += stretch.refused.len() as u64;
            self.state.rows += stretch.rows;
            self.state.report_bytes = self.refused.bytes;
        }
        self.progress.at(self.state.rows);
        Ok(())
    }
}

impl Window {
    fn ahead(&self) -> usize {
        usize::try_from(self.started - self.prefix).unwrap_or(usize::MAX)
    }
}

/// The list of refused rows: a CSV file that is made with the first of them.
#[derive(Debug)]
pub(crate) struct RefusedRows {
    path: std::path::PathBuf,
    file: Option<File>,
    pending: Vec<u8>,
    /// How long the list is.
    bytes: u64,
}

impl RefusedRows {
    /// Goes on with the list of an earlier run, or removes it.
    pub(crate) fn open(path: &Path, go_on: bool) -> Result<Self> {
        if !go_on && path.exists() {
            std::fs::remove_file(path)
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(Self { path: path.to_owned(), file: None, pending: Vec::new(), bytes: 0 })
    }

    /// Forgets what was written after the state.
    fn cut(&mut self, bytes: u64) -> Result<()> {
        self.bytes = bytes;
        if self.path.exists() {
            let file = OpenOptions::new().write(true).open(&self.path);
            file.and_then(|file| file.set_len(bytes))
                .with_context(|| format!("cannot go on with {}", self.path.display()))?;
        }
        Ok(())
    }

    fn add(&mut self, refusal: &Refusal) -> Result<()> {
        let before = self.pending.len();
        let header = (self.bytes == 0).then_some(["line", "code", "reason"]);
        let mut writer = csv::Writer::from_writer(&mut self.pending);
        if let Some(header) = header {
            writer.write_record(header)?;
        }
        writer.write_record([&refusal.line.to_string(), &refusal.code, &refusal.detail])?;
        writer.flush()?;
        drop(writer);
        self.bytes += (self.pending.len() - before) as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut write = || -> std::io::Result<()> {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(OpenOptions::new().create(true).append(true).open(&self.path)?),
            };
            file.write_all(&self.pending)
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))?;
        self.pending.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_goes_on_forgets_what_the_state_does_not_know() {
        let path = std::env::temp_dir().join(format!("import-refused-{}", std::process::id()));
        let refusal = |line| Refusal { line, code: "c".to_owned(), detail: "a, b".to_owned() };
        let mut list = RefusedRows::open(&path, false).unwrap();
        list.add(&refusal(2)).unwrap();
        let known = list.bytes;
        list.add(&refusal(5)).unwrap();
        list.flush().unwrap();
        let mut list = RefusedRows::open(&path, true).unwrap();
        list.cut(known).unwrap();
        list.add(&refusal(7)).unwrap();
        list.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "line,code,reason\n2,c,\"a, b\"\n7,c,\"a, b\"\n");
        std::fs::remove_file(&path).unwrap();
    }
}
