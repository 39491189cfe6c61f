//! `impresario shell`: looks into a running node and repairs it, over the HTTP interface with the
//! operator's root token. By hand with history, completion and help, or from scripts.

mod command;
mod node;
mod people;
pub(crate) mod print;
mod repl;
mod session;
mod table;
mod tenants;
mod words;

use std::io::{BufRead, IsTerminal, stdin};
use std::path::PathBuf;
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
}

/// Runs the shell. The exit code says whether every command succeeded.
///
/// # Errors
/// If the token cannot be read or the terminal fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let token = std::fs::read_to_string(&args.token_file).with_context(|| {
        format!(
            "cannot read {}: give the root token of the node with --token-file",
            args.token_file.display()
        )
    })?;
    ensure!(!token.trim().is_empty(), "{} is empty", args.token_file.display());
    let session = Session::new(Client::new(&args.url, &token)?, args.json);
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
    match fail {
        Fail::Usage(text) => print::error(&format!("error: {text}")),
        Fail::Call(CallError::Unreachable(why)) => {
            print::error(&format!("error: the node does not answer: {why}"));
            print::error("  what to do: see whether it runs, and whether --url is its address");
        }
        Fail::Call(CallError::Refused(problem)) => {
            let Problem { title, code, status, .. } = &**problem;
            print::error(&format!("error: {title} ({code}, HTTP {status})"));
            if let Some(detail) = &problem.detail {
                print::error(&format!("  {detail}"));
            }
            if let Some(pointer) = &problem.pointer {
                print::error(&format!("  at {pointer}"));
            }
            for error in &problem.errors {
                print::error(&format!("  at {}: {} ({})", error.pointer, error.detail, error.code));
            }
            print::error(&format!("  what to do: {}", advice(problem)));
            if !code.is_empty() {
                print::error(&format!("  more: {}/docs/errors/{code}", session.client.base()));
            }
            if let Some(trace) = &problem.trace_id {
                print::error(&format!("  trace: {trace}"));
            }
        }
    }
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
        (404, _) => "list what there is and look again; it may be gone by now".to_owned(),
        (409 | 410, _) => "look at its present state first, then decide".to_owned(),
        (429 | 503 | 504, _) => format!("try again in {wait} s"),
        (500.., _) => "look for the trace in the node's log".to_owned(),
        _ => "see the page below".to_owned(),
    }
}
