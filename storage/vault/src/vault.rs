use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use impresario_ids::TenantId;
use parking_lot::RwLock;

use crate::MasterKey;
use crate::keys::{DataKey, FIRST, RowError, TenantKeys};
use crate::nonce::Nonces;
use crate::sealed::{self, Malformed, Parts};

/// The row, beside the tenants' rows, by which a wrong master key is recognised.
pub const CHECK_ROW: TenantId = TenantId::NIL;

const CHECK_TEXT: &[u8] = b"impresario master key check 1";

/// A row of the keys' table: whose it is, and its stored bytes.
pub type Row = (TenantId, Vec<u8>);

/// Where the stored row of a tenant is looked up that is not known yet; `None` if there is none.
pub type Source = Box<dyn Fn(TenantId) -> Option<Vec<u8>> + Send + Sync>;

/// The data keys of a node's tenants, and what is done with them. Shared by reference counting.
pub struct Vault {
    inner: RwLock<Inner>,
    nonces: Nonces,
    source: OnceLock<Source>,
}

/// What [`Vault::sync`] has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// Tenants whose keys are new or others than before.
    pub taken: Vec<TenantId>,
    /// Tenants that have no row any more.
    pub forgotten: Vec<TenantId>,
}

struct Inner {
    master: MasterKey,
    checked: bool,
    tenants: HashMap<TenantId, Held>,
}

/// The keys of a tenant, and which row they are of.
#[derive(Clone)]
struct Held {
    keys: Arc<TenantKeys>,
    row: u64,
}

impl Held {
    fn of(keys: TenantKeys, row: &[u8]) -> Self {
        Self { keys: Arc::new(keys), row: fingerprint(row) }
    }
}

/// Tells rows apart; it protects nothing.
fn fingerprint(row: &[u8]) -> u64 {
    let hash = blake3::hash(row);
    hash.as_bytes().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Why the vault cannot do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The stored keys were wrapped by another master key.
    #[error("wrong master key: the stored keys were wrapped by another one")]
    WrongMasterKey,
    /// The master key is right, but this tenant's row is not what was written.
    #[error("the key row of tenant {0} is damaged")]
    DamagedRow(TenantId),
    /// The tenant has no keys here: never provisioned, or forgotten.
    #[error("no keys for tenant {0}")]
    UnknownTenant(TenantId),
    /// The tenant already has keys.
    #[error("tenant {0} already has keys")]
    AlreadyProvisioned(TenantId),
    /// The value was sealed by a key of the tenant that is not here.
    #[error("tenant {tenant} has no key {key}")]
    UnknownKey {
        /// Whose value.
        tenant: TenantId,
        /// The id of the key.
        key: u32,
    },
    /// The value is sealed in a layout of a later release.
    #[error("a sealed value of layout {0} is not known to this release")]
    UnknownLayout(u8),
    /// The value was changed, or belongs to another row or tenant.
    #[error("a sealed value does not open: it was changed, or belongs elsewhere")]
    Unauthentic,
    /// The plain value is over what the cipher can take (256 GiB).
    #[error("the value is too large to seal")]
    TooLarge,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(String),
}

impl Vault {
    /// A vault with the keys of these rows. Among them may be the row of [`CHECK_ROW`]; if there
    /// are none at all, the store is new (see [`Vault::missing_check_row`]).
    ///
    /// # Errors
    /// [`VaultError::WrongMasterKey`], [`VaultError::DamagedRow`], [`VaultError::Random`].
    pub fn open(
        master: MasterKey,
        rows: impl IntoIterator<Item = Row>,
    ) -> Result<Self, VaultError> {
        Self::open_rows(master, rows.into_iter().collect())
    }

    /// As [`Vault::open`], for a rotation of the master key that may have been cut short: if the
    /// rows are still wrapped by `previous`, they are wrapped by `master` here. The second part of
    /// the answer is then the rows to commit in one batch (see [`Vault::rotate_master`]); it is
    /// empty if the rotation was done.
    ///
    /// # Errors
    /// As [`Vault::open`]; [`VaultError::WrongMasterKey`] if neither key opens the rows.
    pub fn open_rotating(
        master: MasterKey,
        previous: MasterKey,
        rows: impl IntoIterator<Item = Row>,
    ) -> Result<(Self, Vec<Row>), VaultError> {
        let rows: Vec<_> = rows.into_iter().collect();
        match Self::open_rows(previous, rows.clone()) {
            Ok(vault) => {
                let rewrapped = vault.rotate_master(master)?;
                Ok((vault, rewrapped))
            }
            Err(VaultError::WrongMasterKey) => Ok((Self::open_rows(master, rows)?, Vec::new())),
            Err(error) => Err(error),
        }
    }

