//! The website that a request of the widget comes from: a connection of the kind `web`.

use std::sync::Arc;

use http::header;
use impresario_api::codes;
use impresario_assistant::AssistantConfig;
use impresario_ids::TenantId;
use impresario_tenant::keys::Pepper;
use impresario_tenant::{State, Status};

use super::identity::Settings;
use super::session::Session;
use crate::call::Call;
use crate::fault::Fault;

/// The kind of a website's connection.
const KIND: &str = "web";

/// A tenant's website.
pub(crate) struct Site {
    pub(crate) tenant: TenantId,
    pub(crate) connection: String,
    pub(crate) settings: Settings,
    pub(crate) state: Arc<State>,
}

impl Site {
    /// The site that the path names, if the page may ask for it.
    pub(crate) async fn of(call: &mut Call) -> Result<Self, Fault> {
        // Which tenants there are is nobody's business: whatever is wrong, there is no connection.
        let unknown = || Fault::new(&codes::CONNECTION_UNKNOWN);
        let tenant: TenantId = call.path("tenant").await?.parse().map_err(|_| unknown())?;
        let connection = call.path("connection").await?;
        let state = call.edge.directory.get(tenant)?.ok_or_else(unknown)?;
        let found = state.connection(&connection).filter(|found| found.kind == KIND);
        let settings = Settings::read(&found.ok_or_else(unknown)?.settings.0);
        match state.status() {
            Status::Active => {}
            Status::Suspended { .. } => return Err(Fault::new(&codes::TENANT_SUSPENDED)),
            Status::Missing | Status::Deleted { .. } => return Err(unknown()),
        }
        let site = Self { tenant, connection, settings, state };
        site.check_origin(call)?;
        Ok(site)
    }

    /// As for every other route: a page may call if the tenant allows its origin, or if it came
    /// from here. Who is no browser sends none.
    fn check_origin(&self, call: &mut Call) -> Result<(), Fault> {
        let Some(origin) = call.parts.headers.get(header::ORIGIN).cloned() else { return Ok(()) };
        let text = origin.to_str().unwrap_or_default();
        let host = call.parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let own = text.split_once("://").is_some_and(|(_, from)| host == Some(from));
        if !own && !self.state.settings().allows_origin(text) {
            return Err(Fault::new(&codes::ORIGIN_NOT_ALLOWED)
                .detail(format!("the origin {text} is not allowed")));
        }
        call.origin = Some(origin);
        Ok(())
    }

    pub(crate) fn pepper(&self) -> Result<&Pepper, Fault> {
        self.state.pepper().ok_or_else(|| Fault::new(&codes::CONNECTION_UNKNOWN))
    }

    /// The session in `Authorization: Bearer`.
    pub(crate) fn session(&self, call: &Call) -> Result<Session, Fault> {
        let value = call.parts.headers.get(header::AUTHORIZATION);
        let text = value.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let text = text.ok_or_else(|| Fault::new(&codes::CREDENTIAL_MISSING))?;
        self.open(text.trim(), call)
    }

    pub(crate) fn open(&self, text: &str, call: &Call) -> Result<Session, Fault> {
        Session::open(text, self.tenant, &self.connection, self.pepper()?, call.received)
    }

    /// How the assistant is configured.
    pub(crate) fn assistant(&self) -> AssistantConfig {
        let config = self.state.assistant().map(|assistant| assistant.config.as_str());
        // It was valid when it was taken; what a later release no longer knows reads as default.
        config.and_then(|text| AssistantConfig::parse(text).ok()).unwrap_or_default()
    }
}
