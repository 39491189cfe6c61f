use jiff::Timestamp;
use serde::Serialize;

use crate::{BackupError, Cut, Manifest, Part, Steps, Subject, SumOf, Target};

/// The backups of one kind in a target: each a folder of objects.
#[derive(Clone, Debug)]
pub struct Library {
    target: Target,
    /// Where their folders are.
    root: String,
}

/// A moment that can be restored: a backup, and the cuts that lead on from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The backup.
    pub manifest: Manifest,
    /// In order, without a gap.
    pub cuts: Vec<Cut>,
}

/// What a list shows of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupInfo {
    /// Its name.
    pub id: String,
    /// Whether it can be restored. If not, it was cut short, or is being written.
    pub complete: bool,
    /// The cluster it was taken of.
    pub cluster: Option<String>,
    /// The release that wrote it.
    pub release: Option<String>,
    /// Its partitions.
    pub partitions: u16,
    /// Bytes of its rows and batches.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
    /// When its cut was taken (RFC 3339, UTC): all that was acknowledged before is in it.
    pub at: Option<String>,
    /// How many cuts were shipped behind it.
    pub cuts: u64,
    /// When the last of them was taken: how far it can be rolled forward.
    pub until: Option<String>,
    /// Why it cannot be read, if so.
    pub error: Option<String>,
}

/// The name of a backup that begins at this time.
#[must_use]
pub fn new_id(now_ms: i64, random: [u8; 4]) -> String {
    let time = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{random}", time.strftime("%Y%m%dT%H%M%SZ"))
}

/// Whether a text could be a backup's name: what comes from outside never leads out of its folder.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

impl Library {
    /// Backups of whole clusters.
    #[must_use]
    pub fn of_clusters(target: Target) -> Self {
        Self { target, root: "backups".to_owned() }
    }

    /// Archives of one tenant.
    #[must_use]
    pub fn of_tenant(target: Target, tenant: impresario_ids::TenantId) -> Self {
        Self { target, root: format!("tenants/{tenant}") }
    }

    /// The target.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where a backup's objects are.
    #[must_use]
    pub fn folder(&self, id: &str) -> String {
        format!("{}/{id}", self.root)
    }

    /// Where what is shipped behind it is.
    #[must_use]
    pub fn shipped(&self, id: &str) -> String {
        format!("{}/{id}/shipped", self.root)
    }

    fn manifest_name(&self, id: &str) -> String {
        format!("{}/{id}/manifest", self.root)
    }

    fn cut_name(&self, id: &str, number: u64) -> String {
        format!("{}/{id}/shipped/cut-{number:012}", self.root)
    }

    /// Keeps what was written of a partition, for an attempt that goes on after a crash.
    ///
    /// # Errors
    /// What the target says.
    pub async fn put_part(&self, id: &str, part: &Part) -> Result<(), BackupError> {
        let name = format!("{}/{id}/p{:05}.part", self.root, part.group);
        self.target.put(&name, part.to_object()).await
    }

    /// What an earlier attempt wrote of a partition. One that is damaged counts for nothing.
    ///
    /// # Errors
    /// What the target says.
    pub async fn part(&self, id: &str, group: u16) -> Result<Option<Part>, BackupError> {
        let name = format!("{}/{id}/p{group:05}.part", self.root);
        let bytes = self.target.get(&name).await?;
        Ok(bytes.and_then(|bytes| Part::from_object(&name, &bytes).ok()))
    }

    /// Makes a backup complete.
    ///
    /// # Errors
    /// What the target says.
    pub async fn put_manifest(&self, manifest: &Manifest) -> Result<SumOf, BackupError> {
        let bytes = manifest.to_object();
        let sum = SumOf::of(&bytes);
        self.target.put(&self.manifest_name(&manifest.id), bytes).await?;
        Ok(sum)
    }

