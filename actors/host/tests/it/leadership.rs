use impresario_host::{AskError, Failure, Options};
use impresario_ids::NodeId;
use impresario_journal::{Leadership, Role, Term};

use crate::bench::{Bench, entity};
use crate::tally::{Command, Refused};

fn leads(bench: &Bench, term: u64) {
    let partition = bench.host.partition_of(&entity(1));
    bench.journal.lead(partition, Leadership { term: Term(term), role: Role::Leader });
}

fn follows(bench: &Bench, term: u64, leader: u64) {
    let partition = bench.host.partition_of(&entity(1));
    let role = Role::Follower { leader: Some(NodeId(leader)) };
    bench.journal.lead(partition, Leadership { term: Term(term), role });
}

async fn add(bench: &Bench, number: i64) -> Result<i64, AskError<Refused>> {
    bench.ask(entity(1), Command::Add(number)).await
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(answer: &Result<T, AskError<Refused>>, leader: Option<u64>) {
    let want = Failure::NotLeader { leader: leader.map(NodeId) };
    assert!(
        matches!(answer, Err(AskError::Failed(failure)) if *failure == want),
        "{answer:?}, not {want:?}"
    );
}

/// Waits until the partition has heard that it leads under this term.
async fn heard(bench: &Bench, term: u64) {
    let partition = bench.host.partition_of(&entity(1));
    bench.until(|bench| bench.host.leads(partition) == Some(Term(term))).await;
}

#[tokio::test]
async fn who_follows_refuses_and_says_who_leads() {
    let first = Bench::new(Options::default()).await;
    let second = first.beside().await;
    check_refused(&add(&second, 1).await, Some(1));
    let asked = second.total(entity(1)).await.map_err(AskError::Failed);
    check_refused(&asked, Some(1));
}

#[tokio::test]
async fn a_new_leader_goes_on_where_the_old_one_ended_and_back() {
    let first = Bench::new(Options::default()).await;
    let second = first.beside().await;
    assert_eq!(add(&first, 1).await, Ok(1));
    follows(&first, 2, 2);
    leads(&second, 2);
    heard(&second, 2).await;
    assert_eq!(add(&second, 10).await, Ok(11));
    follows(&second, 3, 1);
    leads(&first, 3);
    heard(&first, 3).await;
    assert_eq!(add(&first, 100).await, Ok(111), "what it had in memory of its first reign is gone");
}

#[tokio::test]
async fn a_leader_that_has_not_heard_of_its_end_writes_nothing() {
    let first = Bench::new(Options::default()).await;
    leads(&first, 1);
    heard(&first, 1).await;
    let second = first.beside().await;
    assert_eq!(add(&first, 1).await, Ok(1));
    leads(&second, 2);
    heard(&second, 2).await;
    check_refused(&add(&first, 5).await, None);
    assert_eq!(add(&second, 10).await, Ok(11), "nothing of the refused command is there");
    assert!(first.host.failed_partitions().is_empty(), "to be deposed is no failure");
}

#[tokio::test]
async fn a_reply_of_a_reign_that_ended_meanwhile_still_says_what_became_of_it() {
    let first = Bench::new(Options::default()).await;
    first.journal.hold();
    let (host, envelope) = (first.host.clone(), first.envelope(None));
    let ask = tokio::spawn(async move {
        host.ask::<crate::tally::Tally>(&entity(1), Command::Add(7), envelope).await
    });
    first.until(|bench| bench.journal.held() == 1).await;
    let (host, envelope) = (first.host.clone(), first.envelope(None));
    let later = tokio::spawn(async move {
        host.ask::<crate::tally::Tally>(&entity(1), Command::Add(8), envelope).await
    });
    first.until(|bench| bench.host.top(None, 9).iter().any(|info| info.pending == 2)).await;
    leads(&first, 4);
    check_refused(&later.await.expect("no panic"), None);
    first.journal.release();
    let outcome = ask.await.expect("no panic");
    assert_eq!(
        outcome,
        Err(AskError::Failed(Failure::NotLeader { leader: None })),
        "its term was over"
    );
    heard(&first, 4).await;
    assert_eq!(add(&first, 1).await, Ok(1));
}

#[tokio::test]
async fn in_doubt_nothing_is_answered_before_it_is_confirmed() {
    let first = Bench::new(Options::default()).await;
    leads(&first, 1);
    heard(&first, 1).await;
    let second = first.beside().await;
    assert_eq!(add(&first, 1).await, Ok(1));
    first.journal.doubt(true);
    assert_eq!(first.total(entity(1)).await, Ok(1), "confirmed");
    leads(&second, 2);
    heard(&second, 2).await;
    assert_eq!(add(&second, 10).await, Ok(11));
    let stale = first.total(entity(1)).await.map_err(AskError::Failed);
    check_refused(&stale, None);
    let refused = bench_refuse(&first).await;
    check_refused(&refused, None);
}

/// A rejection rests on the state too.
async fn bench_refuse(bench: &Bench) -> Result<i64, AskError<Refused>> {
    bench.ask(entity(1), Command::Refuse).await
}
