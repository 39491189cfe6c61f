//! C8: a person whose events fulfil a segment's rule is in it, also if they arrive while the segment
//! is being made.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Options, Tenant, TestServer, eventually};
use serde_json::json;

const ROUNDS: u32 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_race_a_new_segment_are_not_missed() -> Result<()> {
    let server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "race").await?;
    for round in 0..ROUNDS {
        let event = format!("Event {round}");
        let rule = json!({"event": event, "at_least": 1});
        let users: Vec<String> = (0..8).map(|user| format!("r{round}-{user}")).collect();
        let tracks = async {
            for user in &users {
                let answer = tenant.track(user, &event, json!({})).await?;
                ensure!(answer.status == 200, "{}", answer.body);
            }
            Ok(())
        };
        let (segment, ()) = tokio::try_join!(tenant.add_segment(&event, &rule), tracks)?;
        for user in &users {
            eventually("the membership", Duration::from_secs(5), || async {
                Ok(tenant.is_member(user, &segment).await?.then_some(()))
            })
            .await
            .with_context(|| format!("{user} is not in the segment of round {round}"))?;
        }
    }
    Ok(())
}
