use std::sync::Arc;
use std::time::Duration;

use impresario_consensus::SystemJournal;
use impresario_ids::{NodeId, TenantId};
use impresario_journal::{CommitError, KeyRange, ReadError, Table, Term, Write};
use impresario_vault::{CHECK_ROW, Row, Vault, VaultError};

use crate::across::backup::Attempt;

/// Counts the changes of the keys.
const VERSION: &[u8] = b"keys/version";
/// Tenants whose keys are destroyed, but not yet all of their rows.
const ERASING: &[u8] = b"erasing/";
/// Tenants that are no more.
const ERASED: &[u8] = b"erased/";

/// Which backup is being brought back into this cluster.
pub(crate) const RESTORING: &[u8] = b"restoring";

/// The hashes of the nodes' root tokens.
const ROOT: &[u8] = b"root/";

/// How often it is looked whether there is a replica of the system group by now.
const LOOK: Duration = Duration::from_millis(50);

/// The keys' rows of the system group. A handle: cheap to clone.
#[derive(Clone)]
pub(crate) struct Ledger {
    journal: SystemJournal,
    /// Held while a change is decided and committed.
    one: Arc<tokio::sync::Mutex<()>>,
}

/// Why the keys are not changed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// Not led here, or not committed.
    #[error("the keys cannot be written here: {0}")]
    Commit(#[from] CommitError),
    /// Not readable.
    #[error("the keys cannot be read: {0}")]
    Read(#[from] ReadError),
    /// No key could be made.
    #[error("no key can be made: {0}")]
    Vault(#[from] VaultError),
    /// The tenant has another key.
    #[error("tenant {0} is already here, with another key")]
    Taken(TenantId),
    /// The tenant's rows are being removed.
    #[error("tenant {0} is being erased: try again when that is done")]
    Erasing(TenantId),
    /// All rows are for those of a backup.
    #[error("a backup is being brought back: nobody else comes before that is done")]
    Restoring,
    /// There is a later attempt.
    #[error("another attempt to bring this in has begun")]
    Overtaken,
    /// This replica lags.
    #[error("this node is behind")]
    Behind,
}

impl Ledger {
    pub(crate) fn new(journal: SystemJournal) -> Self {
        Self { journal, one: Arc::default() }
    }

    /// Nothing is changed here while this is held.
    pub(crate) async fn hold(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.one).lock_owned().await
    }

    /// Whether this node may change the keys.
    pub(crate) fn leads(&self) -> bool {
        self.journal.leadership().is_leader()
    }

    /// The committed row of a tenant, as this replica has it.
    pub(crate) fn row(&self, tenant: TenantId) -> Result<Option<Vec<u8>>, ReadError> {
        self.journal.get(Table::Keys, tenant.as_bytes())
    }

    /// All committed rows, that of the check included.
    pub(crate) fn rows(&self) -> Result<Vec<Row>, ReadError> {
        tenants_of(&self.journal, Table::Keys, &[])
    }

    pub(crate) fn version(&self) -> Result<u64, ReadError> {
        let value = self.journal.get(Table::Meta, VERSION)?;
        let bytes = value.and_then(|value| <[u8; 8]>::try_from(value).ok());
        Ok(bytes.map_or(0, u64::from_be_bytes))
    }

    pub(crate) fn erasing(&self) -> Result<Vec<TenantId>, ReadError> {
        let rows = tenants_of(&self.journal, Table::Meta, ERASING)?;
        Ok(rows.into_iter().map(|(tenant, _)| tenant).collect())
    }

    pub(crate) fn is_erased(&self, tenant: TenantId) -> Result<bool, ReadError> {
        for prefix in [ERASING, ERASED] {
            if self.journal.get(Table::Meta, &[prefix, tenant.as_bytes()].concat())?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The nodes' root tokens, hashed.
    pub(crate) fn root_tokens(&self) -> Result<Vec<(NodeId, [u8; 32])>, ReadError> {
        let mut tokens = Vec::new();
        self.journal.scan(Table::Meta, &KeyRange::prefix(ROOT), false, &mut |key, value| {
            let node = key.get(ROOT.len()..).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
            if let (Some(node), Ok(hash)) = (node, <[u8; 32]>::try_from(value)) {
                tokens.push((NodeId(u64::from_be_bytes(node)), hash));
            }
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(tokens)
    }

    /// Keeps the hash of a node's root token.
    pub(crate) async fn share_root(&self, node: NodeId, hash: [u8; 32]) -> Result<(), LedgerError> {
        let _one = self.one.lock().await;
        let term = self.reign()?;
        if self.root_tokens()?.contains(&(node, hash)) {
            return Ok(self.journal.confirm(term).await?);
        }
        let key = [ROOT, &node.0.to_be_bytes()].concat();
        let put = Write::Put { table: Table::Meta, key, value: hash.to_vec() };
        self.journal.commit(term, vec![put]).await?;
        Ok(())
    }

    /// Waits for the next batch of the system group, whatever it holds.
    pub(crate) fn await_change(&self) -> impl Future<Output = ()> + Send + 'static {
        let journal = self.journal.clone();
        let next = journal.applied() + 1;
        async move {
            // Without a replica there is nothing to wait for yet.
            while journal.await_applied(next).await.is_err() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    pub(crate) async fn await_version(
        &self,
        version: u64,
        within: Duration,
    ) -> Result<(), LedgerError> {
        let reached = async {
            while self.version()? < version {
                self.await_change().await;
            }
            Ok(())
        };
        tokio::time::timeout(within, reached).await.unwrap_or(Err(LedgerError::Behind))
    }

    /// Makes a key, unless there is one; answers its row and a version that has it.
    pub(crate) async fn provision(
        &self,
        vault: &Vault,
        tenant: TenantId,
    ) -> Result<(Vec<u8>, u64), LedgerError> {
        let _one = self.one.lock().await;
        let term = self.reign()?;
        if let Some(row) = self.row(tenant)? {
            self.journal.confirm(term).await?;
            return Ok((row, self.version()?));
        }
        self.check_open(None)?;
        // What was erased a moment ago may still be here.
        vault.forget(tenant);
        let row = vault.provision(tenant)?;
        let writes = self.begin(tenant, row.clone())?;
        let version = self.commit(term, writes).await?;
        Ok((row, version))
    }

    /// Keeps rows that were made elsewhere; answers a version that has them.
    pub(crate) async fn adopt(
        &self,
        rows: Vec<Row>,
        attempt: Option<&Attempt>,
    ) -> Result<u64, LedgerError> {
        let _one = self.one.lock().await;
        let term = self.reign()?;
        self.check_open(attempt)?;
        let mut writes = Vec::with_capacity(rows.len() + 1);
        for (tenant, row) in rows {
            match self.row(tenant)? {
                Some(have) if have != row => return Err(LedgerError::Taken(tenant)),
                Some(_) => {}
                None => writes.extend(self.begin(tenant, row)?),
            }
        }
        if writes.is_empty() {
            self.journal.confirm(term).await?;
            return self.version().map_err(LedgerError::Read);
        }
        self.commit(term, writes).await
    }

    /// That a tenant may come: from this attempt, if it is the last one, and otherwise unless the
    /// cluster is being filled.
    fn check_open(&self, attempt: Option<&Attempt>) -> Result<(), LedgerError> {
        if let Some(attempt) = attempt {
            let held = self.journal.get(Table::Meta, &attempt.mark)?;
            if held.as_ref() != Some(&attempt.value) {
                return Err(LedgerError::Overtaken);
            }
        }
        let is_other = attempt.is_none_or(|attempt| attempt.mark != RESTORING);
        if is_other && self.journal.get(Table::Meta, RESTORING)?.is_some() {
            return Err(LedgerError::Restoring);
        }
        Ok(())
    }

    /// What makes a tenant known, again if it was erased before.
    fn begin(&self, tenant: TenantId, row: Vec<u8>) -> Result<Vec<Write>, LedgerError> {
        let key = |prefix: &[u8]| [prefix, tenant.as_bytes()].concat();
        if self.journal.get(Table::Meta, &key(ERASING))?.is_some() {
            return Err(LedgerError::Erasing(tenant));
        }
        Ok(vec![keep(tenant, row), Write::Delete { table: Table::Meta, key: key(ERASED) }])
    }

    /// Replaces rows: those of another master key.
    pub(crate) async fn replace(&self, rows: Vec<Row>) -> Result<(), LedgerError> {
        let _one = self.one.lock().await;
        let term = self.reign()?;
        let writes = rows.into_iter().map(|(tenant, row)| keep(tenant, row)).collect();
        self.commit(term, writes).await.map(drop)
    }

    /// Destroys the keys of a tenant and notes that its rows must go; answers the version that
    /// whoever follows must have reached.
    pub(crate) async fn destroy(&self, tenant: TenantId) -> Result<u64, LedgerError> {
        let _one = self.one.lock().await;
        let term = self.reign()?;
        let key = tenant.as_bytes().to_vec();
        let mark = [ERASING, &key].concat();
        let writes = vec![
            Write::Put { table: Table::Meta, key: mark, value: Vec::new() },
            Write::Delete { table: Table::Keys, key },
        ];
        self.commit(term, writes).await
    }

    /// Notes that nothing is left of a tenant.
    pub(crate) async fn removed(&self, tenant: TenantId) -> Result<(), LedgerError> {
        let _one = self.one.lock().await;
        let term = self.reign()?;
        let key = |prefix: &[u8]| [prefix, tenant.as_bytes()].concat();
        let writes = vec![
            Write::Delete { table: Table::Meta, key: key(ERASING) },
            Write::Put { table: Table::Meta, key: key(ERASED), value: Vec::new() },
        ];
        self.commit(term, writes).await.map(drop)
    }

    /// Makes sure of the row by which a wrong master key is recognised.
    pub(crate) async fn check_row(&self, vault: &Vault) -> Result<(), LedgerError> {
        match vault.missing_check_row()? {
            Some(row) if self.row(CHECK_ROW)?.is_none() => {
                self.replace(vec![(CHECK_ROW, row)]).await
            }
            Some(_) | None => Ok(()),
        }
    }

    fn reign(&self) -> Result<Term, LedgerError> {
        let now = self.journal.leadership();
        if now.is_leader() {
            Ok(now.term)
        } else {
            Err(CommitError::NotLeader { leader: now.leader() }.into())
        }
    }

    async fn commit(&self, term: Term, mut writes: Vec<Write>) -> Result<u64, LedgerError> {
        let version = self.version()? + 1;
        let (table, key) = (Table::Meta, VERSION.to_vec());
        writes.push(Write::Put { table, key, value: version.to_be_bytes().to_vec() });
        self.journal.commit(term, writes).await?;
        Ok(version)
    }
}

fn keep(tenant: TenantId, row: Vec<u8>) -> Write {
    Write::Put { table: Table::Keys, key: tenant.as_bytes().to_vec(), value: row }
}

/// The rows of a table whose keys are a prefix and a tenant.
fn tenants_of(journal: &SystemJournal, table: Table, prefix: &[u8]) -> Result<Vec<Row>, ReadError> {
    let mut rows = Vec::new();
    journal.scan(table, &KeyRange::prefix(prefix), false, &mut |key, value| {
        let tenant = key.get(prefix.len()..).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        rows.extend(tenant.map(|bytes| (TenantId::from_bytes(bytes), value.to_vec())));
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(rows)
}