    fn open_rows(master: MasterKey, rows: Vec<Row>) -> Result<Self, VaultError> {
        // The check row goes first: with it, a failure of another row is damage, not a wrong key.
        let check = rows.iter().find(|(tenant, _)| *tenant == CHECK_ROW);
        let checked = match check {
            Some((_, row)) => check_opens(&master, row)?,
            None => false,
        };
        let mut tenants = HashMap::with_capacity(rows.len());
        for (tenant, row) in rows.into_iter().filter(|(tenant, _)| *tenant != CHECK_ROW) {
            let keys = TenantKeys::unwrap(&row, tenant.as_bytes(), &master)
                .map_err(|error| refused(error, tenant, checked || !tenants.is_empty()))?;
            tenants.insert(tenant, Held::of(keys, &row));
        }
        let inner = RwLock::new(Inner { master, checked, tenants });
        Ok(Self { inner, nonces: Nonces::new()?, source: OnceLock::new() })
    }

    /// The row to be committed under [`CHECK_ROW`] if it was not among the rows at opening.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`] never in practice.
    pub fn missing_check_row(&self) -> Result<Option<Vec<u8>>, VaultError> {
        let inner = self.inner.read();
        if inner.checked { Ok(None) } else { self.check_row(&inner.master).map(Some) }
    }

    /// The row with a fresh data key of a new tenant, wrapped. Nothing is remembered: commit the
    /// row, then [`Vault::activate`] it.
    ///
    /// # Errors
    /// [`VaultError::AlreadyProvisioned`], [`VaultError::Random`].
    pub fn provision(&self, tenant: TenantId) -> Result<Vec<u8>, VaultError> {
        let inner = self.inner.read();
        if tenant == CHECK_ROW || inner.tenants.contains_key(&tenant) {
            return Err(VaultError::AlreadyProvisioned(tenant));
        }
        let keys = TenantKeys::new(vec![DataKey::fresh(FIRST)?])
            .ok_or(VaultError::UnknownTenant(tenant))?;
        keys.wrap(tenant.as_bytes(), &inner.master, &self.nonces)
    }

    /// Takes the keys of a committed row into use, in place of those the tenant had.
    ///
    /// # Errors
    /// [`VaultError::DamagedRow`] if the row is not of this tenant and master key.
    pub fn activate(&self, tenant: TenantId, row: &[u8]) -> Result<(), VaultError> {
        let mut inner = self.inner.write();
        let keys = TenantKeys::unwrap(row, tenant.as_bytes(), &inner.master)
            .map_err(|_| VaultError::DamagedRow(tenant))?;
        inner.tenants.insert(tenant, Held::of(keys, row));
        Ok(())
    }

    /// Where rows of tenants are looked up from now on that are not known yet. Only the first
    /// source counts.
    pub fn look_in(&self, source: Source) {
        // Said in the documentation.
        let _ = self.source.set(source);
    }

    /// Takes the keys of all committed rows into use and forgets those of tenants without one.
    /// Whoever was committed after the rows were read is found again by its [`Source`].
    ///
    /// # Errors
    /// [`VaultError::DamagedRow`] of the first row that does not open; the others are in use.
    pub fn sync(&self, rows: &[Row]) -> Result<Synced, VaultError> {
        let mut synced = Synced::default();
        let mut damaged = None;
        let present: HashSet<TenantId> = rows.iter().map(|(tenant, _)| *tenant).collect();
        let mut inner = self.inner.write();
        let Inner { master, tenants, .. } = &mut *inner;
        for (tenant, row) in rows.iter().filter(|(tenant, _)| *tenant != CHECK_ROW) {
            if tenants.get(tenant).is_some_and(|held| held.row == fingerprint(row)) {
                continue;
            }
            match TenantKeys::unwrap(row, tenant.as_bytes(), master) {
                Ok(keys) => {
                    tenants.insert(*tenant, Held::of(keys, row));
                    synced.taken.push(*tenant);
                }
                Err(_) => damaged = Some(VaultError::DamagedRow(*tenant)),
            }
        }
        tenants.retain(|tenant, _| {
            let stays = present.contains(tenant);
            if !stays {
                synced.forgotten.push(*tenant);
            }
            stays
        });
        damaged.map_or(Ok(synced), Err)
    }

    /// Seals a value under the tenant's newest key. `aad` is bound to it without being stored; it
    /// always includes the tenant and the key of the row, so that a value cannot be moved.
    ///
    /// # Errors
    /// [`VaultError::UnknownTenant`].
    pub fn seal(&self, tenant: TenantId, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let keys = self.keys(tenant)?;
        sealed::seal(keys.newest(), self.nonces.draw(), aad, plain).ok_or(VaultError::TooLarge)
    }