    /// A backup's manifest, and its checksum.
    ///
    /// # Errors
    /// [`BackupError::NotFound`], [`BackupError::Incomplete`], [`BackupError::Damaged`] and what the
    /// target says.
    pub async fn manifest(&self, id: &str) -> Result<(Manifest, SumOf), BackupError> {
        if !is_id(id) {
            return Err(BackupError::NotFound(id.to_owned()));
        }
        let name = self.manifest_name(id);
        let Some(bytes) = self.target.get(&name).await? else {
            let known = self.target.folders(&self.root).await?.iter().any(|known| known == id);
            return Err(if known {
                BackupError::Incomplete(id.to_owned())
            } else {
                BackupError::NotFound(id.to_owned())
            });
        };
        let manifest = Manifest::from_object(&name, &bytes)?;
        if manifest.id != id {
            return Err(BackupError::damaged(&name, "it is that of another backup"));
        }
        Ok((manifest, SumOf::of(&bytes)))
    }

    /// Writes the next cut. `None` if there is one of its number: another node ships too, and what
    /// is there must be read again.
    ///
    /// # Errors
    /// What the target says.
    pub async fn put_cut(&self, cut: &Cut) -> Result<Option<SumOf>, BackupError> {
        let bytes = cut.to_object();
        let sum = SumOf::of(&bytes);
        let written = self.target.put_new(&self.cut_name(&cut.base, cut.number), bytes).await?;
        Ok(written.then_some(sum))
    }

    /// The cuts behind a backup, in order, and the checksum that the next one follows.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] if one of them is, or is missing; what the target says.
    pub async fn cuts(&self, id: &str, follows: SumOf) -> Result<(Vec<Cut>, SumOf), BackupError> {
        let names = self.target.list(&self.shipped(id)).await?;
        let mut follows = follows;
        let mut cuts: Vec<Cut> = Vec::new();
        for name in names.iter().filter(|name| name.contains("/cut-")) {
            let wanted = self.cut_name(id, cuts.len() as u64 + 1);
            if *name != wanted {
                return Err(BackupError::damaged(&wanted, "it is not there"));
            }
            let bytes = self.target.get(name).await?;
            let bytes = bytes.ok_or_else(|| BackupError::damaged(name, "it is not there"))?;
            let cut = Cut::from_object(name, &bytes)?;
            if cut.follows != follows || cut.base != id {
                return Err(BackupError::damaged(name, "it follows another backup or cut"));
            }
            follows = SumOf::of(&bytes);
            cuts.push(cut);
        }
        Ok((cuts, follows))
    }

    /// Names of all backups, also of those that were never finished, oldest first.
    ///
    /// # Errors
    /// What the target says.
    pub async fn ids(&self) -> Result<Vec<String>, BackupError> {
        let mut ids = self.target.folders(&self.root).await?;
        ids.retain(|id| is_id(id));
        Ok(ids)
    }

    /// What there is, oldest first.
    ///
    /// # Errors
    /// What the target says.
    pub async fn list(&self) -> Result<Vec<BackupInfo>, BackupError> {
        let mut infos = Vec::new();
        for id in self.ids().await? {
            infos.push(match self.manifest(&id).await {
                Ok((manifest, sum)) => {
                    let cuts = self.cuts(&id, sum).await;
                    info(&manifest, cuts.map(|(cuts, _)| cuts))
                }
                Err(error @ BackupError::TargetUnavailable { .. }) => return Err(error),
                Err(error) => broken(id, &error),
            });
        }
        Ok(infos)
    }

    /// What to restore: this backup or the newest complete one, rolled forward to the last cut, or to
    /// the last one (of backup or cut) that was taken no later than `until_ms`.
    ///
    /// # Errors
    /// [`BackupError::NotFound`] if nothing is that old; as [`Library::manifest`] and
    /// [`Library::cuts`].
    pub async fn point(
        &self,
        id: Option<&str>,
        until_ms: Option<i64>,
    ) -> Result<Point, BackupError> {
        let in_time = |at: i64| until_ms.is_none_or(|until| at <= until);
        let (manifest, sum) = match id {
            Some(id) => self.manifest(id).await?,
            None => self.newest(&in_time).await?,
        };
        if !in_time(manifest.cut_ms) {
            return Err(BackupError::NotFound(format!("{} of so early a time", manifest.id)));
        }
        let (mut cuts, _) = self.cuts(&manifest.id, sum).await?;
        cuts.retain(|cut| in_time(cut.at_ms));
        Ok(Point { manifest, cuts })
    }

