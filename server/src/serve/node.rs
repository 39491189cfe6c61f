//! A data folder, opened: the journal, the keys, and the way to other nodes if there are some.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use impresario_config::Config;
use impresario_consensus::Consensus;
use impresario_ids::TenantId;
use impresario_journal::{Batch, Journal, KeyRange, Table, Write};
use impresario_kernel::PartitionId;
use impresario_vault::{CHECK_ROW, Row, Vault};
use impresario_wire::Me;

use super::member::Member;
use super::{identity, replicas, secrets};
use crate::across::keys::{Keys, Ledger};
use crate::across::{Board, Neighbours, Others};

/// Where the first release kept keys.
const OLD_KEYS: PartitionId = PartitionId(0);
/// How often a node that waits for its cluster says so.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// An opened data folder, alone or of a member of a cluster.
pub(crate) struct OpenNode {
    /// With as many partitions as the cluster has.
    pub(crate) config: Config,
    pub(crate) me: Me,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) ledger: Ledger,
    pub(crate) neighbours: Neighbours,
    pub(crate) member: Option<Member>,
}

impl OpenNode {
    /// Opens the data folder, making it if it is not there. Returns once the tenants' keys are
    /// here: a new member waits for its replica of the system group.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let mut config = config.clone();
        let wire = config.cluster.wire().map_err(anyhow::Error::msg)?;
        let mut identity = identity::open(&config.node.data)?;
        let board = Board::default();
        let (me, consensus, member) = match wire {
            Some(options) => {
                let (member, consensus) =
                    Member::open(&mut config, options, identity, board.clone()).await?;
                (member.me, consensus, Some(member))
            }
            None => {
                let me = identity::founder(&identity, config.node.partitions, None);
                let consensus = replicas::open_alone(&config, me.node).await;
                let consensus = consensus.context("the store does not open")?;
                identity.settle(me).context("it is not known which node this is")?;
                (me, consensus, None)
            }
        };
        let others = member
            .as_ref()
            .map(|member| Others { steward: member.steward.clone(), calls: member.calls() });
        let neighbours = Neighbours::new(me.node, consensus.clone(), board, others);
        Self::with(config, me, consensus, neighbours, member).await
    }

    async fn with(
        config: Config,
        me: Me,
        consensus: Consensus,
        neighbours: Neighbours,
        member: Option<Member>,
    ) -> anyhow::Result<Self> {
        let partitions = me.partitions;
        let journal: Arc<dyn Journal> = Arc::new(consensus.journal(partitions));
        let system = consensus.system(partitions);
        let ledger = Ledger::new(system.clone());
        let founds = replicas::lead_if_alone(&consensus, me.node).await? && ledger.leads();
        if founds {
            move_old_keys(&*journal, &ledger).await.context("the tenants' keys do not move")?;
        } else {
            await_keys(&ledger).await;
        }
        let rows = ledger.rows().context("the tenants' keys cannot be read")?;
        let is_new = founds && rows.is_empty();
        let master = secrets::master_key(&config, is_new)?;
        let vault = Vault::open(master, rows).context("the tenants' keys do not open")?;
        let vault = Arc::new(vault);
        if founds {
            ledger.check_row(&vault).await?;
        }
        let keys = Keys::open(ledger.clone(), Arc::clone(&vault), neighbours.clone(), partitions);
        Ok(Self { config, me, journal, vault, keys, ledger, neighbours, member })
    }
}

/// Waits until this node's replica of the system group holds the keys.
async fn await_keys(ledger: &Ledger) {
    while !matches!(ledger.row(CHECK_ROW), Ok(Some(_))) {
        let next = ledger.await_change();
        if tokio::time::timeout(SAY_EVERY, next).await.is_err() {
            tracing::info!("waiting for a replica of the system group");
        }
    }
}

