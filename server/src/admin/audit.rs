//! What operators did: a file beside the store, which is only ever added to.
//!
//! Each act is two lines: one before it is begun, forced to the disk, without which it is not begun;
//! and one with its outcome. Lines are told to every other node, so the record of a lost node is
//! not lost with it, and nothing about it needs a quorum: acts that repair a lost quorum are on
//! record too. A node that was away lacks what was told meanwhile; the list is put together from
//! the records of all nodes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use impresario_http::{AdminAsk, Operator};
use impresario_ids::NodeId;
use impresario_kernel::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

const FILE: &str = "audit.jsonl";
/// So much of the end of the file is looked at for a list.
const LISTED_BYTES: u64 = 8 << 20;
/// The outcome of an act that is under way, or whose node went down meanwhile.
pub(super) const UNKNOWN: &str = "not known";

/// The record.
#[derive(Debug)]
pub(crate) struct Audit {
    path: PathBuf,
    file: Mutex<File>,
}

impl Audit {
    /// Opens the record of a data folder, or begins it.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(FILE);
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).read(true).mode(0o600).open(&path)?;
        if file.metadata()?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                // A crash tore the last line.
                file.write_all(b"\n")?;
            }
        }
        File::open(data)?.sync_all()?;
        Ok(Self { path, file: Mutex::new(file) })
    }

    /// Adds a line, durably.
    pub(crate) fn append(&self, line: &str) -> io::Result<()> {
        let mut bytes = line.replace('\n', " ").into_bytes();
        bytes.push(b'\n');
        let mut file = self.file.lock();
        file.write_all(&bytes)?;
        file.sync_data()
    }

    /// The last lines, oldest first.
    pub(crate) fn lines(&self) -> io::Result<Vec<Value>> {
        let mut file = File::open(&self.path)?;
        let from = file.metadata()?.len().saturating_sub(LISTED_BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let lines = bytes.split(|byte| *byte == b'\n');
        Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

/// One act.
#[derive(Clone, Debug)]
pub(super) struct Act {
    id: String,
    begun: Value,
}

impl Act {
    pub(super) fn new(
        now: Timestamp,
        node: NodeId,
        by: &Operator,
        act: &str,
        mut detail: Value,
    ) -> Self {
        hide_secrets(&mut detail);
        // Sorts by time.
        let id = format!("{:014}-{}-{:08x}", now.as_ms(), node.0, rand::random::<u32>());
        let begun = json!({
            "id": id,
            "at_ms": now.as_ms(),
            "node": node,
            "token": by.token,
            "peer": by.peer,
            "trace": by.trace,
            "act": act,
            "detail": detail,
        });
        Self { id, begun }
    }

    pub(super) fn begun(&self) -> Value {
        self.begun.clone()
    }

    pub(super) fn ended(&self, now: Timestamp, failed: Option<(&str, &str)>) -> Value {
        let (outcome, why) = match failed {
            None => ("done", None),
            Some((code, why)) => (code, Some(why)),
        };
        json!({ "id": self.id, "ended_ms": now.as_ms(), "outcome": outcome, "why": why })
    }
}

/// The word for an act.
pub(super) fn name_of(ask: &AdminAsk) -> &'static str {
    match ask {
        AdminAsk::Settings(_) => "cluster_settings",
        AdminAsk::Rebalance => "cluster_rebalance",
        AdminAsk::Recover { .. } => "cluster_recover",
        AdminAsk::Drain { .. } => "node_drain",
        AdminAsk::Resume { .. } => "node_resume",
        AdminAsk::Leave { .. } => "node_leave",
        AdminAsk::Remove { .. } => "node_remove",
        AdminAsk::Zone { .. } => "node_zone",
        AdminAsk::Place { .. } => "tenant_place",
        AdminAsk::Move { .. } => "partition_move",
        AdminAsk::Transfer { .. } => "partition_transfer",
        AdminAsk::Snapshot { .. } => "partition_snapshot",
        AdminAsk::LogLevel { .. } => "log_level",
        AdminAsk::ActorPassivate(_) => "actor_passivate",
        AdminAsk::ActorQuarantine { .. } => "actor_quarantine",
        AdminAsk::ActorRelease(_) => "actor_release",
        AdminAsk::OutboxRetry { .. } => "outbox_retry",
        AdminAsk::OutboxDrop { .. } => "outbox_drop",
        AdminAsk::DeadLetterReplay { .. } => "dead_letter_replay",
        AdminAsk::DeadLetterDrop { .. } => "dead_letter_drop",
        AdminAsk::Backup { .. } => "backup",
        AdminAsk::BackupVerify { .. } => "backup_verify",
        AdminAsk::Restore { .. } => "restore",
        AdminAsk::TenantExport { .. } => "tenant_export",
        AdminAsk::TenantImport { .. } => "tenant_import",
        _ => "read",
    }
}

/// A passphrase is nothing for a record.
fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let secret = ["passphrase", "password", "secret", "token", "key"];
                if secret.iter().any(|word| name.contains(word)) {
                    *value = "hidden".into();
                } else {
                    hide_secrets(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_secrets),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The acts of a record, newest first, each with its outcome.
pub(super) fn acts(lines: &[Value], limit: usize) -> Vec<Value> {
    let mut acts: BTreeMap<&str, Value> = BTreeMap::new();
    let mut ends: BTreeMap<&str, &Value> = BTreeMap::new();
    for line in lines {
        let Some(id) = line["id"].as_str() else { continue };
        if line.get("act").is_some() {
            acts.insert(id, line.clone());
        } else {
            ends.insert(id, line);
        }
    }
    let ended = |(id, mut act): (&str, Value)| {
        match ends.get(id) {
            Some(end) => {
                act["outcome"] = end["outcome"].clone();
                act["why"] = end["why"].clone();
                let took = end["ended_ms"].as_i64().zip(act["at_ms"].as_i64());
                act["took_ms"] = took.map(|(end, begin)| end.saturating_sub(begin)).into();
            }
            None => act["outcome"] = UNKNOWN.into(),
        }
        act
    };
    acts.into_iter().rev().take(limit).map(ended).collect()
}

#[cfg(test)]
mod tests {
    use impresario_ids::TraceId;

    use super::*;

    fn act(at: i64, detail: Value) -> Act {
        let by = Operator {
            token: "root".to_owned(),
            peer: Some([127, 0, 0, 1].into()),
            trace: TraceId::NIL,
        };
        Act::new(Timestamp::from_ms(at), NodeId(1), &by, "node_drain", detail)
    }

    #[test]
    fn what_is_on_record_survives_a_torn_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = act(1_000, json!({ "member": 2 }));
        let audit = Audit::open(folder.path()).expect("it opens");
        audit.append(&first.begun().to_string()).expect("written");
        audit.append(&first.ended(Timestamp::from_ms(1_250), None).to_string()).expect("written");
        drop(audit);
        let mut file =
            OpenOptions::new().append(true).open(folder.path().join(FILE)).expect("there");
        file.write_all(b"{\"id\":\"torn").expect("written");
        let audit = Audit::open(folder.path()).expect("it opens");
        let second = act(2_000, Value::Null);
        audit.append(&second.begun().to_string()).expect("written");
        let acts = acts(&audit.lines().expect("it reads"), 10);
        assert_eq!(acts.len(), 2);
        assert_eq!((&acts[0]["outcome"], &acts[1]["outcome"]), (&json!(UNKNOWN), &json!("done")));
        assert_eq!(acts[1]["took_ms"], 250);
        assert_eq!(acts[1]["detail"]["member"], 2);
    }

    #[test]
    fn secrets_are_not_put_on_record() {
        let act = act(1, json!({ "order": { "passphrase": "x", "target": "/backups" } }));
        assert_eq!(
            act.begun()["detail"]["order"],
            json!({ "passphrase": "hidden", "target": "/backups" })
        );
    }
}
