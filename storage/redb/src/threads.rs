use std::fs::File;
use std::io;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::shared::{Queued, Shared, Stop};

/// The two threads of a running store, and its folder.
pub(crate) struct Threads(Mutex<Option<Running>>);

struct Running {
    writer: JoinHandle<()>,
    checkpointer: JoinHandle<()>,
    /// Holds the folder for this process.
    _lock: Option<File>,
}

impl Threads {
    pub(crate) fn start(
        lock: Option<File>,
        writer: impl FnOnce() + Send + 'static,
        checkpointer: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(run)
        };
        let writer = spawn("log-writer", Box::new(writer))?;
        let checkpointer = spawn("checkpointer", Box::new(checkpointer))?;
        Ok(Self(Mutex::new(Some(Running { writer, checkpointer, _lock: lock }))))
    }

    /// Ends both threads, each after what it still has to do, then calls `close`. Only the first
    /// call does anything.
    pub(crate) fn stop<Q: Queued>(&self, shared: &Shared<Q>, how: Stop, close: impl FnOnce()) {
        let mut running = self.0.lock();
        let Some(threads) = running.take() else { return };
        shared.stop_writer();
        join(threads.writer);
        shared.stop_checkpointer(how);
        join(threads.checkpointer);
        close();
    }
}

fn join(thread: JoinHandle<()>) {
    // Who is told of a durable write may drop the last handle of the store, on this very thread.
    if thread.thread().id() == std::thread::current().id() {
        return;
    }
    let name = thread.thread().name().unwrap_or_default().to_owned();
    if thread.join().is_err() {
        tracing::error!(thread = name, "thread of the store panicked");
    }
}
