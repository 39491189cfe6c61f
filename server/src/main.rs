//! The program.

use std::process::ExitCode;

use clap::Parser;
use impresario_server::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program's last words")]
fn complain(error: &anyhow::Error) {
    eprintln!("impresario: {error:#}");
}
