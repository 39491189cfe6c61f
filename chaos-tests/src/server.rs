//! A real server process on a folder of its own.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::api::Api;

/// A debug build on a busy machine opens its store within this time, or something is wrong.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Ports below the range from which the system takes those of outgoing connections: a server that
/// was killed finds its port free again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Settings in the form `path=value`, as for `--set`.
    pub set: Vec<String>,
    /// The largest size of any file it writes, in KiB: what a full disk feels like.
    pub file_kib_max: Option<u64>,
    /// Environment variables besides our own.
    pub env: Vec<(String, String)>,
    /// Whether to keep still about the log's last lines at the end.
    pub quiet: bool,
}

impl Options {
    /// The defaults with these settings.
    #[must_use]
    pub fn set(settings: &[&str]) -> Self {
        Self {
            set: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            ..Self::default()
        }
    }
}

/// The server program that cargo built beside the running test or bench.
///
/// # Errors
/// If it was not built.
pub fn impresario() -> Result<PathBuf> {
    let here = std::env::current_exe().context("where am I")?;
    here.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("impresario"))
        .find(|program| program.is_file())
        .context("the server is not built: `cargo build -p impresario-server` (`cargo xtask test` does it)")
}

/// A running server. Killed, and its folder removed, when dropped; dropping it panics if its log
/// holds a panic, so that no test can overlook one.
#[derive(Debug)]
pub struct TestServer {
    program: PathBuf,
    data: PathBuf,
    log: PathBuf,
    port: u16,
    options: Options,
    child: Option<Child>,
    started_in: Duration,
    // Last, so that it goes after the process that writes to it.
    _folder: TempDir,
}

impl TestServer {
    /// Starts a server on an empty folder and waits until it takes requests.
    ///
    /// # Errors
    /// If it does not get ready.
    pub fn start(options: Options) -> Result<Self> {
        Self::start_program(impresario()?, options)
    }

    /// The same with a given program.
    ///
    /// # Errors
    /// If it does not get ready.
    pub fn start_program(program: PathBuf, options: Options) -> Result<Self> {
        let mut server = Self::prepare(program, options)?;
        server.spawn()?;
        Ok(server)
    }

