//! Asking before something is done that matters.

use std::io::{Write, stderr, stdin};

use super::command::Risk;
use super::session::{Fail, Session};

/// Asks whether a command is meant. Scripts say so with `--yes`.
pub(crate) async fn ask(
    session: &Session,
    name: &str,
    risk: Risk,
    words: &[String],
) -> Result<(), Fail> {
    if session.yes {
        return Ok(());
    }
    let (Risk::Mild(what) | Risk::Grave(what)) = risk;
    if !session.by_hand {
        return Err(Fail::Usage(format!(
            "{name} asks first, and nobody is there to answer: {what}\n  what to do: say --yes if it is meant"
        )));
    }
    let question = question(what, risk, words);
    let answer = tokio::task::spawn_blocking(move || {
        let mut out = stderr().lock();
        // Whoever cannot see the question cannot answer it either.
        let _ = write!(out, "{question}").and_then(|()| out.flush());
        let mut answer = String::new();
        stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.ok().and_then(Result::ok).unwrap_or_default();
    if agrees(&answer, risk, words) {
        Ok(())
    } else {
        Err(Fail::Usage("nothing was done".to_owned()))
    }
}

fn question(what: &str, risk: Risk, words: &[String]) -> String {
    match (risk, words.first()) {
        (Risk::Grave(_), Some(name)) => {
            format!("{what}\nThere is no way back. Write {name} again to go on: ")
        }
        (Risk::Mild(_), _) | (Risk::Grave(_), None) => format!("{what}\nGo on? [y/N] "),
    }
}

fn agrees(answer: &str, risk: Risk, words: &[String]) -> bool {
    let answer = answer.trim();
    match (risk, words.first()) {
        (Risk::Grave(_), Some(name)) => answer == name,
        (Risk::Mild(_), _) | (Risk::Grave(_), None) => {
            answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(risk: Risk, answer: &str, agreed: bool) {
        assert_eq!(agrees(answer, risk, &["node-2".to_owned()]), agreed, "{answer:?}");
    }

    #[test]
    fn only_a_clear_yes_counts() {
        let (mild, grave) = (Risk::Mild("x"), Risk::Grave("x"));
        check(mild, "y\n", true);
        check(mild, " Yes ", true);
        check(mild, "", false);
        check(mild, "ok", false);
        check(grave, "y", false);
        check(grave, "node-2\n", true);
    }
}
