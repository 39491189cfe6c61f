//! `impresario import`: a purchase history from a table into profiles, resumable, each row counted
//! exactly once.
//!
//! The message id of a row is derived from the file's content, the event's name and the row's
//! number: a row that is sent again, after a failure or by a second import, is known to the server
//! and not counted again, and two equal rows of the file are two purchases.

mod convert;
mod engine;
mod map;
mod progress;
mod rows;
pub(crate) mod send;
mod state;
mod survey;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};

use crate::client::Client;
use crate::shell::print;
use convert::Converter;
use map::Map;
use progress::Progress;
use state::{Found, Identity, State, StateFile};
use survey::Survey;

/// How the file's columns are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One character between columns, quotes around values that hold it
    Csv,
    /// Any number of blanks between columns
    Whitespace,
}

/// Load a purchase history from a table, resumable, each row exactly once
#[derive(Clone, Debug, Parser)]
#[command(after_help = "Example:
  impresario import CDNOW_master.txt --key imp_wk_… \\
    --map \"user_id=customer_id,at=date:%Y%m%d,revenue=dollar_value,quantity=number_of_cds\"

--map takes FIELD=COLUMN pairs. FIELD is user_id, at, revenue, or the name of a property to send.
A column of times may be followed by its format (strftime, unix or unix_ms); without one, ISO 8601
and YYYYMMDD are understood. A property's column may be followed by :text or :number.")]
pub struct Args {
    /// The table; its first line names the columns
    file: PathBuf,
    /// The server
    #[arg(long, env = "IMPRESARIO_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A key of the tenant that may write events
    #[arg(long, env = "IMPRESARIO_KEY", hide_env_values = true)]
    key: String,
    /// Which column holds what: FIELD=COLUMN[:FORMAT],…
    #[arg(long)]
    map: String,
    /// The name of the event that a row stands for
    #[arg(long, default_value = "Order Completed")]
    event: String,
    /// Seen from the first line if not given
    #[arg(long)]
    format: Option<Format>,
    /// The character between columns; seen from the first line if not given
    #[arg(long, value_parser = map::delimiter)]
    delimiter: Option<u8>,
    /// Rows per request
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=2_500))]
    batch: u32,
    /// Where to remember how far the import came [default: FILE.import-state]
    #[arg(long)]
    state: Option<PathBuf>,
    /// Where to write the rows that were refused [default: FILE.import-refused.csv]
    #[arg(long)]
    report: Option<PathBuf>,
    /// Seconds for which a failing server is tried again
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    give_up_after: u64,
}

/// Imports the file. The exit code says whether every row was accepted.
///
/// # Errors
/// If the file cannot be read as described, or the server refuses or stays away.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let map = Map::parse(&args.map).context("--map")?;
    let name_fits = !args.event.is_empty() && args.event.len() <= 200;
    ensure!(name_fits, "an event's name has 1 to 200 bytes");
    let client = Client::new(&args.url, &args.key)?;
    let layout = rows::Layout { format: args.format, delimiter: args.delimiter };
    let survey = survey(&args, layout, &map).await?;

    let identity = Identity {
        content: survey.content.to_hex().to_string(),
        bytes: survey.bytes,
        event: args.event.clone(),
        map: map.canonical(),
        tenant: state::tenant_of(&args.key),
    };
    let beside = |extension: &str| beside(&args.file, extension);
    let state_file = StateFile::new(args.state.clone().unwrap_or_else(|| beside("import-state")));
    let report = args.report.clone().unwrap_or_else(|| beside("import-refused.csv"));
    let state = match state_file.load(&identity)? {
        Found::Ours(state) => state,
        Found::Nothing => State::new(identity),
        Found::Other => {
            print::error(
                "the state file is of another file, --map, --event or tenant: beginning anew",
            );
            State::new(identity)
        }
    };
    if state.finished {
        print::line(&format!(
            "nothing to do: this file was imported before (delete {} to send it again)",
            state_file.path().display()
        ));
        return Ok(conclude(&state, &survey, None, &report));
    }
    if state.rows > 0 {
        print::line(&format!("going on after row {}", print::grouped(state.rows)));
    }
    let engine = engine::Engine {
        client,
        converter: Converter::new(map, args.event, survey.content),
        batch_rows: args.batch as usize,
        patience: Duration::from_secs(args.give_up_after),
        refused: engine::RefusedRows::open(&report, state.rows > 0)?,
        state,
        state_file,
        progress: Progress::sending(survey.rows),
        resent: 0,
    };
    send(engine, rows::Rows::open(&args.file, layout)?, &survey, &report).await
}

async fn survey(args: &Args, layout: rows::Layout, map: &Map) -> anyhow::Result<Survey> {
    let path = args.file.display().to_string();
    let progress = Progress::survey(&path);
    let (file, map, event) = (args.file.clone(), map.clone(), args.event.clone());
    let survey = tokio::task::spawn_blocking(move || Survey::of(&file, layout, &map, &event)).await;
    progress.done();
    let survey =
        survey.context("the survey panicked")?.with_context(|| format!("cannot import {path}"))?;
    print::line(&survey.headline(&path));
    Ok(survey)
}

async fn send(
    mut engine: engine::Engine,
    rows: rows::Rows,
    survey: &Survey,
    report: &Path,
) -> anyhow::Result<ExitCode> {
    let (began, before) = (Instant::now(), engine.state.rows);
    let ended = engine.run(rows).await;
    engine.progress.done();
    // Whatever ended it: how far it came is kept.
    engine.keep()?;
    let stopped = || {
        let row = print::grouped(engine.state.rows);
        format!("stopped after row {row}; the same command goes on from there")
    };
    match ended.with_context(stopped)? {
        engine::End::Interrupted => {
            print::error(&stopped());
            Ok(ExitCode::from(130))
        }
        engine::End::Finished => {
            let rows = engine.state.rows - before;
            let spent = Spent { rows, time: began.elapsed(), resent: engine.resent };
            Ok(conclude(&engine.state, survey, Some(spent), report))
        }
    }
}

fn beside(file: &Path, extension: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// What this run has done.
struct Spent {
    rows: u64,
    time: Duration,
    resent: u64,
}

fn conclude(state: &State, survey: &Survey, spent: Option<Spent>, report: &Path) -> ExitCode {
    let number = print::grouped;
    let mut facts = vec![
        ("rows in the file", number(survey.rows)),
        ("accepted", number(state.accepted)),
        ("refused", number(state.refused)),
        ("revenue accepted", print::amount(state.revenue_micros)),
    ];
    if state.duplicates > 0 {
        facts.push(("known before", number(state.duplicates)));
    }
    if let Some(Spent { rows, time, resent }) = spent {
        if resent > 0 {
            facts.push(("sent again", format!("{} (counted once by the server)", number(resent))));
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for people"
        )]
        let rate = (rows as f64 / time.as_secs_f64().max(0.001)) as u64;
        facts.push(("time", format!("{:.1} s, {} rows/s", time.as_secs_f64(), number(rate))));
    }
    print::facts(&facts);
    if state.refused == 0 {
        return ExitCode::SUCCESS;
    }
    print::error(&format!("{} rows were refused, see {}", number(state.refused), report.display()));
    print::error(
        "put them right in a file of their own: in a changed file every row counts as a new one",
    );
    ExitCode::FAILURE
}
