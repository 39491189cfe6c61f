//! Other programs, run to their end.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a program; what it said.
///
/// # Errors
/// If it is not there or fails, with what it said.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {program}"))?;
    said(&format!("{program} {}", arguments.join(" ")), &output)
}

/// Runs a program with `input` on its standard input; what it said.
///
/// # Errors
/// If it is not there or fails, with what it said.
pub(crate) fn feed(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    let mut stdin = child.stdin.take().context("its input")?;
    stdin.write_all(input.as_bytes()).with_context(|| format!("feed {program}"))?;
    drop(stdin);
    let output = child.wait_with_output().with_context(|| format!("wait for {program}"))?;
    said(&format!("{program} {}", arguments.join(" ")), &output)
        .with_context(|| format!("its input was:\n{input}"))
}

fn said(what: &str, output: &Output) -> Result<String> {
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("`{what}` failed with {}: {}", output.status, error.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a process with this id exists.
pub(crate) fn is_alive(pid: u32) -> bool {
    std::path::Path::new("/proc").join(pid.to_string()).exists()
}

/// The process id in a name of ours: six hexadecimal digits after `prefix`. `None` if the name is
/// not of that form.
pub(crate) fn pid_in(name: &str, prefix: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?.get(..6)?;
    let are_hex = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if are_hex { u32::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_process_that_made_them() {
        let find = |name| pid_in(name, "imp");
        assert_eq!(find("imp0000ffc01h02"), Some(255));
        assert_eq!(find("imp400000c01br"), Some(0x40_0000));
        assert_eq!(find("impressive"), None);
        assert_eq!(find("imp0x00ff"), None);
        assert_eq!(find("imp12"), None);
        assert_eq!(find("eth0"), None);
    }

    #[test]
    fn a_failing_program_says_what_failed() {
        let error = run("sh", &["-c", "echo no >&2; exit 3"]).expect_err("it fails").to_string();
        assert!(error.contains("sh -c") && error.contains("no"), "{error}");
        assert_eq!(feed("cat", &[], "there and back").expect("cat"), "there and back");
        assert!(run("no-such-program", &[]).is_err());
    }
}