    /// A server that has its folder and its port, but is not started yet.
    ///
    /// # Errors
    /// If there is no room for its folder or no free port.
    pub fn prepare(program: PathBuf, options: Options) -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("impresario-").tempdir().context("make a folder")?;
        let data = folder.path().join("data");
        let log = folder.path().join("server.log");
        let port = free_port()?;
        Ok(Self {
            program,
            data,
            log,
            port,
            options,
            child: None,
            started_in: Duration::ZERO,
            _folder: folder,
        })
    }

    /// Where it listens, also while it is down.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its address without the scheme.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// How it is started.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The next start is with these options.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
    }

    /// How long the last start took, from the start of the process to the first possible request.
    #[must_use]
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// The id of its process.
    ///
    /// # Errors
    /// If it is not running.
    pub fn pid(&self) -> Result<u32> {
        self.child.as_ref().map(Child::id).context("the server is not running")
    }

    /// The token of the operator, which the server wrote on its first start.
    ///
    /// # Errors
    /// If it cannot be read, or others could read it.
    pub fn root_token(&self) -> Result<String> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.data.join("root-token");
        let mode = fs::metadata(&path).context("look at the root token")?.permissions().mode();
        ensure!(mode.trailing_zeros() >= 6, "the root token has mode {mode:o}");
        Ok(fs::read_to_string(&path).context("read the root token")?.trim().to_owned())
    }

    /// Its HTTP interface, for the operator.
    ///
    /// # Errors
    /// If the root token cannot be read.
    pub fn root(&self) -> Result<Api> {
        Api::new(&self.url(), &self.root_token()?)
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// If it was not running.
    pub fn kill9(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server is not running")?;
        child.kill().context("kill -9")?;
        child.wait().context("wait for the killed server")?;
        Ok(())
    }

    /// `kill -TERM`, and waits until it has gone.
    ///
    /// # Errors
    /// If it was not running.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("the server is not running")?;
        let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        ensure!(status.context("kill -TERM")?.success(), "kill -TERM failed");
        child.wait().context("wait for the stopped server")
    }

    /// Waits until it has gone by itself.
    ///
    /// # Errors
    /// If it was not running.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.child
            .take()
            .context("the server is not running")?
            .wait()
            .context("wait for the server")
    }

    /// Starts it again on the same folder and port.
    ///
    /// # Errors
    /// If it does not get ready.
    pub fn restart(&mut self) -> Result<()> {
        self.spawn()
    }

    /// The same with other options.
    ///
    /// # Errors
    /// If it does not get ready.
    pub fn restart_with(&mut self, options: Options) -> Result<()> {
        self.options = options;
        self.spawn()
    }

    /// Starts it and kills it before it said anything, after `pause` at most.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn kill9_while_starting(&mut self, pause: Duration) -> Result<()> {
        let began = Instant::now();
        let lines = self.launch()?;
        // Ready or not: that it is killed here is the point.
        let _ = lines.recv_timeout(pause.saturating_sub(began.elapsed()));
        self.kill9()
    }

    /// Starts it, expecting it to refuse; what it said and how it ended.
    ///
    /// # Errors
    /// If it gets ready instead.
    pub fn refusal(&mut self) -> Result<(ExitStatus, String)> {
        let before = self.log_text().len();
        let lines = self.launch()?;
        match lines.recv_timeout(READY_WITHIN) {
            Ok(line) => bail!("the server started: {line}"),
            Err(RecvTimeoutError::Timeout) => bail!("the server neither started nor refused"),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.wait()?;
                Ok((status, self.log_text().split_off(before)))
            }
        }
    }

    /// Everything it has said so far, in all its lives.
    #[must_use]
    pub fn log_text(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The first line of its log that tells of a panic.
    #[must_use]
    pub fn panic_in_log(&self) -> Option<String> {
        let text = self.log_text();
        text.lines()
            .find(|line| line.contains("panicked at") || line.contains("RUST_BACKTRACE"))
            .map(str::to_owned)
    }

    fn spawn(&mut self) -> Result<()> {
        let began = Instant::now();
        let lines = self.launch()?;
        match lines.recv_timeout(READY_WITHIN) {
            Ok(_) => {
                self.started_in = began.elapsed();
                Ok(())
            }
            Err(_) => {
                let log = self.log_text();
                let tail: String =
                    log.lines().rev().take(20).map(|line| format!("\n  {line}")).collect();
                bail!("the server did not get ready; its last lines, newest first:{tail}")
            }
        }
    }

    /// Starts the process; the receiver gets its ready line, or is closed if it ends without one.
    fn launch(&mut self) -> Result<Receiver<String>> {
        ensure!(self.child.is_none(), "the server is running");
        let log =
            File::options().create(true).append(true).open(&self.log).context("open the log")?;
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().context("share the log")?)
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        let stdout = child.stdout.take().context("its output")?;
        self.child = Some(child);
        let (sender, receiver) = sync_channel(1);
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            if let Some(line) = lines.by_ref().find(|line| line.contains("\"listening\"")) {
                // Nobody waits for it in the tests that kill while it starts.
                let _ = sender.send(line);
            }
            drop(sender);
            let mut log = log;
            lines.for_each(|line| drop(writeln!(log, "{line}")));
        });
        Ok(receiver)
    }

    fn command(&self) -> Command {
        let mut command = match self.options.file_kib_max {
            None => Command::new(&self.program),
            // A write past the limit then fails, instead of ending the process with SIGXFSZ.
            Some(kib) => {
                let mut shell = Command::new("bash");
                let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"");
                shell.args(["-c", &script]).arg(&self.program);
                shell
            }
        };
        command.arg("serve").arg("--ready-line").arg("--data").arg(&self.data);
        command.args(["--listen", &self.address()]);
        for setting in &self.options.set {
            command.args(["--set", setting]);
        }
        command.envs(self.options.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
        if !self.options.quiet {
            let log = self.log_text();
            let skip = log.lines().count().saturating_sub(30);
            let tail: String = log.lines().skip(skip).map(|line| format!("{line}\n")).collect();
            say(&format!("── the server's last lines\n{tail}"));
        }
        if let Some(line) = self.panic_in_log().filter(|_| !thread::panicking()) {
            panic!("there is a panic in the server's log: {line}");
        }
    }
}

/// Prints where a test runner collects what a failing test has said.
#[expect(clippy::print_stderr, reason = "test output")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// A port on which nothing listens, chosen by this process's id so that two test processes rarely
/// try the same ones.
fn free_port() -> Result<u16> {
    // Tests of one process that run side by side look in different places: a node of a cluster takes
    // its port late.
    let mut place = DefaultHasher::new();
    (std::process::id(), thread::current().id()).hash(&mut place);
    let start = usize::try_from(place.finish() % 1_000_003).unwrap_or_default();
    (0..PORTS.len())
        .map(|offset| PORTS.start + ((start + offset) % PORTS.len()) as u16)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("no free port")
}
