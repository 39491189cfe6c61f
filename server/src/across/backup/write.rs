//! A part of a backup, written by the node that leads the partition.

use impresario_backup::{FileInfo, LogWriter, Options, Part, Row, RowWriter, ShippedBatch, Target};
use impresario_consensus::{Consensus, ConsensusError};
use impresario_ids::TenantId;
use impresario_journal::{KeyRange, Table, Write};

use super::{CALL, Done, LOG_GAP, Order, UNAVAILABLE, Wrote, not_now, refused};
use crate::across::Refused;

/// Rows that are read at once.
const READ_BYTES: usize = 1 << 20;

pub(super) async fn write(consensus: &Consensus, options: &Options, order: &Order) -> Done {
    let target = Target::open(&order.target, options).map_err(|error| refused(&error))?;
    match order.log {
        Some((after, to)) => {
            let writer = LogWriter::new(target, &order.folder, order.group, options.piece_bytes);
            write_log(consensus, order, writer, after, to).await.map(Wrote::Log)
        }
        None => write_rows(consensus, options, order, target).await.map(Wrote::Rows),
    }
}

async fn write_rows(
    consensus: &Consensus,
    options: &Options,
    order: &Order,
    target: Target,
) -> Result<Part, Refused> {
    let group = order.group;
    // From here on the log keeps what comes after the rows.
    let applied = consensus.system(group).applied();
    consensus.archived(group, Some(applied)).map_err(|error| unread(&error))?;
    let mut snapshot = consensus.snapshot_of(group).await.map_err(|error| unread(&error))?;
    let batch = snapshot.batch();
    let mut writer = RowWriter::new(target, &order.folder, group, batch, options.piece_bytes);
    loop {
        let rows = snapshot.next(READ_BYTES).await.map_err(|error| unread(&error))?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let row = Row { table: row.table, key: row.key, value: row.value };
            if order.tenant.is_none_or(|tenant| is_of(tenant, &row)) {
                writer.push(row).await.map_err(|error| refused(&error))?;
            }
        }
    }
    let rows = writer.finish().await.map_err(|error| refused(&error))?;
    Ok(Part { group, batch, rows, log: Vec::new(), begun: batch, cut: batch })
}

async fn write_log(
    consensus: &Consensus,
    order: &Order,
    mut writer: LogWriter,
    after: u64,
    to: u64,
) -> Result<Vec<FileInfo>, Refused> {
    let mut next = after + 1;
    if next <= to {
        // A replica that has just begun to lead may still lag.
        let reached = consensus.await_batches(order.group, to);
        match tokio::time::timeout(CALL, reached).await {
            Ok(reached) => reached.map_err(|error| unread(&error))?,
            Err(_) => return Err(not_now("this replica lags")),
        };
    }
    while next <= to {
        let batches = consensus.log_batches(order.group, next, READ_BYTES).await;
        let batches = batches.map_err(|error| unread(&error))?;
        if batches.is_empty() {
            return Err(not_now("batches that were committed are not there"));
        }
        for batch in batches {
            if batch.number > to {
                break;
            }
            next = batch.number + 1;
            let mut writes = batch.decode().map_err(|error| unread(&error))?;
            if let Some(tenant) = order.tenant {
                writes = writes.into_iter().filter_map(|write| only_of(tenant, write)).collect();
            }
            let batch = ShippedBatch { number: batch.number, writes };
            writer.push(batch).await.map_err(|error| refused(&error))?;
        }
    }
    writer.finish().await.map_err(|error| refused(&error))
}

fn unread(error: &ConsensusError) -> Refused {
    let code = match error {
        ConsensusError::LogGap { .. } => LOG_GAP,
        _ => UNAVAILABLE,
    };
    Refused { code: code.to_owned(), message: error.to_string() }
}

fn is_of(tenant: TenantId, row: &Row) -> bool {
    row.table != Table::Meta && row.key.starts_with(tenant.as_bytes())
}

/// The part of a write that changes rows of this tenant.
fn only_of(tenant: TenantId, write: Write) -> Option<Write> {
    let (table, is_its) = match &write {
        Write::Put { table, key, .. }
        | Write::Delete { table, key }
        | Write::DeleteIf { table, key, .. }
        | Write::Add { table, key, .. } => (*table, key.starts_with(tenant.as_bytes())),
        Write::DeleteRange { table, .. } => (*table, true),
    };
    if table == Table::Meta || !is_its {
        return None;
    }
    let Write::DeleteRange { from, to, .. } = write else { return Some(write) };
    let all = KeyRange::prefix(tenant.as_bytes());
    let from = from.max(all.from);
    let to = match (to.is_empty(), all.to.is_empty()) {
        (true, _) => all.to,
        (false, true) => to,
        (false, false) => to.min(all.to),
    };
    (to.is_empty() || from < to).then_some(Write::DeleteRange { table, from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_clipped(from: &[u8], to: &[u8], want: Option<(Vec<u8>, Vec<u8>)>) {
        let tenant = TenantId::from_bytes([7; 16]);
        let write = Write::DeleteRange { table: Table::Seen, from: from.to_vec(), to: to.to_vec() };
        let want = want.map(|(from, to)| Write::DeleteRange { table: Table::Seen, from, to });
        assert_eq!(only_of(tenant, write), want);
    }

    #[test]
    fn a_range_is_clipped_to_the_tenant() {
        let all = KeyRange::prefix(&[7; 16]);
        check_clipped(b"", b"", Some((all.from.clone(), all.to.clone())));
        check_clipped(&[7; 17], &[7; 18], Some((vec![7; 17], vec![7; 18])));
        check_clipped(&[1], &[7; 20], Some((all.from.clone(), vec![7; 20])));
        check_clipped(&[7; 20], &[9], Some((vec![7; 20], all.to.clone())));
        check_clipped(&[1], &[2], None);
        check_clipped(&[8], b"", None);
    }
}
