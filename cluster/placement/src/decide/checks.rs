//! What is looked at before anything is believed.

use crate::settings::{PARTITIONS_MAX, REPLICA_COUNTS};
use crate::{Introduction, Rejection, Settings};

const ADDRESS_BYTES_MAX: usize = 256;
const VERSION_BYTES_MAX: usize = 64;

pub(super) fn settings(settings: &Settings) -> Result<(), Rejection> {
    let invalid = |name, allowed| Err(Rejection::SettingInvalid { name, allowed });
    if !(1..=PARTITIONS_MAX).contains(&settings.partitions) {
        return invalid("partitions", "from 1 to 4096");
    }
    if !REPLICA_COUNTS.contains(&settings.replicas) {
        return invalid("replicas", "1, 3 or 5");
    }
    Ok(())
}

pub(super) fn introduction(intro: &Introduction) -> Result<(), Rejection> {
    let invalid = |what| Err(Rejection::IntroductionInvalid { what });
    if intro.store.0 == [0; 16] {
        return invalid("store");
    }
    if !address(&intro.addr) {
        return invalid("address");
    }
    if !address(&intro.http) {
        return invalid("HTTP address");
    }
    if !intro.zone.is_valid() {
        return invalid("zone");
    }
    if intro.version.is_empty() || intro.version.len() > VERSION_BYTES_MAX {
        return invalid("version");
    }
    if intro.wire.lowest > intro.wire.highest {
        return invalid("range of wire versions");
    }
    Ok(())
}

/// `host:port`; whether the host exists is found out by dialling it.
fn address(text: &str) -> bool {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    let parts = text.rsplit_once(':');
    let port = parts.and_then(|(_, port)| port.parse::<u16>().ok());
    let host = parts.is_some_and(|(host, _)| !host.is_empty());
    text.len() <= ADDRESS_BYTES_MAX && visible && host && port.is_some_and(|port| port != 0)
}
