//! A small entity that can do everything an entity can: count, refuse, panic, ask for its history.

use std::fmt;

use impresario_kernel::{
    Coded, Ctx, Decision, Entity, EntityKind, IndexId, IndexOp, IndexRow, Needs, TimerOp, Timestamp,
};
use minicbor::{Decode, Encode};

#[derive(Debug)]
pub(crate) enum Tally {}

#[derive(Debug, Default, Encode, Decode)]
pub(crate) struct State {
    #[n(0)]
    pub(crate) total: i64,
    /// Set by an event that no state can apply.
    #[n(1)]
    pub(crate) is_cursed: bool,
}

#[derive(Clone, Debug, Encode, Decode)]
pub(crate) enum Command {
    #[n(0)]
    Add(#[n(0)] i64),
    #[n(1)]
    Refuse,
    #[n(2)]
    Panic,
    /// Replies with the sum over the history.
    #[n(3)]
    Recount,
    #[n(4)]
    Wake(#[n(0)] Timestamp),
    /// Commits an event that panics when it is applied.
    #[n(5)]
    Curse,
    #[n(6)]
    Emit,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) enum Event {
    #[n(0)]
    Added(#[n(0)] i64),
    #[n(1)]
    Cursed,
}

#[derive(Debug, Encode, Decode)]
pub(crate) struct Effect(#[n(0)] pub i64);

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}
impl std::error::Error for Refused {}
impl Coded for Refused {
    fn code(&self) -> &'static str {
        "refused"
    }
}

pub(crate) const COUNTER: IndexId = IndexId(200);

impl Entity for Tally {
    const KIND: EntityKind = EntityKind { code: 200, name: "tally" };
    type State = State;
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Reply = i64;
    type Rejection = Refused;
    type Query = ();
    type Answer = i64;
    type Policy = ();

    fn needs(_state: &State, command: &Command) -> Needs {
        if matches!(command, Command::Recount) { Needs::History } else { Needs::Nothing }
    }

    fn decide(
        state: &State,
        command: Command,
        ctx: &Ctx<'_, (), Event>,
    ) -> Result<Decision<Self>, Refused> {
        let total = state.total;
        match command {
            Command::Add(amount) => {
                Ok(Decision::events(vec![Event::Added(amount)], total + amount).index(IndexRow {
                    index: COUNTER,
                    personal: None,
                    term: Vec::new(),
                    op: IndexOp::Add(amount),
                }))
            }
            Command::Refuse => Err(Refused),
            Command::Panic => panic!("told to panic"),
            Command::Recount => Ok(Decision::unchanged(
                ctx.history
                    .iter()
                    .map(|event| if let Event::Added(amount) = event { *amount } else { 0 })
                    .sum(),
            )),
            Command::Wake(due) => Ok(Decision::events(vec![Event::Added(0)], total)
                .timer(TimerOp::Set { name: "wake".into(), due })),
            Command::Curse => Ok(Decision::events(vec![Event::Cursed], total)),
            Command::Emit => {
                Ok(Decision::events(vec![Event::Added(1)], total + 1).then(Effect(total + 1)))
            }
        }
    }

    fn apply(state: &mut State, event: &Event) {
        match event {
            Event::Added(amount) => state.total += amount,
            Event::Cursed => panic!("a cursed event"),
        }
    }

    fn answer(state: &State, (): (), _ctx: &Ctx<'_, (), Event>) -> i64 {
        state.total
    }

    fn on_timer(name: &str) -> Option<Command> {
        (name == "wake").then_some(Command::Add(100))
    }
}