    /// Opens a value sealed for this tenant with the same `aad`.
    ///
    /// # Errors
    /// [`VaultError::UnknownTenant`], [`VaultError::UnknownKey`], [`VaultError::UnknownLayout`],
    /// [`VaultError::Unauthentic`].
    pub fn open_sealed(
        &self,
        tenant: TenantId,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let keys = self.keys(tenant)?;
        let parts = Parts::of(sealed).map_err(|malformed| match malformed {
            Malformed::Short => VaultError::Unauthentic,
            Malformed::Version(version) => VaultError::UnknownLayout(version),
        })?;
        let key =
            keys.by_id(parts.key_id).ok_or(VaultError::UnknownKey { tenant, key: parts.key_id })?;
        parts.open(key, aad).ok_or(VaultError::Unauthentic)
    }

    /// A keyed hash of a value, the same for ever for a tenant (keys may rotate), different between
    /// tenants and domains: for looking personal values up without storing them.
    ///
    /// # Errors
    /// [`VaultError::UnknownTenant`].
    pub fn blind(
        &self,
        tenant: TenantId,
        domain: u8,
        value: &[u8],
    ) -> Result<[u8; 16], VaultError> {
        Ok(self.keys(tenant)?.blind(domain, value))
    }

    /// Whether the tenant has keys here.
    #[must_use]
    pub fn contains(&self, tenant: TenantId) -> bool {
        self.keys(tenant).is_ok()
    }

    /// Every tenant that has keys here, in no order.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        self.inner.read().tenants.keys().copied().collect()
    }

    /// Wraps every key by a new master key and uses it from now on. The caller commits all the rows
    /// given (that of [`CHECK_ROW`] among them) in one batch before the old key is thrown away; if
    /// that fails, it opens the vault again with the old key.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`] never in practice.
    pub fn rotate_master(&self, master: MasterKey) -> Result<Vec<Row>, VaultError> {
        let mut inner = self.inner.write();
        let mut rows = vec![(CHECK_ROW, self.check_row(&master)?)];
        for (tenant, keys) in &inner.tenants {
            rows.push((*tenant, keys.keys.wrap(tenant.as_bytes(), &master, &self.nonces)?));
        }
        inner.master = master;
        inner.checked = true;
        Ok(rows)
    }

    /// The tenant's row with one more data key, for new writes; the old ones stay for reading.
    /// Commit the row, then [`Vault::activate`] it.
    ///
    /// # Errors
    /// [`VaultError::UnknownTenant`], [`VaultError::Random`].
    pub fn rotate_data_key(&self, tenant: TenantId) -> Result<Vec<u8>, VaultError> {
        let keys = self.keys(tenant)?.with_fresh()?;
        keys.wrap(tenant.as_bytes(), &self.inner.read().master, &self.nonces)
    }

    /// Forgets the tenant's keys; they are wiped when the last use of them ends. After its row is
    /// deleted too, nothing of the tenant can be read ever again. Whether there were any.
    pub fn forget(&self, tenant: TenantId) -> bool {
        self.inner.write().tenants.remove(&tenant).is_some()
    }

    fn keys(&self, tenant: TenantId) -> Result<Arc<TenantKeys>, VaultError> {
        let known = self.inner.read().tenants.get(&tenant).map(|held| Arc::clone(&held.keys));
        match known {
            Some(keys) => Ok(keys),
            None => self.find(tenant),
        }
    }

    /// A tenant that was provisioned elsewhere a moment ago.
    fn find(&self, tenant: TenantId) -> Result<Arc<TenantKeys>, VaultError> {
        let found = self.source.get().filter(|_| tenant != CHECK_ROW);
        let row = found.and_then(|look| look(tenant)).ok_or(VaultError::UnknownTenant(tenant))?;
        self.activate(tenant, &row)?;
        let known = self.inner.read().tenants.get(&tenant).map(|held| Arc::clone(&held.keys));
        known.ok_or(VaultError::UnknownTenant(tenant))
    }

    fn check_row(&self, master: &MasterKey) -> Result<Vec<u8>, VaultError> {
        sealed::seal(master.key(), self.nonces.draw(), CHECK_TEXT, CHECK_TEXT)
            .ok_or(VaultError::TooLarge)
    }
}

/// `Ok(true)` if the check row opens.
fn check_opens(master: &MasterKey, row: &[u8]) -> Result<bool, VaultError> {
    let parts = Parts::of(row).map_err(|malformed| match malformed {
        Malformed::Short => VaultError::DamagedRow(CHECK_ROW),
        Malformed::Version(version) => VaultError::UnknownLayout(version),
    })?;
    parts.open(master.key(), CHECK_TEXT).map(|_| true).ok_or(VaultError::WrongMasterKey)
}

fn refused(error: RowError, tenant: TenantId, master_is_right: bool) -> VaultError {
    match error {
        RowError::Refused if !master_is_right => VaultError::WrongMasterKey,
        RowError::Refused | RowError::Damaged => VaultError::DamagedRow(tenant),
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("tenants", &self.inner.read().tenants.len())
            .finish_non_exhaustive()
    }
}
