use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};

/// The text is not one of the known names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not one of: {known}")]
pub struct ParseNameError {
    /// What was given, cut to 64 characters.
    pub given: String,
    /// The names that exist, separated by commas.
    pub known: String,
}

/// An enum of unit variants with public names: `as_str`, `ALL`, `FromStr`, `Display`, serde.
macro_rules! named {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $n:literal $variant:ident = $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $type {
            $($(#[$doc])* #[n($n)] $variant,)*
        }

        impl $type {
            /// Every value, in stored order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The public name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, ParseNameError> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    ParseNameError {
                        given: text.chars().take(64).collect(),
                        known: Self::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", "),
                    }
                })
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use named;

named! {
    /// What a secret key may do (API-07). The numbers are stored.
    Scope {
        /// Send tracking messages.
        0 EventsWrite = "events:write",
        /// Look profiles up.
        1 ProfilesRead = "profiles:read",
        /// Merge, un-merge, change consent.
        2 ProfilesWrite = "profiles:write",
        /// See segments and their members.
        3 SegmentsRead = "segments:read",
        /// Save and archive segments and computed traits.
        4 SegmentsWrite = "segments:write",
        /// Manage webhook endpoints and replay deliveries.
        5 WebhooksManage = "webhooks:manage",
        /// See the key's own tenant.
        6 TenantsRead = "tenants:read",
        /// Change the key's own tenant.
        7 TenantsManage = "tenants:manage",
        /// Create, rotate and revoke API keys.
        8 KeysManage = "keys:manage",
        /// See usage figures.
        9 UsageRead = "usage:read",
        /// Manage connections to other systems.
        10 IntegrationsManage = "integrations:manage",
        /// See reports.
        11 AnalyticsView = "analytics:view",
        /// Read conversations.
        12 ConversationsRead = "conversations:read",
        /// Write messages, take conversations over and hand them back.
        13 ConversationsWrite = "conversations:write",
    }
}

named! {
    /// Which of the two kinds of API key. The numbers are stored.
    KeyKind {
        /// For browsers and apps: may only send tracking messages, may be public.
        0 Write = "write",
        /// For servers: does what its scopes say, must stay secret.
        1 Secret = "secret",
    }
}
