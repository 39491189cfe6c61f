//! Walking rows of a table over all partitions, wherever they are led.

use std::ops::ControlFlow;
use std::sync::Arc;

use impresario_http::{PortError, Rows};
use impresario_journal::{KeyRange, Table};
use impresario_kernel::PartitionId;
use serde_json::{Value, json};

use super::{Admin, internal};

/// Makes something to show of a row's key and value.
pub(super) type Show = fn(&[u8], &[u8]) -> Option<Value>;

/// Rows, and the partitions that nobody could read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rows: Vec<Value>,
    unreadable: Vec<Value>,
}

impl Found {
    /// The answer with the rows under this name.
    pub(super) fn named(self, name: &str) -> Value {
        json!({ name: self.rows, "unreadable_partitions": self.unreadable })
    }
}

impl Admin {
    /// The first rows of a table, of one tenant or of all, that `show` makes something of. A
    /// partition that cannot be read is named, unless it is so with all.
    pub(super) async fn rows(
        &self,
        table: Table,
        Rows { tenant, limit }: Rows,
        show: Show,
    ) -> Result<Found, PortError> {
        let range = tenant.map_or_else(KeyRange::all, |tenant| KeyRange::prefix(tenant.as_bytes()));
        let reads = Arc::clone(&self.parts.reads);
        let walk = tokio::task::spawn_blocking(move || {
            let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
            for number in 0..reads.partitions() {
                let mut visit = |key: &[u8], value: &[u8]| {
                    if rows.len() >= limit {
                        return ControlFlow::Break(());
                    }
                    rows.extend(show(key, value));
                    ControlFlow::Continue(())
                };
                let partition = PartitionId(number);
                if let Err(error) = reads.scan(partition, table, &range, false, &mut visit) {
                    unreadable.push((number, error));
                }
                if rows.len() >= limit {
                    break;
                }
            }
            if rows.is_empty() && unreadable.len() == usize::from(reads.partitions()) {
                return Err(unreadable.pop().map(|(_, error)| error));
            }
            let unreadable = unreadable
                .into_iter()
                .map(|(number, error)| json!({ "partition": number, "error": error.to_string() }))
                .collect();
            Ok(Found { rows, unreadable })
        });
        walk.await.map_err(internal)?.map_err(|error| {
            let why = error.map_or_else(|| "there is none".to_owned(), |error| error.to_string());
            PortError::coded("unavailable", format!("no partition can be read: {why}"))
        })
    }
}

/// A row's key as operators name it.
pub(super) fn to_hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The row's key that an operator named.
pub(super) fn from_hex(text: &str) -> Result<Vec<u8>, PortError> {
    let is_hex = !text.is_empty()
        && text.len().is_multiple_of(2)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return Err(PortError::invalid("the id is the hexadecimal key that the list shows"));
    }
    let pairs = (0..text.len()).step_by(2);
    Ok(pairs.filter_map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_text() {
        assert_eq!(from_hex(&to_hex(&[0, 127, 255])), Ok(vec![0, 127, 255]));
        for wrong in ["", "0", "0g", "é"] {
            assert!(from_hex(wrong).is_err(), "{wrong}");
        }
    }
}
