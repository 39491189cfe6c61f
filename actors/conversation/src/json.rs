//! How stored values become JSON for the API.

use impresario_kernel::{Personal, Timestamp};
use serde::{Serialize, Serializer};

pub(crate) fn time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&impresario_rules::format_time(at.as_ms()))
}

pub(crate) fn time_or_null<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, serializer),
        None => serializer.serialize_none(),
    }
}

pub(crate) fn open<T: Serialize, S: Serializer>(
    value: &Personal<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.0.serialize(serializer)
}

pub(crate) fn open_or_null<T: Serialize, S: Serializer>(
    value: &Option<Personal<T>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.as_ref().map(|value| &value.0).serialize(serializer)
}

pub(crate) fn open_all<T: Serialize, S: Serializer>(
    values: &[Personal<T>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| &value.0))
}
