//! What is personal never reaches a log by way of `{:?}`: kinds, channels and counts only.

use std::fmt::{Debug, Formatter, Result};

use crate::{
    Address, Button, Buttons, Choice, ContactCard, Content, Event, Fault, Inbound, List, Location,
    Media, Outgoing, Person, Price, ProductCard, Rendered, Row, Section, ServiceCard, StatusUpdate,
    Template, TemplateParam,
};

macro_rules! hidden {
    ($($name:ident),* $(,)?) => {
        $(
            impl Debug for $name {
                fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                    f.write_str(concat!(stringify!($name), "(<personal>)"))
                }
            }
        )*
    };
}

hidden!(
    Person,
    Choice,
    ContactCard,
    Location,
    Button,
    Row,
    Price,
    ProductCard,
    ServiceCard,
    TemplateParam
);

impl Debug for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Address")
            .field("channel", &self.channel)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

impl Debug for Content {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Content({})", self.kind())
    }
}

impl Debug for Rendered {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Rendered({})", self.kind())
    }
}

impl Debug for Media {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Media")
            .field("kind", &self.kind)
            .field("mime", &self.mime)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Debug for Buttons {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Buttons({})", self.buttons.len())
    }
}

impl Debug for List {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_list().entries(&self.sections).finish()
    }
}

impl Debug for Section {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Section({})", self.rows.len())
    }
}

impl Debug for Template {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Template")
            .field("name", &self.name)
            .field("language", &self.language)
            .field("params", &self.params.len())
            .finish_non_exhaustive()
    }
}

impl Debug for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Fault").field("code", &self.code).finish_non_exhaustive()
    }
}

impl Debug for Inbound {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Inbound")
            .field("id", &self.id)
            .field("address", &self.address)
            .field("at_ms", &self.at_ms)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl Debug for Outgoing {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Outgoing")
            .field("id", &self.id)
            .field("address", &self.address)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl Debug for StatusUpdate {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("StatusUpdate")
            .field("platform_id", &self.platform_id)
            .field("address", &self.address)
            .field("status", &self.status)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl Debug for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Message(inbound) => f.debug_tuple("Message").field(inbound).finish(),
            Self::Status(update) => f.debug_tuple("Status").field(update).finish(),
            Self::Consent { address, stopped, .. } => f
                .debug_struct("Consent")
                .field("address", address)
                .field("stopped", stopped)
                .finish_non_exhaustive(),
            Self::Moved { to, .. } => {
                f.debug_struct("Moved").field("to", to).finish_non_exhaustive()
            }
            Self::Handshake(_) => f.write_str("Handshake"),
            Self::Ignored { reason } => write!(f, "Ignored({reason})"),
        }
    }
}