/// Moves the keys of a folder of the first release to where they are kept now. Interrupted, it is
/// done again.
async fn move_old_keys(journal: &dyn Journal, ledger: &Ledger) -> anyhow::Result<()> {
    let mut rows: Vec<Row> = Vec::new();
    journal.scan(OLD_KEYS, Table::Keys, &KeyRange::all(), false, &mut |key, value| {
        if let Ok(bytes) = <[u8; 16]>::try_from(key) {
            rows.push((TenantId::from_bytes(bytes), value.to_vec()));
        }
        ControlFlow::Continue(())
    })?;
    if rows.is_empty() {
        return Ok(());
    }
    let count = rows.len();
    ledger.adopt(rows, None).await?;
    let KeyRange { from, to } = KeyRange::all();
    let writes = vec![Write::DeleteRange { table: Table::Keys, from, to }];
    let term = journal.leadership(OLD_KEYS).term;
    journal.commit(Batch { partition: OLD_KEYS, term, writes }).await?;
    tracing::info!(rows = count, "the tenants' keys are now with the system group");
    Ok(())
}
#[cfg(test)]
mod tests {
    use impresario_host::clock::SystemClock;
    use impresario_host::{HostBuilder, HostParts};
    use impresario_journal::Term;
    use impresario_redb::RedbJournal;
    use impresario_vault::MasterKey;

    use super::*;
    use crate::across::backup::Attempt;
    use crate::across::keys::{LedgerError, RESTORING};
    use crate::serve::code_of;

    fn config(data: &std::path::Path, partitions: u16) -> Config {
        let mut config = Config::default();
        config.node.data = data.to_owned();
        config.node.partitions = partitions;
        config
    }

    async fn check_refused(config: &Config, code: &str) {
        let refused = OpenNode::open(config).await.err().expect("it does not open");
        assert_eq!(code_of(&refused), code, "{refused:#}");
    }