    async fn newest(
        &self,
        in_time: &(dyn Fn(i64) -> bool + Sync),
    ) -> Result<(Manifest, SumOf), BackupError> {
        let mut ids = self.ids().await?;
        while let Some(id) = ids.pop() {
            match self.manifest(&id).await {
                Ok((manifest, sum)) if in_time(manifest.cut_ms) => return Ok((manifest, sum)),
                Ok(_) | Err(BackupError::Incomplete(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(BackupError::NotFound("of any finished kind, of the time wanted,".to_owned()))
    }

    /// Removes a backup and all that was shipped behind it. The manifest goes first, so that what is
    /// left after a crash is no backup.
    ///
    /// # Errors
    /// What the target says.
    pub async fn delete(&self, id: &str) -> Result<(), BackupError> {
        if !is_id(id) {
            return Err(BackupError::NotFound(id.to_owned()));
        }
        self.target.delete(&self.manifest_name(id)).await?;
        for name in self.target.list(&self.folder(id)).await? {
            self.target.delete(&name).await?;
        }
        Ok(())
    }
}

impl Point {
    /// The batches that lead from a part's rows to this point.
    #[must_use]
    pub fn steps(&self, part: &Part) -> Steps {
        let mut steps = Steps { log: part.log.clone(), begun: part.begun, cut: part.cut };
        for cut in &self.cuts {
            let here = cut.parts.iter().filter(|cut| cut.group == part.group);
            for next in here {
                steps.log.extend(next.log.iter().cloned());
                steps.begun = next.begun;
                steps.cut = next.cut;
            }
        }
        steps
    }

    /// The rows of the system group: those of the last cut that has them.
    #[must_use]
    pub fn system(&self) -> Option<&Part> {
        let shipped = self.cuts.iter().rev().find_map(|cut| cut.system.as_ref());
        shipped.or(self.manifest.system.as_ref())
    }

    /// The moment: everything acknowledged before it is in it.
    #[must_use]
    pub fn at_ms(&self) -> i64 {
        self.cuts.last().map_or(self.manifest.cut_ms, |cut| cut.at_ms)
    }
}

fn info(manifest: &Manifest, cuts: Result<Vec<Cut>, BackupError>) -> BackupInfo {
    let (cuts, error) = match cuts {
        Ok(cuts) => (cuts, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let shipped: u64 = cuts.iter().flat_map(Cut::files).map(|file| file.bytes).sum();
    BackupInfo {
        id: manifest.id.clone(),
        complete: true,
        cluster: Some(manifest.cluster.to_string()),
        release: Some(manifest.release.clone()),
        partitions: manifest.partitions,
        bytes: manifest.bytes() + shipped,
        rows: manifest.rows(),
        at: Some(text_of(manifest.cut_ms)),
        cuts: cuts.len() as u64,
        until: cuts.last().map(|cut| text_of(cut.at_ms)),
        error,
    }
}

fn broken(id: String, error: &BackupError) -> BackupInfo {
    let is_unfinished = matches!(error, BackupError::Incomplete(_));
    BackupInfo {
        id,
        complete: false,
        cluster: None,
        release: None,
        partitions: 0,
        bytes: 0,
        rows: 0,
        at: None,
        cuts: 0,
        until: None,
        error: (!is_unfinished).then(|| error.to_string()),
    }
}

fn text_of(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

impl Manifest {
    /// The tenant, if this is an archive of one.
    #[must_use]
    pub fn tenant(&self) -> Option<impresario_ids::TenantId> {
        match self.subject {
            Subject::Cluster => None,
            Subject::Tenant(tenant) => Some(tenant),
        }
    }
}
