//! The connections to Discord's gateway, through which free text comes: one per connection that asks
//! for it, kept here for the tenants that this node decides for.
//!
//! What a connection brings is handed to its conversation until that has it, also after the connection
//! is given to another node. For a moment two nodes can keep the same one; both bring the same messages,
//! which are known again by their ids.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use impresario_discord::gateway::{self, Options};
use impresario_discord::{Client, Settings};
use impresario_ids::{TenantId, TraceId};
use impresario_messages::{Event, SendClass};
use impresario_router::Failure;
use impresario_tenant::{State, Status};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::service::Answers;

/// Messages of one connection that wait to be handed over.
const WAITING_MAX: usize = 64;
/// Messages of one connection that are being handed over.
const AT_ONCE: usize = 16;
/// The first pause before something is tried again, in milliseconds; it doubles.
const PAUSE_MS: u64 = 250;
/// The longest pause before a message is handed over again, in milliseconds.
const HAND_OVER_MS_MAX: u64 = 5_000;
/// How often that is tried: for about ten minutes.
const HAND_OVERS_MAX: u32 = 120;
/// The longest pause before the gateway's address is asked for again, in milliseconds.
const ADDRESS_MS_MAX: u64 = 60_000;

/// The connections that are kept.
#[derive(Debug, Default)]
pub(crate) struct Gateways(Mutex<HashMap<(TenantId, String), Kept>>);

/// A connection; it ends when this is dropped.
struct Kept {
    settings: String,
    socket: AbortHandle,
}

impl fmt::Debug for Kept {
    /// Without the settings: there are secrets among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.socket.abort();
    }
}

impl Gateways {
    /// Ends the connections of these tenants.
    pub(crate) fn release(&self, is_released: impl Fn(TenantId) -> bool) {
        self.0.lock().retain(|(tenant, _), _| !is_released(*tenant));
    }

    /// Keeps exactly those connections of the tenant that are wanted, while this node is to keep any.
    fn keep(
        &self,
        answers: &Answers,
        tenant: TenantId,
        mut wanted: BTreeMap<String, String>,
        is_here: &(dyn Fn() -> bool + Send + Sync),
    ) {
        let mut kept = self.0.lock();
        if !is_here() {
            wanted.clear();
        }
        kept.retain(|(of, name), kept| *of != tenant || wanted.get(name) == Some(&kept.settings));
        for (name, settings) in wanted {
            let place = (tenant, name.clone());
            if kept.contains_key(&place) {
                continue;
            }
            // It was valid when it was put; what another release put is left out.
            let Ok(read) = serde_json::from_str::<Settings>(&settings) else { continue };
            let (sink, events) = mpsc::channel(WAITING_MAX);
            // Ends by itself when the connection has ended and everything is handed over.
            tokio::spawn(take(answers.clone(), tenant, events));
            let socket = tokio::spawn(connect(answers.clone(), tenant, name, read, sink));
            kept.insert(place, Kept { settings, socket: socket.abort_handle() });
        }
    }
}

