use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tenant to begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Shop Ltd", "domain": "shop.example", "plan": "pro"}))]
pub struct NewTenant {
    /// What people call the company; 1 to 200 characters.
    pub name: String,
    /// Its own host name; empty for none.
    #[serde(default)]
    pub domain: String,
    /// `free` (if not given), `pro` or `enterprise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// `active`, `suspended` or `deleted`.
    pub status: String,
    /// Why it is suspended.
    pub suspended_reason: Option<String>,
    /// Its plan.
    pub plan: String,
    /// The limits that hold.
    pub limits: Limits,
    /// Those limits that the operator has set.
    pub overrides: LimitOverrides,
    /// What it has chosen.
    pub settings: Settings,
    /// When it began.
    pub created_at: String,
    /// When it was last exported.
    pub exported_at: Option<String>,
    /// How many changes made it what it is.
    pub version: u64,
    /// Webhook endpoints.
    pub endpoints: u64,
    /// Live segments.
    pub segments: u64,
    /// Computed traits.
    pub computed: u64,
}

/// How much a tenant may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Requests per UTC day.
    pub requests_per_day: u64,
    /// Requests per second that may come at once.
    pub burst_per_second: u64,
    /// Profiles kept.
    pub profiles: u64,
    /// Live segments.
    pub segments: u64,
    /// Computed traits.
    pub computed: u64,
    /// API keys that work.
    pub keys: u64,
    /// Webhook endpoints.
    pub endpoints: u64,
}

/// Single limits over those of the plan; a field that is not given follows the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"requests_per_day": 500000}))]
pub struct LimitOverrides {
    /// See [`Limits::requests_per_day`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u64>,
    /// See [`Limits::burst_per_second`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_per_second: Option<u64>,
    /// See [`Limits::profiles`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<u64>,
    /// See [`Limits::segments`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<u64>,
    /// See [`Limits::computed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed: Option<u64>,
    /// See [`Limits::keys`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<u64>,
    /// See [`Limits::endpoints`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<u64>,
}

/// What a tenant has chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// What people call the company.
    pub name: String,
    /// Its own host name; empty for none.
    pub domain: String,
    /// How pages look.
    pub branding: Branding,
    /// Web origins from which browsers may call.
    pub allowed_origins: Vec<String>,
    /// A visit ends after so many minutes without an event.
    pub session_idle_minutes: u32,
    /// An IANA name.
    pub time_zone: String,
}

/// How a tenant's pages look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Branding {
    /// The name shown to customers.
    pub display_name: String,
    /// An `https` address of a picture.
    pub logo_url: String,
    /// Name of a colour to `#rrggbb`.
    pub colours: BTreeMap<String, String>,
}

/// Changes to the settings; a field that is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"allowed_origins": ["https://shop.example"], "time_zone": "Europe/Berlin"}))]
pub struct SettingsPatch {
    /// 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A host name, or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Replaces the branding as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branding: Option<Branding>,
    /// Replaces the list: `https://shop.example`, `http://localhost:3000` or `*.shop.example`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_origins: Option<Vec<String>>,
    /// 1 to 1 440: a visit ends after so many minutes without an event. Holds for events from now on;
    /// visits that are known stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_idle_minutes: Option<u32>,
    /// An IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// Another plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"plan": "enterprise"}))]
pub struct PlanChange {
    /// `free`, `pro` or `enterprise`.
    pub plan: String,
}

/// Why a tenant is suspended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "unpaid invoice"}))]
pub struct Suspension {
    /// Shown to the tenant.
    pub reason: String,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "ten_01jd5x2k3m4n5p6q7r8s9t0v1w", "version": 4, "changed": true}))]
pub struct Changed {
    /// What was changed.
    pub id: String,
    /// The tenant's version now.
    pub version: u64,
    /// Whether anything changed.
    pub changed: bool,
}
