//! C9: a burst gets one reply, every wish is accounted for and nothing is paid twice, whatever is
//! delivered twice, out of order, or cut off by `kill -9`. The long run is
//! `cargo xtask chaos --conversations 1000`.

use std::time::Duration;

use anyhow::{Result, ensure};
use impresario_chaos_tests::conversations::run::{Outcome, Size, When, run};
use impresario_chaos_tests::impresario;

const SEED: u64 = 20_261_121;

async fn converse(size: &Size) -> Result<Outcome> {
    let outcome = run(&impresario()?, size, SEED).await?;
    for line in outcome.text().lines() {
        impresario_chaos_tests::chaos::say(line);
    }
    Ok(outcome)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bursts_get_one_reply_each_and_no_call_is_paid_twice() -> Result<()> {
    let size = Size::of(40, 3);
    let outcome = converse(&size).await?;
    let verdict = &outcome.verdict;
    ensure!(verdict.broken.is_empty(), "{:#?}", verdict.broken);
    ensure!(outcome.kills == 3, "only {} kills", outcome.kills);
    ensure!(verdict.overtaken > 20 && outcome.deliveries.1 > 50, "hardly anything went wrong");
    ensure!(verdict.answered > verdict.put_off, "{} put off", verdict.put_off);
    ensure!(verdict.calls >= 30, "only {} paid calls", verdict.calls);
    // Exactly one reply each, but for bursts that the server's absence itself has torn.
    ensure!(verdict.replies >= verdict.talks, "{} replies", verdict.replies);
    ensure!(verdict.replies <= verdict.talks + verdict.torn, "{} replies", verdict.replies);
    Ok(())
}

/// A server that forgets what it has done since the first kill makes calls again and says things twice:
/// that is found out, so a run that passes has shown that nothing was forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_back_in_time_is_found_out() -> Result<()> {
    let mut size = Size::of(12, 0);
    size.pace.spread = Duration::from_millis(100);
    size.windows.quiet_ms = 3_000;
    // All messages are there and nothing is answered; then half of it is.
    let deliveries = 12 * 10;
    size.kills = vec![When::Taken(deliveries), When::Posted(3)];
    size.goes_back = true;
    let outcome = converse(&size).await?;
    let found = |what: &str| outcome.verdict.broken.iter().any(|line| line.contains(what));
    ensure!(found("for the same messages"), "{:#?}", outcome.verdict.broken);
    ensure!(found("came to the platform 2 times"), "{:#?}", outcome.verdict.broken);
    Ok(())
}
