//! `impresario shell`: looks into a running node and repairs it, over the HTTP interface with the
//! operator's root token. By hand with history, completion and help, or from scripts.

pub(crate) mod actors;
mod backups;
pub(crate) mod cluster;
mod command;
mod complete;
mod confirm;
mod node;
mod partitions;
mod people;
pub(crate) mod print;
pub(crate) mod readable;
mod repl;
mod rows;
mod session;
pub(crate) mod table;
mod talk;
mod tenants;
mod watch;
mod words;

use std::io::{BufRead, IsTerminal, stderr, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;

use crate::client::{CallError, Client, Problem};
use session::{Fail, Session};

/// Look at and repair a running node
#[derive(Clone, Debug, Parser)]
#[command(after_help = "Examples:
  impresario shell                       by hand; `help` lists the commands
  impresario shell -c \"tenants list\"     one command
  impresario shell --json -c nodes       its raw answer, for scripts
  impresario shell --watch 2 -c nodes    redrawn every two seconds
  impresario shell < commands            several, up to the first that fails")]
pub struct Args {
    /// The node
    #[arg(long, env = "IMPRESARIO_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The file of the root token, which the node made on its first start
    #[arg(long, env = "IMPRESARIO_TOKEN_FILE", default_value = "data/root-token")]
    token_file: PathBuf,
    /// Do this and stop; can be given again
    #[arg(short = 'c', long = "command", value_name = "COMMAND")]
    commands: Vec<String>,
    /// Answer with the server's JSON, one document per line
    #[arg(long)]
    json: bool,
    /// Repeat the command every so many seconds and redraw
    #[arg(long, value_name = "SECONDS", requires = "commands")]
    watch: Option<String>,
    /// Do what asks for confirmation without asking
    #[arg(long, short = 'y')]
    yes: bool,
}

/// The caller of a node with its root token.
pub(crate) fn client(url: &str, token_file: &Path) -> anyhow::Result<Client> {
    let token = std::fs::read_to_string(token_file).with_context(|| {
        format!(
            "cannot read {}: give the root token of the node with --token-file",
            token_file.display()
        )
    })?;
    ensure!(!token.trim().is_empty(), "{} is empty", token_file.display());
    Client::new(url, &token)
}

/// Runs the shell. The exit code says whether every command succeeded.
///
/// # Errors
/// If the token cannot be read or the terminal fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let session = Session {
        client: client(&args.url, &args.token_file)?,
        json: args.json,
        yes: args.yes,
        by_hand: stdin().is_terminal() && stderr().is_terminal(),
    };
    if let (Some(seconds), [command]) = (&args.watch, args.commands.as_slice()) {
        let watched = match watch::seconds(seconds) {
            Ok(every) => watch::run(&session, command, every).await,
            Err(fail) => Err(fail),
        };
        return Ok(match watched {
            Ok(()) => ExitCode::SUCCESS,
            Err(fail) => {
                explain(&session, &fail);
                ExitCode::FAILURE
            }
        });
    }
    ensure!(args.watch.is_none(), "one command is watched at a time");
    if !args.commands.is_empty() {
        return Ok(all(&session, args.commands.into_iter().map(Ok)).await?);
    }
    if stdin().is_terminal() {
        return repl::run(session).await;
    }
    let lines = tokio::task::spawn_blocking(|| stdin().lock().lines().collect::<Vec<_>>());
    Ok(all(&session, lines.await.context("reading the commands panicked")?.into_iter()).await?)
}

/// Does one command after the other, up to the first that fails.
async fn all(
    session: &Session,
    commands: impl Iterator<Item = std::io::Result<String>>,
) -> std::io::Result<ExitCode> {
    for text in commands {
        if let Err(fail) = command::execute(session, &text?).await {
            explain(session, &fail);
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what went wrong and what to do.
fn explain(session: &Session, fail: &Fail) {
    explain_lines(session, fail).iter().for_each(|line| print::error(line));
}

pub(crate) fn explain_lines(session: &Session, fail: &Fail) -> Vec<String> {
    match fail {
        Fail::Usage(text) => vec![format!("error: {text}")],
        Fail::Call(error) => call_lines(session.client.base(), error),
    }
}

/// Why a call failed, and what to do.
pub(crate) fn call_lines(base: &str, error: &CallError) -> Vec<String> {
    let problem = match error {
        CallError::Unreachable(why) => {
            return vec![
                format!("error: the node does not answer: {why}"),
                "  what to do: see whether it runs, and whether --url is its address".to_owned(),
            ];
        }
        CallError::Refused(problem) => problem,
    };
    let Problem { title, code, status, .. } = &**problem;
    let mut lines = vec![format!("error: {title} ({code}, HTTP {status})")];
    lines.extend(problem.detail.as_ref().map(|detail| format!("  {detail}")));
    lines.extend(problem.pointer.as_ref().map(|pointer| format!("  at {pointer}")));
    let places = problem.errors.iter();
    lines.extend(places.map(|e| format!("  at {}: {} ({})", e.pointer, e.detail, e.code)));
    lines.push(format!("  what to do: {}", advice(problem)));
    if !code.is_empty() {
        lines.push(format!("  more: {base}/docs/errors/{code}"));
    }
    lines.extend(problem.trace_id.as_ref().map(|trace| format!("  trace: {trace}")));
    lines
}

fn advice(problem: &Problem) -> String {
    let wait = problem.retry_after.map_or(1, |seconds| seconds.max(1));
    match (problem.status, problem.code.as_str()) {
        (401, _) | (403, "root_required") => {
            "give the root token of this node: --token-file DATA/root-token".to_owned()
        }
        (400 | 422, _) => {
            "correct what is named above; `help COMMAND` shows how it is written".to_owned()
        }
        (404, "route_not_found") => {
            "see whether --url is the address of an impresario node".to_owned()
        }
        (404, "tenant_not_onboarded" | "unknown_tenant") => {
            "`tenants list` shows which there are".to_owned()
        }
        (404, "node_unknown") => "`nodes` shows the members".to_owned(),
        (404, "partition_unknown") => "`partitions` shows which there are".to_owned(),
        (409, "cluster_alone") => {
            "start the node with --cluster-listen, and others with --join, to have a cluster"
                .to_owned()
        }
        (503, "node_unreachable") => {
            "`nodes` shows which answer; ask that node itself with --url, or wait until it is back"
                .to_owned()
        }
        (503, "outcome_unknown") => {
            "look whether it is done; the same command again does no harm".to_owned()
        }
        (404, _) => "list what there is and look again; it may be gone by now".to_owned(),
        (409 | 410, _) => "look at its present state first, then decide".to_owned(),
        (429 | 503 | 504, _) => format!("try again in {wait} s"),
        (500.., _) => "look for the trace in the node's log".to_owned(),
        _ => "see the page below".to_owned(),
    }
}
