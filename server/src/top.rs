//! `impresario top`: a running cluster on the whole screen, redrawn in place. Without a terminal it
//! writes one frame and ends.

mod draw;
mod look;

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::client::Client;
use crate::shell::{client, print};
use draw::View;
use look::Look;

/// Watch a running cluster
#[derive(Clone, Debug, Parser)]
#[command(after_help = "Keys: q ends it, p pauses, tab shows entities, tenants or partitions,
+ and - change how often it looks.")]
pub struct Args {
    /// A node of the cluster
    #[arg(long, env = "IMPRESARIO_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The file of the root token, which the node made on its first start
    #[arg(long, env = "IMPRESARIO_TOKEN_FILE", default_value = "data/root-token")]
    token_file: PathBuf,
    /// Seconds between two looks, 0.5 to 60
    #[arg(long, default_value_t = 2.0)]
    every: f64,
    /// Write one frame and end
    #[arg(long)]
    once: bool,
}

/// How wide a frame is without a terminal.
const WIDTH: u16 = 140;
/// So high that everything fits; what is empty at the end is cut off.
const HEIGHT: u16 = 60;
const EVERY_MIN: Duration = Duration::from_millis(500);
const EVERY_MAX: Duration = Duration::from_secs(60);
/// How often the keys are looked at.
const KEYS: Duration = Duration::from_millis(150);

/// Watches until somebody ends it.
///
/// # Errors
/// If the token cannot be read or the terminal fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let client = client(&args.url, &args.token_file)?;
    let every = Duration::try_from_secs_f64(args.every).unwrap_or_default();
    ensure!((EVERY_MIN..=EVERY_MAX).contains(&every), "--every is 0.5 to 60 seconds");
    if args.once || !stdout().is_terminal() {
        return Ok(one_frame(&client).await);
    }
    let mut terminal = ratatui::try_init().context("the terminal cannot be drawn on")?;
    let outcome = watch(&client, every, &mut terminal).await;
    ratatui::restore();
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn one_frame(client: &Client) -> ExitCode {
    let look = Look::take(client).await;
    let is_well = look.error.is_none();
    let mut view = View::new(client.base(), Duration::ZERO);
    view.show(look);
    let area = Rect::new(0, 0, WIDTH, HEIGHT);
    let mut buffer = Buffer::empty(area);
    draw::draw(&view, area, &mut buffer);
    for line in draw::lines(&buffer) {
        print::line(&line);
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What somebody at the keyboard wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    End,
    Pause,
    Next,
    Slower,
    Quicker,
    Redraw,
}

fn wish(event: &Event) -> Option<Wish> {
    match event {
        Event::Resize(..) => Some(Wish::Redraw),
        Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::End),
            KeyCode::Char('q') | KeyCode::Esc => Some(Wish::End),
            KeyCode::Char('p' | ' ') => Some(Wish::Pause),
            KeyCode::Tab => Some(Wish::Next),
            KeyCode::Char('+') => Some(Wish::Quicker),
            KeyCode::Char('-') => Some(Wish::Slower),
            _ => None,
        },
        _ => None,
    }
}

/// Reads the keyboard until nobody listens any more.
fn keyboard(wishes: &mpsc::Sender<Wish>) {
    while !wishes.is_closed() {
        let read = match event::poll(KEYS) {
            Ok(true) => event::read().map(|event| wish(&event)),
            Ok(false) => continue,
            Err(error) => Err(error),
        };
        // A keyboard that is gone cannot end it otherwise.
        let wish = read.unwrap_or(Some(Wish::End));
        if wish.is_some_and(|wish| wishes.blocking_send(wish).is_err()) {
            return;
        }
    }
}

async fn watch(
    client: &Client,
    every: Duration,
    terminal: &mut ratatui::DefaultTerminal,
) -> anyhow::Result<()> {
    let (sender, mut wishes) = mpsc::channel(16);
    let reading = tokio::task::spawn_blocking(move || keyboard(&sender));
    let mut view = View::new(client.base(), every);
    let (news, mut looks) = mpsc::channel(1);
    let (pace, paces) = tokio::sync::watch::channel((every, false));
    let looking = tokio::spawn(look_on(client.clone(), news, paces));
    loop {
        terminal.draw(|frame| draw::draw(&view, frame.area(), frame.buffer_mut()))?;
        tokio::select! {
            look = looks.recv() => match look {
                Some(look) => view.show(look),
                None => break,
            },
            wish = wishes.recv() => match wish {
                None | Some(Wish::End) => break,
                Some(Wish::Pause) => view.paused = !view.paused,
                Some(Wish::Next) => view.tab = view.tab.next(),
                Some(Wish::Slower) => view.every = (view.every * 2).min(EVERY_MAX),
                Some(Wish::Quicker) => view.every = (view.every / 2).max(EVERY_MIN),
                Some(Wish::Redraw) => {}
            },
        }
        // Whoever looks is gone only at the end.
        let _ = pace.send((view.every, view.paused));
    }
    looking.abort();
    drop(wishes);
    // It ends by itself within a moment.
    let _ = reading.await;
    Ok(())
}

/// Looks again and again, beside the keyboard: a node that answers slowly freezes nothing.
async fn look_on(
    client: Client,
    news: mpsc::Sender<Look>,
    mut paces: tokio::sync::watch::Receiver<(Duration, bool)>,
) {
    let (mut every, mut paused) = *paces.borrow();
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if !paused && news.send(Look::take(&client).await).await.is_err() {
                    return;
                }
            }
            changed = paces.changed() => {
                if changed.is_err() {
                    return;
                }
                let (now, stopped) = *paces.borrow_and_update();
                paused = stopped;
                if now != every {
                    every = now;
                    ticks = tokio::time::interval(every);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyEvent;

    use super::draw::Tab;
    use super::*;

    #[track_caller]
    fn check(code: KeyCode, modifiers: KeyModifiers, want: Option<Wish>) {
        assert_eq!(wish(&Event::Key(KeyEvent::new(code, modifiers))), want);
    }

    #[test]
    fn keys_are_understood() {
        check(KeyCode::Char('q'), KeyModifiers::NONE, Some(Wish::End));
        check(KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Wish::End));
        check(KeyCode::Char('c'), KeyModifiers::NONE, None);
        check(KeyCode::Tab, KeyModifiers::NONE, Some(Wish::Next));
        assert_eq!(Tab::Entities.next().next().next(), Tab::Entities);
    }
}
