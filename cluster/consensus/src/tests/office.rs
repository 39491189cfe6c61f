use std::sync::Arc;

use impresario_journal::conformance::block_on;
use impresario_journal::{CommitError, CommitIndex, Leadership, Role, Term};
use parking_lot::Mutex;

use crate::office::{Observers, Office};

const LEADER: Role = Role::Leader;
const NOBODY: Role = Role::Follower { leader: None };

type Told = Arc<Mutex<Vec<(u64, Role)>>>;

fn office() -> (Office, Told) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let observers = Arc::new(Observers::default());
    let list = Arc::clone(&told);
    observers.add(Box::new(move |_, now| list.lock().push((now.term.0, now.role))));
    (Office::new(0, observers), told)
}

fn publish(office: &Office, term: u64, role: Role) {
    office.publish(Leadership { term: Term(term), role });
}

#[test]
fn changes_are_told_once() {
    let (office, told) = office();
    for (term, role) in [(1, NOBODY), (1, NOBODY), (1, LEADER), (1, LEADER), (2, NOBODY)] {
        publish(&office, term, role);
    }
    assert_eq!(*told.lock(), vec![(1, NOBODY), (1, LEADER), (2, NOBODY)]);
    assert_eq!(office.reigns(), 1);
}

#[test]
fn only_the_leaders_term_is_taken_on_board() {
    let (office, _) = office();
    let refused = |term| office.board(Term(term)).map(|_| ()).expect_err("a refusal");
    assert_eq!(refused(3), CommitError::NotLeader { leader: None });
    publish(&office, 3, LEADER);
    assert!(office.board(Term(3)).is_ok());
    assert_eq!(refused(2), CommitError::StaleTerm { batch: 2, current: 3 });
    assert_eq!(refused(4), CommitError::NotLeader { leader: None });
    office.stop("the disk is gone");
    assert_eq!(refused(3), CommitError::Failed("the disk is gone".to_owned()));
}

#[test]
fn a_deposed_leader_does_not_know_what_became_of_its_batches() {
    let (office, _) = office();
    publish(&office, 3, LEADER);
    let (first, done) = office.board(Term(3)).expect("on board");
    let (second, lost) = office.board(Term(3)).expect("on board");
    office.settle(first, Ok(CommitIndex(1)));
    publish(&office, 4, NOBODY);
    assert_eq!(block_on(done), Ok(Ok(CommitIndex(1))));
    assert!(matches!(block_on(lost), Ok(Err(CommitError::Unknown(_)))));
    // What is learned later is too late.
    office.settle(second, Ok(CommitIndex(2)));
    publish(&office, 5, LEADER);
    assert!(office.board(Term(5)).is_ok());
}

#[test]
fn an_abandoned_term_is_never_led_again() {
    let (office, told) = office();
    publish(&office, 3, LEADER);
    let (_, lost) = office.board(Term(3)).expect("on board");
    office.abandon(Term(3));
    assert!(matches!(block_on(lost), Ok(Err(CommitError::Unknown(_)))));
    publish(&office, 3, LEADER);
    assert_eq!(*told.lock(), vec![(3, LEADER), (3, NOBODY)]);
    assert!(office.board(Term(3)).is_err());
    publish(&office, 4, LEADER);
    assert!(office.board(Term(4)).is_ok());
}
