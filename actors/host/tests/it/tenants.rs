use impresario_host::{AskError, Failure, Options};
use impresario_ids::TenantId;
use impresario_journal::{Journal, KeyRange, Table};
use impresario_kernel::{EntityKey, PartitionId};

use crate::bench::{Bench, TENANT, entity, provision};
use crate::tally::Command;

const OTHER: TenantId = TenantId::from_bytes([2; 16]);

fn rows_of(bench: &Bench, tenant: TenantId) -> usize {
    let mut count = 0;
    for number in 0..bench.journal.partitions() {
        for table in Table::ALL {
            bench
                .journal
                .scan(
                    PartitionId(number),
                    table,
                    &KeyRange::prefix(tenant.as_bytes()),
                    false,
                    &mut |_, _| {
                        count += 1;
                        std::ops::ControlFlow::Continue(())
                    },
                )
                .expect("the journal reads");
        }
    }
    count
}

#[tokio::test]
async fn an_unknown_tenant_has_no_entities() {
    let bench = Bench::new(Options::default()).await;
    let stranger = EntityKey { tenant: OTHER, ..entity(1) };
    assert_eq!(
        bench.ask(stranger, Command::Add(1)).await,
        Err(AskError::Failed(Failure::UnknownTenant))
    );
}

/// PRV-04, TEN-02: erasing one tenant leaves nothing of it and touches no other. Doing it again, as
/// after a crash in the middle, changes nothing.
#[tokio::test]
async fn a_removed_tenant_leaves_no_row() {
    let bench = Bench::new(Options::default()).await;
    provision(&bench.host, OTHER).await;
    let other = EntityKey { tenant: OTHER, ..entity(1) };
    for key in [entity(1), entity(2), other] {
        bench.ask_keyed(key, Command::Emit, "k").await.expect("it counts");
    }
    bench.host.vault().forget(TENANT);
    for _ in 0..2 {
        for number in 0..bench.journal.partitions() {
            bench.host.remove_tenant(PartitionId(number), TENANT).await.expect("they are removed");
        }
        assert_eq!(rows_of(&bench, TENANT), 0);
    }
    assert_eq!(
        bench.ask(entity(1), Command::Add(1)).await,
        Err(AskError::Failed(Failure::UnknownTenant))
    );
    assert_eq!(bench.ask(other, Command::Add(1)).await, Ok(2));
}

#[tokio::test]
async fn nothing_personal_is_stored_in_the_clear() {
    let bench = Bench::new(Options::default()).await;
    bench.ask(entity(1), Command::Add(0x1234_5678)).await.expect("it counts");
    let plain = impresario_kernel::encode(&crate::tally::Event::Added(0x1234_5678));
    for number in 0..bench.journal.partitions() {
        bench
            .journal
            .scan(PartitionId(number), Table::Events, &KeyRange::all(), false, &mut |_, value| {
                assert!(!value.windows(plain.len()).any(|window| window == plain));
                std::ops::ControlFlow::Continue(())
            })
            .expect("the journal reads");
    }
}
