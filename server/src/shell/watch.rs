//! Repeating a command and redrawing its answer in place.

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use super::command::{self, Ready};
use super::session::{Fail, Session};
use super::{explain_lines, print};

/// How often, unless it is said.
const EVERY: Duration = Duration::from_secs(2);
const EVERY_MAX_S: f64 = 3_600.0;
const EVERY_MIN_S: f64 = 0.2;

/// Whether a line asks for a watch: how often, and what.
pub(crate) fn asked(line: &str) -> Result<Option<(Duration, &str)>, Fail> {
    let Some(rest) = line.trim_start().strip_prefix("watch") else { return Ok(None) };
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return Ok(None);
    }
    let rest = rest.trim_start();
    let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if first.is_empty() {
        return Err(Fail::Usage("watch what? for example: watch 2 cluster status".to_owned()));
    }
    if first.parse::<f64>().is_ok() {
        return Ok(Some((seconds(first)?, after)));
    }
    Ok(Some((EVERY, rest)))
}

/// A number of seconds between two looks.
pub(crate) fn seconds(text: &str) -> Result<Duration, Fail> {
    match text.parse::<f64>() {
        Ok(seconds) if (EVERY_MIN_S..=EVERY_MAX_S).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err(Fail::Usage(format!("{text:?} is not a number of seconds from 0.2 to 3600"))),
    }
}

/// Repeats a command until control-C.
pub(crate) async fn run(session: &Session, line: &str, every: Duration) -> Result<(), Fail> {
    let Some(ready) = command::read(line)? else { return Ok(()) };
    if !ready.can_be_watched() {
        return Err(Fail::Usage("only commands that look and end can be watched".to_owned()));
    }
    let in_place = stdout().is_terminal() && !session.json;
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    let mut first = true;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut stop => break,
        }
        let lines = tokio::select! {
            lines = look(session, &ready) => lines,
            _ = &mut stop => break,
        };
        if in_place {
            draw(line, every, &lines, first);
        } else {
            lines.iter().for_each(|line| print::line(line));
            if !session.json {
                print::line("");
            }
        }
        first = false;
    }
    Ok(())
}

/// A failure is shown like an answer: the node may be back at the next look.
async fn look(session: &Session, ready: &Ready) -> Vec<String> {
    match ready.run(session).await {
        Ok(output) => output.lines(session.json),
        Err(fail) => explain_lines(session, &fail),
    }
}

fn draw(line: &str, every: Duration, lines: &[String], first: bool) {
    let frame = frame(line, every, lines, first, &print::time_of_day());
    let mut out = stdout().lock();
    // A terminal that is gone is noticed by whoever closed it.
    let _ = out.write_all(frame.as_bytes()).and_then(|()| out.flush());
}

/// Everything written at once, over what stood there: nothing flickers.
fn frame(line: &str, every: Duration, lines: &[String], first: bool, now: &str) -> String {
    let mut text = String::from(if first { "\x1b[2J\x1b[H" } else { "\x1b[H" });
    let head = format!("{line}   every {} s, {now}, control-C ends it", every.as_secs_f64());
    for line in std::iter::once(&head).chain(std::iter::once(&String::new())).chain(lines) {
        text.push_str(line);
        text.push_str("\x1b[K\r\n");
    }
    text.push_str("\x1b[J");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, want: Option<(u64, &str)>) {
        let got = asked(line).unwrap();
        assert_eq!(got, want.map(|(s, line)| (Duration::from_secs(s), line)), "{line:?}");
    }

    #[test]
    fn a_watch_may_say_how_often() {
        check("watch 5 cluster status", Some((5, "cluster status")));
        check("watch top", Some((2, "top")));
        check("watches", None);
        check("top", None);
        assert!(asked("watch").is_err());
        assert!(asked("watch 0 top").is_err());
    }

    #[test]
    fn a_frame_overwrites_the_last_one() {
        let text = frame("top", EVERY, &["a".to_owned()], false, "12:00:00");
        assert_eq!(
            text,
            "\x1b[Htop   every 2 s, 12:00:00, control-C ends it\x1b[K\r\n\x1b[K\r\na\x1b[K\r\n\x1b[J"
        );
    }
}
