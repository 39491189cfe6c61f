//! Walking rows of a table over all partitions.

use std::ops::ControlFlow;

use impresario_http::PortError;
use impresario_ids::TenantId;
use impresario_journal::{KeyRange, Table};
use impresario_kernel::PartitionId;
use serde_json::Value;

use super::{Admin, internal};

/// Makes something to show of a row's key and value.
pub(super) type Show<'a> = dyn Fn(&[u8], &[u8]) -> Option<Value> + 'a;

impl Admin {
    /// The first `limit` rows of a table, of one tenant or of all, that `show` makes something of.
    pub(super) fn rows(
        &self,
        table: Table,
        tenant: Option<TenantId>,
        limit: usize,
        show: &Show<'_>,
    ) -> Result<Vec<Value>, PortError> {
        let range = tenant.map_or_else(KeyRange::all, |tenant| KeyRange::prefix(tenant.as_bytes()));
        let journal = self.parts.host.journal();
        let mut shown = Vec::new();
        for number in 0..journal.partitions() {
            let mut visit = |key: &[u8], value: &[u8]| {
                if shown.len() >= limit {
                    return ControlFlow::Break(());
                }
                shown.extend(show(key, value));
                ControlFlow::Continue(())
            };
            journal
                .scan(PartitionId(number), table, &range, false, &mut visit)
                .map_err(internal)?;
        }
        Ok(shown)
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
