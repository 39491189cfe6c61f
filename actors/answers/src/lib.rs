//! Carries out what conversations, documents and budgets want done: answers turns, sends messages over
//! chat platforms, makes vectors; and keeps what each tenant knows searchable on this node.
//!
//! An answer is made in `think`: read, look up, write or extract, verify. What it rests on is the
//! tenant's library (`library`), made of its documents, and the tenant's desk (`desk`), made of its
//! settings. Everything that it does for a conversation comes out of the outbox as an errand and goes
//! back to the conversation as a command.
//!
//! - A1: a turn's answer goes back to the conversation as one command under one key, and counts only
//!   while the turn is the current one. A turn that is called off is dropped wherever it is, which
//!   closes the connection to the model.
//! - A2: a paid call is made only after the budget held the money and the conversation granted the
//!   call, once, ever. Work that is done again after a crash answers without it.
//! - A3: nothing that a model wrote is said unless what it cites says so; what contradicts its source,
//!   or states numbers without one, is cut.
//! - A4: without a model, without vectors, without money there is still an answer: the best supported
//!   sentences, or that it is not known.
//! - A5: what a customer or a document says is data. No tool is called because of it, and a burst that
//!   tries to give orders is answered without a model.
//! - A6: one tenant's search, vectors, caches and connections are never another's; an erased tenant's
//!   are removed.
//! - A7: what a model said to one question is said again to the same one, without a call, only where
//!   nothing of a person went into the prompt.
//! - A8: memory is bounded: so many libraries, desks, listed calls; embedding takes so many processors.
//! - A9: a message is given to its platform once, when the conversation grants it. Without a known
//!   outcome it is given again only after the platform was asked, where it takes a repeated one for the
//!   same, or, where there is neither, once after its report should have come.
//! - A10: what a platform sends is durable before it is told so. A connection through which free text
//!   comes is kept by the node that decides for the tenant, and what it brings is handed over until its
//!   conversation has it.
//!
//! What it is not: a place for decisions. Whether to answer, to hand over, to send is the
//! conversation's.

#![deny(clippy::wildcard_enum_match_arm)]

mod channels;
mod connections;
mod desk;
mod embedder;
mod errands;
mod gateways;
mod house;
mod library;
mod options;
mod purse;
mod recall;
mod sending;
mod service;
mod think;
mod traces;

pub use connections::ConnectionProblem;
pub use desk::config_of;
pub use house::{Parts, Tenants};
pub use library::{Item, ShelfStatus};
pub use options::Options;
pub use service::{
    Answered, Answers, ChatFile, Cited, FileRefusal, HookRefusal, HookRequest, HookTaken, Question,
    Said, Searched, Sentence, Translated, TranslatedText, Untranslated,
};
pub use traces::{CallRow, CallTrace};
