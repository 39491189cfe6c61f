use std::fmt::Debug;

use minicbor::{Decode, Encode};

use crate::{Ctx, Decision, EntityKind};

/// Bytes that this release stores and the next one reads: explicit field numbers (`#[n(..)]`).
pub trait Stored: Encode<()> + for<'b> Decode<'b, ()> + Send + Sync + 'static {}
impl<T: Encode<()> + for<'b> Decode<'b, ()> + Send + Sync + 'static> Stored for T {}

/// A rejection with a stable code, for example `segment_rule_invalid`. Each code has a page in
/// `docs/errors/`.
pub trait Coded: std::error::Error + Send + Sync + 'static {
    /// Lower-case words joined by underscores; part of the public interface.
    fn code(&self) -> &'static str;

    /// A JSON value with what a program needs to act on the rejection, if there is more to say
    /// than the message: positions, limits, dates.
    fn detail(&self) -> Option<String> {
        None
    }
}

/// What the host must fetch before `decide` runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The state and the policy are enough.
    Nothing,
    /// All committed events of this entity, oldest first, in [`Ctx::history`].
    History,
}

/// One kind of durable virtual actor, as pure functions.
///
/// The host guarantees: commands of one entity are decided one after another; the state given to
/// `decide` is the fold of all events decided before; a reply or an effect leaves only after the
/// events before it are durable; a command with an idempotency key that was seen before is not
/// decided again but answered as it was.
pub trait Entity: Send + Sync + Sized + 'static {
    /// The stored code and the name of this kind.
    const KIND: EntityKind;

    /// What the entity knows. Stored in snapshots.
    type State: Stored + Default + Debug;
    /// What it can be asked to do. Stored when one entity asks another.
    type Command: Stored + Debug;
    /// What happened. Append-only, stored for ever.
    type Event: Stored + Clone + Debug;
    /// What it wants done elsewhere. Stored in the outbox until it is done.
    type Effect: Stored + Debug;
    /// The answer to a command. Stored beside the idempotency key.
    type Reply: Stored + Clone + Debug;
    /// Why a command was refused. Encoded when the caller is on another node.
    type Rejection: Coded + Clone + Stored;
    /// What it can be asked to tell.
    type Query: Stored + Debug;
    /// The answer to a query.
    type Answer: Stored + Debug;
    /// The tenant's read-mostly settings that decisions depend on.
    type Policy: Default + Debug + Send + Sync + 'static;

    /// What must be fetched before this command can be decided.
    fn needs(_state: &Self::State, _command: &Self::Command) -> Needs {
        Needs::Nothing
    }

    /// Decides. Pure and total: no panic on any command that decodes.
    ///
    /// # Errors
    /// The caller's mistake, with a stable code. Nothing is committed then.
    fn decide(
        state: &Self::State,
        command: Self::Command,
        ctx: &Ctx<'_, Self::Policy, Self::Event>,
    ) -> Result<Decision<Self>, Self::Rejection>;

    /// Folds a committed event into the state. Total: an event that was ever committed applies.
    fn apply(state: &mut Self::State, event: &Self::Event);

    /// Answers a question from the state. Pure.
    fn answer(
        state: &Self::State,
        query: Self::Query,
        ctx: &Ctx<'_, Self::Policy, Self::Event>,
    ) -> Self::Answer;

    /// The command that a timer of this name stands for, or `None` if the name means nothing (any
    /// more). A timer may fire although its replacement is on the way: `decide` must look at the
    /// state and the time, not trust the timer.
    fn on_timer(name: &str) -> Option<Self::Command>;
}
