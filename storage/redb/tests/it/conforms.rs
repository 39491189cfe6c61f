use std::sync::Arc;
use std::time::Duration;

use impresario_journal::conformance::{self, PARTITIONS, Store};
use impresario_redb::{Options, RedbJournal};

/// A store whose checkpoints come as often as the options say.
fn store(tune: fn(&mut Options)) -> Store {
    let folder = tempfile::tempdir().expect("a folder");
    Box::new(move || {
        let mut options = Options::new(folder.path(), PARTITIONS);
        tune(&mut options);
        Arc::new(RedbJournal::open(options).expect("the store opens"))
    })
}

#[test]
fn conforms_with_the_default_options() {
    conformance::check_all(&|| store(|_| {}));
}

#[test]
fn conforms_when_every_batch_is_checkpointed_at_once() {
    conformance::check_all(&|| {
        store(|options| {
            options.checkpoint_age = Duration::ZERO;
            options.dirty_soft_bytes = 0;
            options.dirty_hard_bytes = 1;
        })
    });
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(8))]
    #[test]
    fn equal_batches_give_equal_tables(seed: u64) {
        conformance::check_model(store(|options| options.dirty_soft_bytes = 2000), seed, 60);
    }
}
