//! One node: a real process, wherever it runs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::chaos::faults::{Signal, signal};

/// A debug build on a busy machine opens its store within this time, or something is wrong.
pub const READY_WITHIN: Duration = Duration::from_secs(60);

/// Whoever asked for an orderly end waits so long.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// How a start ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It takes requests.
    Ready,
    /// It ended by itself; what it said last.
    Refused(String),
    /// It runs and does not take requests yet: what it needs for that may be cut off.
    Waiting,
}

impl Started {
    /// Nothing.
    ///
    /// # Errors
    /// If it refused.
    pub fn ready(self) -> Result<()> {
        match self {
            Self::Ready => Ok(()),
            Self::Waiting => bail!("the node neither got ready nor ended"),
            Self::Refused(why) => bail!("the node did not start: {why}"),
        }
    }
}

/// A process, or the place for one. Killed when dropped.
#[derive(Debug)]
pub struct Node {
    log: PathBuf,
    child: Option<Child>,
    /// The ready line of the process that is there, once it was said.
    lines: Option<Receiver<String>>,
    /// Closed when the process that is there has ended.
    ended: Option<Receiver<()>>,
    ready: Option<String>,
    /// How much of the log is from earlier lives.
    before: usize,
}

impl Node {
    /// One that is not started; what it says will be added to the file `log`.
    #[must_use]
    pub fn new(log: &Path) -> Self {
        Self { log: log.to_owned(), child: None, lines: None, ended: None, ready: None, before: 0 }
    }

    /// Starts it and waits until it takes requests: it then prints a line with `"listening"`.
    ///
    /// # Errors
    /// If it runs already, cannot be started, or neither gets ready nor ends.
    pub fn start(&mut self, command: Command) -> Result<Started> {
        self.launch(command)?;
        match self.await_ready(READY_WITHIN)? {
            Started::Waiting => bail!("the node neither got ready nor ended"),
            started => Ok(started),
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// If it runs already or cannot be started.
    pub fn launch(&mut self, mut command: Command) -> Result<()> {
        ensure!(!self.is_running(), "the node is running");
        self.end()?;
        let mut log =
            File::options().create(true).append(true).open(&self.log).context("open the log")?;
        self.before = self.log_text().len();
        self.ready = None;
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.try_clone()?).spawn();
        let mut child = child.with_context(|| format!("start {command:?}"))?;
        let stdout = child.stdout.take().context("its output")?;
        self.child = Some(child);
        let (sender, receiver) = sync_channel(1);
        self.lines = Some(receiver);
        let (alive, ended) = sync_channel(1);
        self.ended = Some(ended);
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            if let Some(line) = lines.by_ref().find(|line| line.contains("\"listening\"")) {
                // The other end waits for it, or has given up.
                let _ = sender.send(line);
            }
            drop(sender);
            lines.for_each(|line| drop(writeln!(log, "{line}")));
            drop(alive);
        });
        Ok(())
    }

    /// Waits until it takes requests or has ended, but not longer than this.
    ///
    /// # Errors
    /// If it was not started.
    pub fn await_ready(&mut self, within: Duration) -> Result<Started> {
        if self.ready.is_some() && self.is_running() {
            return Ok(Started::Ready);
        }
        let lines = self.lines.as_ref().context("the node was not started")?;
        match lines.recv_timeout(within) {
            Ok(line) => {
                self.ready = Some(line);
                Ok(Started::Ready)
            }
            Err(RecvTimeoutError::Timeout) => Ok(Started::Waiting),
            Err(RecvTimeoutError::Disconnected) => {
                self.end()?;
                let said = self.log_text().split_off(self.before);
                let last: Vec<&str> = said.lines().rev().take(3).collect();
                Ok(Started::Refused(last.into_iter().rev().collect::<Vec<_>>().join(" / ")))
            }
        }
    }

    /// The line with which the process that is there said that it takes requests.
    pub fn ready_line(&mut self) -> Option<&str> {
        if self.ready.is_none() {
            self.ready = self.lines.as_ref().and_then(|lines| lines.try_recv().ok());
        }
        self.ready.as_deref()
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The id of its process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// `kill -9`. Nothing, if it is not there.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill9(&mut self) -> Result<()> {
        if let Some(child) = &mut self.child {
            child.kill().context("kill -9")?;
        }
        self.end()
    }

    /// Asks it to stop, and waits until it has; one that does not is killed. Whether it stopped.
    ///
    /// # Errors
    /// If it is not there.
    pub fn stop(&mut self) -> Result<bool> {
        signal(self.pid().context("the node is not running")?, Signal::Term)?;
        let has_stopped = self.await_end(STOPPED_WITHIN);
        self.kill9()?;
        Ok(has_stopped)
    }

    /// Waits until its process has ended by itself; whether it has.
    pub fn await_end(&mut self, within: Duration) -> bool {
        let Some(ended) = self.ended.as_ref().filter(|_| self.child.is_some()) else { return true };
        let has_ended = ended.recv_timeout(within) == Err(RecvTimeoutError::Disconnected);
        // Its output is closed a moment before it is gone.
        has_ended && self.end().is_ok()
    }

    fn end(&mut self) -> Result<()> {
        self.ready = None;
        if let Some(mut child) = self.child.take() {
            child.wait().context("wait for the node's end")?;
        }
        Ok(())
    }

    /// Everything it has said, in all its lives.
    #[must_use]
    pub fn log_text(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The first line of its log that tells of a panic.
    #[must_use]
    pub fn panic_in_log(&self) -> Option<String> {
        let text = self.log_text();
        text.lines().find(|line| line.contains("panicked at")).map(str::to_owned)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.kill9();
    }
}
