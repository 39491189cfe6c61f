//! The shell by hand: history, completion, hints.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::{Config, Editor};
use rustyline::{Helper, Highlighter, Validator};
use tokio::runtime::Handle;

use super::complete::{LiveNames, complete};
use super::session::Session;
use super::{command, explain, print};

const HISTORY_MAX: usize = 1_000;

#[derive(Helper, Highlighter, Validator)]
struct Help {
    names: LiveNames,
}

impl Completer for Help {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((0, complete(&line[..position], &|names| self.names.of(names))))
    }
}

impl Hinter for Help {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, _: &rustyline::Context<'_>) -> Option<String> {
        let whole = position == line.len();
        let name = line.trim_end();
        let fits = |command: &&command::Command| {
            whole && command.name == name && !command.takes.is_empty()
        };
        let takes = command::all().find(fits)?.takes;
        Some(if line.ends_with(' ') { takes.to_owned() } else { format!(" {takes}") })
    }
}

/// Reads and does commands until the end.
pub(crate) async fn run(session: Session) -> Result<ExitCode> {
    let config = Config::builder().max_history_size(HISTORY_MAX)?.auto_add_history(true).build();
    let mut editor: Editor<Help, DefaultHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Help { names: LiveNames::new(session.clone(), Handle::current()) }));
    let history = history_file();
    if let Some(file) = &history {
        // There is none before the first time.
        let _ = editor.load_history(file);
    }
    print::line(&format!("{}: `help` lists the commands, control-D leaves", session.client.base()));
    loop {
        let line;
        (editor, line) = tokio::task::spawn_blocking(move || {
            let line = editor.readline("impresario> ");
            (editor, line)
        })
        .await
        .context("reading the command panicked")?;
        match line {
            Ok(line) if matches!(line.trim(), "exit" | "quit") => break,
            Ok(line) => {
                if let Err(fail) = command::execute(&session, &line).await {
                    explain(&session, &fail);
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("the terminal cannot be read"),
        }
    }
    if let Some(file) = &history
        && let Err(error) = editor.save_history(file)
    {
        print::error(&format!("the history was not kept in {}: {error}", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn history_file() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_dir()).map(|home| home.join(".impresario_history"))
}