impl Answers {
    /// Sees to the tenant's connections to gateways: those that it wants are kept, and no others.
    /// `is_here`: whether this node is to keep them, asked at the last moment.
    ///
    /// # Errors
    /// If the tenant's state cannot be read; then nothing was changed.
    pub async fn tend_gateways(
        &self,
        tenant: TenantId,
        is_here: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<(), Failure> {
        let wanted = match (self.house().parts.tenants)(tenant).await {
            Ok(state) => wanted(&state),
            Err(Failure::UnknownTenant) => BTreeMap::new(),
            Err(failure) => return Err(failure),
        };
        self.house().gateways.keep(self, tenant, wanted, is_here);
        Ok(())
    }

    /// Ends the connections to gateways of these tenants: another node keeps them, or nobody.
    pub fn release_gateways(&self, is_released: impl Fn(TenantId) -> bool) {
        self.house().gateways.release(is_released);
    }
}

/// The connections of a tenant that want free text, with their settings.
fn wanted(state: &State) -> BTreeMap<String, String> {
    if !matches!(state.status(), Status::Active) {
        return BTreeMap::new();
    }
    let discord = state.connections().filter(|connection| connection.kind == "discord");
    let asks = |settings: &str| {
        serde_json::from_str::<Settings>(settings).is_ok_and(|settings| settings.gateway)
    };
    discord
        .filter(|connection| asks(&connection.settings.0))
        .map(|connection| (connection.name.clone(), connection.settings.0.clone()))
        .collect()
}

/// Keeps one connection, until Discord refuses it for good.
async fn connect(
    answers: Answers,
    tenant: TenantId,
    name: String,
    settings: Settings,
    sink: mpsc::Sender<Event>,
) {
    let client = Client::new(answers.house().http.clone(), settings.clone());
    let url = match address(&client).await {
        Ok(url) => url,
        Err(code) => {
            tracing::error!(tenant.id = %tenant, connection = name, code, "the gateway is not told");
            return;
        }
    };
    let now_ms = answers.house().now().as_ms();
    let seed = TraceId::derived(&[tenant.as_bytes(), name.as_bytes(), &now_ms.to_be_bytes()]);
    let mut word = [0; 8];
    word.copy_from_slice(&seed.as_bytes()[..8]);
    let options = Options { url, ..Options::new(name.as_str(), u64::from_be_bytes(word)) };
    tracing::info!(tenant.id = %tenant, connection = name, "gateway connection begins");
    let ended = gateway::run(&settings, &options, &sink).await;
    tracing::error!(tenant.id = %tenant, connection = name, error = %ended, "gateway connection is over");
}

/// Where the gateway is; an error if Discord does not know the bot.
async fn address(client: &Client) -> Result<String, String> {
    let mut pause_ms = PAUSE_MS;
    loop {
        let error = match client.gateway_url().await {
            Ok(url) => return Ok(url),
            Err(error) => error,
        };
        let asked_ms = match error.class {
            SendClass::Refused { code } => return Err(code),
            SendClass::Retry { after_ms } => after_ms.and_then(|ms| u64::try_from(ms).ok()),
            SendClass::Unknown | SendClass::WindowClosed | SendClass::OptedOut => None,
        };
        let wait_ms = pause_ms.max(asked_ms.unwrap_or_default());
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        pause_ms = (pause_ms * 2).min(ADDRESS_MS_MAX);
    }
}

/// Hands over what a connection brings, some at a time: the conversations put in order what comes out
/// of it, and one that has no room does not hold the others up.
async fn take(answers: Answers, tenant: TenantId, mut events: mpsc::Receiver<Event>) {
    let mut under_way = JoinSet::new();
    while let Some(event) = events.recv().await {
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= AT_ONCE {
            under_way.join_next().await;
        }
        under_way.spawn(hand_over(answers.clone(), tenant, event));
    }
    while under_way.join_next().await.is_some() {}
}

/// Nobody sends it again, so it is tried until its conversation has it.
async fn hand_over(answers: Answers, tenant: TenantId, event: Event) {
    let name = match &event {
        Event::Message(inbound) => inbound.id.clone(),
        Event::Status(_)
        | Event::Consent { .. }
        | Event::Moved { .. }
        | Event::Handshake(_)
        | Event::Ignored { .. } => String::new(),
    };
    let trace = TraceId::derived(&[tenant.as_bytes(), name.as_bytes()]);
    let mut pause_ms = PAUSE_MS;
    for _ in 0..HAND_OVERS_MAX {
        match answers.came(tenant, event.clone(), trace).await {
            Ok(()) | Err(Failure::UnknownTenant) => return,
            Err(failure) => {
                tracing::debug!(code = failure.code(), "a message is handed over again")
            }
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        pause_ms = (pause_ms * 2).min(HAND_OVER_MS_MAX);
    }
    tracing::error!(tenant.id = %tenant, "a message of the gateway was given up");
}