    /// A data folder of the earlier build, left as a crash leaves it, goes on with all it held.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_of_the_earlier_build_is_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path(), 2);
        std::fs::create_dir_all(config.store_dir()).expect("the store's folder");
        let old = RedbJournal::open(config.store_options()).expect("it opens");
        for number in 0..50_u8 {
            let write = Write::Put {
                table: Table::Events,
                key: vec![number; 30],
                value: vec![number; 300],
            };
            let partition = PartitionId(u16::from(number) % 2);
            let batch = Batch { partition, term: Term(0), writes: vec![write] };
            old.commit(batch).await.expect("a commit");
        }
        // Dropped without closing: everything is in the log alone.
        drop(old);
        for _ in 0..2 {
            let store = OpenNode::open(&config).await.expect("it is taken over");
            for number in 0..50_u8 {
                let partition = PartitionId(u16::from(number) % 2);
                let found = store.journal.get(partition, Table::Events, &[number; 30]);
                assert_eq!(found, Ok(Some(vec![number; 300])));
            }
            store.journal.close();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_folder_that_does_not_say_whose_it_is_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path(), 2);
        OpenNode::open(&config).await.expect("it opens").journal.close();
        check_refused(&self::config(folder.path(), 3), "store_partitions").await;
        std::fs::write(folder.path().join("node.id"), "nobody").expect("written");
        check_refused(&config, "identity_unusable").await;
    }

    const TENANT: TenantId = TenantId::from_bytes([7; 16]);

    /// The first release kept keys in the first partition.
    #[tokio::test(flavor = "multi_thread")]
    async fn keys_of_an_older_store_move_to_the_system_group() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path(), 2);
        std::fs::create_dir_all(config.store_dir()).expect("the store's folder");
        let master = || MasterKey::from_file_or_create(&config.master_key_file());
        let vault = Vault::open(master().expect("a key"), []).expect("a vault");
        let check = vault.missing_check_row().expect("a row").expect("it is missing");
        let row = vault.provision(TENANT).expect("a key");
        vault.activate(TENANT, &row).expect("it is a key");
        let sealed = vault.seal(TENANT, b"aad", b"text").expect("sealed");
        let old = RedbJournal::open(config.store_options()).expect("it opens");
        let put = |(tenant, value): (TenantId, Vec<u8>)| Write::Put {
            table: Table::Keys,
            key: tenant.as_bytes().to_vec(),
            value,
        };
        let writes = [(CHECK_ROW, check), (TENANT, row)].map(put).to_vec();
        let batch = Batch { partition: OLD_KEYS, term: Term(0), writes };
        old.commit(batch).await.expect("a commit");
        drop(old);
        for _ in 0..2 {
            let node = OpenNode::open(&config).await.expect("it opens");
            assert_eq!(node.vault.open_sealed(TENANT, b"aad", &sealed), Ok(b"text".to_vec()));
            let left = node.journal.get(OLD_KEYS, Table::Keys, TENANT.as_bytes());
            assert_eq!(left, Ok(None), "an erasure would miss it there");
            node.journal.close();
        }
    }

    /// PRV-04: a node that dies after it destroyed a tenant's key goes on with the rows when it
    /// starts again.
    #[tokio::test(flavor = "multi_thread")]
    async fn an_interrupted_erasure_goes_on_after_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path(), 2);
        let partition = PartitionId(1);
        let key = [TENANT.as_bytes().as_slice(), &[9; 20]].concat();
        let node = OpenNode::open(&config).await.expect("it opens");
        node.ledger.provision(&node.vault, TENANT).await.expect("a key");
        let (table, value) = (Table::Events, vec![1; 10]);
        let writes = vec![Write::Put { table, key: key.clone(), value }];
        let term = node.journal.leadership(partition).term;
        node.journal.commit(Batch { partition, term, writes }).await.expect("a commit");
        node.ledger.destroy(TENANT).await.expect("its key is destroyed");
        let refused = node.ledger.provision(&node.vault, TENANT).await;
        assert!(matches!(refused, Err(LedgerError::Erasing(_))), "{refused:?}");
        node.journal.close();
        drop(node);

        let node = OpenNode::open(&config).await.expect("it opens");
        assert!(!node.vault.contains(TENANT));
        assert_eq!(node.ledger.erasing(), Ok(vec![TENANT]));
        assert!(node.keys.is_gone(TENANT));
        let parts = HostParts {
            journal: Arc::clone(&node.journal),
            vault: Arc::clone(&node.vault),
            clock: Arc::new(SystemClock),
            options: impresario_host::Options::default(),
            seed: 1,
        };
        let host = HostBuilder::new(parts).start().await.expect("a host");
        node.keys.serve(host.clone());
        loop {
            let change = node.ledger.await_change();
            if node.ledger.erasing() == Ok(Vec::new()) {
                break;
            }
            change.await;
        }
        assert_eq!(node.journal.get(partition, Table::Events, &key), Ok(None));
        assert!(node.keys.is_gone(TENANT), "for ever");
        host.stop().await;
    }

    /// While a backup is brought back no other tenant comes, and only the last attempt brings keys.
    #[tokio::test(flavor = "multi_thread")]
    async fn nobody_comes_into_a_cluster_that_is_filled() {
        let folder = tempfile::tempdir().expect("a folder");
        let node = OpenNode::open(&config(folder.path(), 2)).await.expect("it opens");
        let row = node.vault.provision(TENANT).expect("a key");
        let system = node.neighbours.consensus().system(2);
        let value = b"the last".to_vec();
        let put = Write::Put { table: Table::Meta, key: RESTORING.to_vec(), value };
        system.commit(system.leadership().term, vec![put]).await.expect("a commit");
        let refused = node.ledger.provision(&node.vault, TENANT).await;
        assert!(matches!(refused, Err(LedgerError::Restoring)), "{refused:?}");
        for (mark, value, is_open) in [
            (RESTORING, &b"an earlier one"[..], false),
            (b"importing/", b"", false),
            (RESTORING, b"the last", true),
        ] {
            let attempt = Attempt { mark: mark.to_vec(), value: value.to_vec() };
            let adopted = node.ledger.adopt(vec![(TENANT, row.clone())], Some(&attempt)).await;
            assert_eq!(adopted.is_ok(), is_open, "{adopted:?}");
        }
        let last = Attempt { mark: RESTORING.to_vec(), value: b"the last".to_vec() };
        let other = node.ledger.adopt(vec![(TENANT, vec![1; 40])], Some(&last)).await;
        assert!(matches!(other, Err(LedgerError::Taken(_))), "{other:?}");
        node.neighbours.consensus().shutdown().await;
    }
}
