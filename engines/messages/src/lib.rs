//! One message model for every chat channel: what came in, what goes out, what became of it.
//!
//! - G1: nothing that was written is lost on a channel that cannot show it: buttons become a list,
//!   a list becomes numbered text, long text becomes several messages ([`plan`]).
//! - G2: nothing that [`plan`] gives exceeds a limit of its channel, counted as the channel counts
//!   ([`limit`]).
//! - G3: planning what was planned changes nothing.
//! - G4: a text is never cut inside a link, a code span or a grapheme, unless that alone is longer
//!   than the limit.
//! - G5: what was offered can be chosen by its number or its title, also where it was a button
//!   ([`understand`]).
//! - G6: `Debug` shows kinds and counts, never what people said or who they are.
//! - G7: a delivery status only goes forward, in whatever order the reports arrive
//!   ([`Delivery::advance`]).
//! - G8: outside the window of 24 hours nothing but a template is allowed ([`Window`]).
//!
//! What it is not: a platform's JSON. Those are the bridges', which turn what came into [`Event`]s
//! and each [`Rendered`] into one call.

#![deny(clippy::wildcard_enum_match_arm)]

mod cards;
mod channel;
mod check;
mod content;
mod debug;
mod dialect;
mod event;
mod limits;
mod outcome;
mod plan;
mod question;
mod split;
mod understand;
mod window;

#[cfg(test)]
mod tests;

pub use channel::{Address, Channel, Person};
pub use check::{Problem, check, check_for};
pub use content::{
    Button, Buttons, Choice, ContactCard, Content, List, Location, Media, MediaKind, Price,
    ProductCard, Row, Section, ServiceCard, Template, TemplateParam,
};
pub use dialect::{plain, text_for};
pub use event::{Delivery, Event, Fault, HandshakeAnswer, Inbound, Outgoing, StatusUpdate};
pub use limits::{Counted, Limit, What, limit, limits, measure};
pub use outcome::{SendClass, SendError, Sent};
pub use plan::{Rendered, offered, plan};
pub use split::split;
pub use understand::understand;
pub use window::{WINDOW_FREE_ENTRY_MS, WINDOW_MS, Window, as_template};
