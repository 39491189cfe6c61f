//! The program.

use std::process::ExitCode;

use clap::Parser;
use impresario_server::cli::Cli;
use impresario_server::serve::code_of;

/// Every message between actors allocates a little; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    eprintln!("impresario: {}: {error:#}", code_of(error));
}
