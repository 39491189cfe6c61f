//! An entity that keeps the numbers that it was told, in their order.

use impresario_kernel::{Coded, Ctx, Decision, Entity, EntityKind};
use minicbor::{Decode, Encode};

#[derive(Debug)]
pub(super) enum List {}

/// Keep this number.
#[derive(Clone, Debug, Encode, Decode)]
pub(super) struct Command(#[n(0)] pub(super) u32);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
pub(super) enum Refused {
    #[n(0)]
    #[error("never")]
    Never,
}

impl Coded for Refused {
    fn code(&self) -> &'static str {
        "never"
    }
}

impl Entity for List {
    const KIND: EntityKind = EntityKind { code: 203, name: "list" };
    type State = Vec<u32>;
    type Command = Command;
    type Event = u32;
    type Effect = ();
    type Reply = ();
    type Rejection = Refused;
    type Query = ();
    type Answer = Vec<u32>;
    type Policy = ();

    fn decide(
        _: &Vec<u32>,
        command: Command,
        _: &Ctx<'_, (), u32>,
    ) -> Result<Decision<Self>, Refused> {
        Ok(Decision::events(vec![command.0], ()))
    }

    fn apply(state: &mut Vec<u32>, number: &u32) {
        state.push(*number);
    }

    fn answer(state: &Vec<u32>, (): (), _: &Ctx<'_, (), u32>) -> Vec<u32> {
        state.clone()
    }

    fn on_timer(_: &str) -> Option<Command> {
        None
    }
}
