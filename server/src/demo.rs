//! `impresario demo`: the main job, done before your eyes with a shop that the program makes up.
//!
//! The node runs in this process, on a folder of its own; everything is asked of it over HTTP, as
//! an application would. What the shop's history adds up to is known from the history itself, and
//! compared with what the node says.

mod checks;
mod door;
mod live;
mod node;
mod receiver;
mod screen;
mod shop;
mod talk;
mod tour;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::shell::print;
use node::Node;
use screen::Screen;
use tour::Tour;

/// See the main job done, with a shop that the program makes up
#[derive(Clone, Debug, Parser)]
pub struct Args {
    /// Stop after the tour; the exit code says whether every figure was right
    #[arg(long)]
    once: bool,
    /// Keep the node's data in this folder [default: a folder that is removed at the end]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the node listens; port 0 lets the system choose
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Use a node that runs already, at http://HOST:PORT; named several times, the nodes are used in
    /// turn, and one that is gone is passed over
    #[arg(long, requires = "token_file")]
    url: Vec<String>,
    /// The file with the root token of that node
    #[arg(long, requires = "url")]
    token_file: Option<PathBuf>,
    /// A shell command that is run when half of the history is sent, such as `kill -9 PID`
    #[arg(long)]
    halfway: Option<String>,
    /// Another seed makes another shop
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// The folder of the embedding model; without one knowledge is searched by words alone
    #[arg(long, env = "IMPRESARIO_MODEL_DIR")]
    model: Option<PathBuf>,
    /// What the node logs to the standard error stream
    #[arg(long, default_value = "error")]
    log: String,
}

/// Runs the tour. The exit code says whether every figure was right.
///
/// # Errors
/// If the node does not start, or something was not answered at all.
pub async fn run(args: Args) -> Result<ExitCode> {
    let filter = tracing_subscriber::EnvFilter::try_new(&args.log).context("--log")?;
    // Fails if this process logs already, which serves as well.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    let folder = Folder::new(args.data.clone())?;
    let began = Instant::now();
    let mut tour = Tour::begin(Screen::new(), &folder.path, &args).await?;
    let outcome = tour.run().await;
    if let Err(error) = outcome {
        // The node ends in order; what went wrong is the news.
        let _ = tour.node.stop().await;
        return Err(error);
    }
    let passed = tour.checks.summary(&tour.screen, began.elapsed());
    if !args.once {
        stay(&mut tour).await?;
    }
    tour.node.stop().await.context("the node did not stop in order")?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Leaves the node running until somebody has seen enough.
async fn stay(tour: &mut Tour) -> Result<()> {
    let url = tour.node.url();
    let token = tour.node.token_file();
    tour.screen.heading("It stays up");
    print::facts(&[
        ("chat", format!("{url}/chat/{}/{}", tour.tenant, talk::WEBSITE)),
        ("interface", format!("{url}/docs")),
        ("OpenAPI", format!("{url}/openapi.json")),
        ("metrics", format!("{url}/metrics")),
        ("write key", tour.write_key.clone()),
        ("secret key", tour.secret_key.clone()),
        ("shell", format!("impresario shell --url {url} --token-file {}", token.display())),
    ]);
    print::line("\n  Send it something, then look at the person:\n");
    print::line(&format!(
        "  curl -u {}: {url}/v1/track -H 'content-type: application/json' \\\n    \
         -d '{{\"userId\":\"you\",\"event\":\"Order Completed\",\"properties\":{{\"revenue\":600}}}}'",
        tour.write_key,
    ));
    print::line(&format!(
        "  curl -H 'authorization: Bearer {}' {url}/api/v1/profiles/user:you",
        tour.secret_key
    ));
    print::line("\n  Ask it something: open the chat in a browser, or\n");
    print::line(&format!(
        "  curl -H 'authorization: Bearer {}' {url}/api/v1/knowledge/answer \\\n    \
         -H 'content-type: application/json' -d '{{\"question\":\"Can I pay with PayPal?\"}}'",
        tour.secret_key
    ));
    print::line("\n  Webhooks are shown here as they arrive. Control-C stops the node.\n");
    let mut shown = tour.receiver.count();
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    loop {
        tokio::select! {
            () = tour.receiver.more_than(shown) => {
                for delivery in tour.receiver.since(shown) {
                    tour.screen.note(&delivery.headline(&tour.secret));
                    shown += 1;
                }
            }
            _ = tokio::signal::ctrl_c() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        }
    }
}

/// The node's folder; one that was made for the tour goes with it.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    ours: bool,
}

impl Folder {
    fn new(given: Option<PathBuf>) -> Result<Self> {
        let ours = given.is_none();
        let path = given.unwrap_or_else(|| {
            let name =
                format!("impresario-demo-{}-{:08x}", std::process::id(), rand::random::<u32>());
            std::env::temp_dir().join(name)
        });
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path, ours })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.ours {
            // What remains is in the folder for temporary files.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
