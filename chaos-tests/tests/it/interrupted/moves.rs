use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use impresario_chaos_tests::chaos::say;
use tokio::process::Command;
use tokio::task::block_in_place;

use super::site::{Known, Moment, Shop, Site, Tools, program};

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// The node that the tenant goes to.
    New,
    /// The one that it comes from.
    Old,
    /// The program that was asked to move it.
    Caller,
}

fn moving(shop: &Shop, old: &Site, new: &Site, by: &Path) -> Result<Command> {
    let text = |path: &Path| path.display().to_string();
    let token = |site: &Site| text(&site.server.data().join("root-token"));
    let words = ["tenant", "move", &shop.tenant.id];
    let from = ["--url", &old.server.url(), "--token-file", &token(old)];
    let to = ["--to-url", &new.server.url(), "--to-token-file", &token(new), "--by", &text(by)];
    program(&[&words[..], &from, &to].concat(), None, None)
}

/// Moves, and kills one of the three at an fsync of the node that commits; whether the move said that
/// it was done.
async fn attempt(
    mut command: Command,
    victim: Victim,
    number: u64,
    (old, new): (&mut Site, &mut Site),
) -> Result<(bool, bool)> {
    let child = command.spawn().context("start it")?;
    let site = if victim == Victim::Old { old } else { new };
    let mut ended = Box::pin(child.wait_with_output());
    let moment = Moment::of(&mut site.shim, number)?;
    let output = moment.before(async { (&mut ended).await.context("its end") }).await?;
    if let Some(output) = output {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "nobody was killed, and it failed: {said}");
        return Ok((true, false));
    }
    if victim == Victim::Caller {
        drop(ended);
        return Ok((false, true));
    }
    site.server.kill9()?;
    drop(moment);
    let is_done = ended.await.context("its end")?.status.success();
    block_in_place(|| site.server.restart())?;
    Ok((is_done, true))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_killed_is_ended_by_asking_again() -> Result<()> {
    let Some(tools) = Tools::new()? else { return Ok(()) };
    let settings = |partitions: u16| vec![format!("node.partitions={partitions}")];
    let mut old = tools.site("old", &settings(3))?;
    block_in_place(|| old.server.restart())?;
    let mut new = tools.site("new", &settings(4))?;
    block_in_place(|| new.server.restart())?;
    let mut kills = Vec::new();
    let all = [Victim::New, Victim::Old, Victim::Caller];
    for (at, number) in [3, 6, 10].into_iter().enumerate() {
        let shop = Shop::open(&old.server.root()?).await?;
        let by = tools.path(&format!("by-{number}"));
        // Another one is first each time.
        for victim in all.into_iter().cycle().skip(at) {
            let command = moving(&shop, &old, &new, &by)?;
            let (is_done, is_killed) =
                attempt(command, victim, number, (&mut old, &mut new)).await?;
            if is_killed {
                kills.push((victim, number));
            }
            if look(&shop, &old, &new, is_done).await.with_context(|| format!("{kills:?}"))? {
                break;
            }
        }
        shop.trades(&new).await?;
    }
    say(&format!("{kills:?}"));
    ensure!(kills.len() >= 6, "not killed in the middle: {kills:?}");
    ensure!(all.iter().all(|victim| kills.iter().any(|(killed, _)| killed == victim)), "{kills:?}");
    Ok(())
}

/// Whether the tenant has moved; what is seen on the way there is right.
async fn look(shop: &Shop, old: &Site, new: &Site, is_done: bool) -> Result<bool> {
    match (shop.known(old).await?, shop.known(new).await?) {
        (Known::Nothing, Known::Whole) if is_done => Ok(true),
        seen if is_done => bail!("it is done, and {seen:?}"),
        (Known::Whole | Known::Suspended, Known::Whole) => bail!("it works there too early"),
        (Known::Nothing, Known::Nothing) => bail!("it is nowhere"),
        (Known::Whole | Known::Suspended, Known::Nothing | Known::Suspended)
        | (Known::Nothing, Known::Suspended | Known::Whole) => Ok(false),
    }
}
