//! Any order of commands, duplicates included.

use std::collections::BTreeMap;

use impresario_kernel::encode;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Tell(Command),
    /// A duplicate of an earlier command.
    Again(prop::sample::Index),
    Wait(i64),
}

fn paths() -> impl Strategy<Value = Path> {
    let campaign = prop::option::of(prop::sample::select(vec!["a", "b"]));
    let class = prop::option::of(Just("web"));
    let run = prop::option::of(Just("r"));
    (campaign, class, run, prop::sample::select(vec!["m", "n"])).prop_map(
        |(campaign, class, run, model)| Path {
            campaign: campaign.map(str::to_owned),
            class: class.map(str::to_owned),
            conversation: None,
            run: run.map(|id| Spend { id: id.to_owned(), spent_micros: 0 }),
            agent: "agent".to_owned(),
            model: model.to_owned(),
        },
    )
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let scope = prop::sample::select(vec![
        Scope::Tenant,
        Scope::Campaign("a".to_owned()),
        Scope::EachCampaign,
        Scope::Class("web".to_owned()),
    ]);
    let period = prop::sample::select(vec![Period::Day, Period::Month, Period::Total]);
    let limit = (scope, period, 0_i64..400);
    prop::collection::vec(limit, 0..5).prop_map(|limits| {
        let unique: BTreeMap<(Scope, Period), i64> =
            limits.into_iter().map(|(scope, period, micros)| ((scope, period), micros)).collect();
        unique
            .into_iter()
            .map(|((scope, period), micros)| Limit { scope, period, micros })
            .collect()
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 0_u8..12;
    let command = prop_oneof![
        6 => (number.clone(), paths(), 0_i64..120).prop_map(|(number, path, micros)| {
            reserve(number, &path, micros)
        }),
        4 => (number.clone(), 0_i64..=100).prop_map(|(number, part)| settle(number, part)),
        2 => number.prop_map(release),
        2 => Just(Command::GiveUpDue),
    ];
    let step = prop_oneof![
        8 => command.prop_map(Step::Tell),
        2 => any::<prop::sample::Index>().prop_map(Step::Again),
        2 => prop::sample::select(vec![1_000, HELD_MS / 2, HELD_MS, DAY_MS, 40 * DAY_MS])
            .prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..60)
}

/// What the provider would charge at most: never more than was reserved, in these laws.
fn tamed(state: &State, command: Command) -> Command {
    match command {
        Command::Settle { call, micros, tokens } => {
            let reserved = state.reservation(call).map_or(micros, |held| held.micros);
            Command::Settle { call, micros: micros.min(reserved), tokens }
        }
        other @ (Command::SetLimits { .. }
        | Command::Reserve { .. }
        | Command::Release { .. }
        | Command::GiveUpDue) => other,
    }
}

/// A second bookkeeping, as slow and plain as can be: every call with its amount.
#[derive(Default)]
struct Books(BTreeMap<CallId, (Path, i64, Timestamp)>);

impl Books {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Reserved { call, path, micros, at } => {
                let twice = self.0.insert(*call, (path.clone(), *micros, *at));
                assert!(twice.is_none(), "a call is reserved once");
            }
            Event::Settled { call, micros, .. } => {
                self.0.get_mut(call).expect("it was reserved").1 = *micros;
            }
            Event::Released { call, .. } => self.0.get_mut(call).expect("it was reserved").1 = 0,
            Event::LimitsSet { .. }
            | Event::Denied { .. }
            | Event::GivenUp { .. }
            | Event::ThresholdReached { .. } => {}
        }
    }

    fn committed(&self, scope: &Scope, period: Period, now: Timestamp) -> i64 {
        let counts = |(path, _, at): &&(Path, i64, Timestamp)| {
            let on_path =
                *scope == Scope::Tenant || crate::state::scopes_of(path).any(|own| own == *scope);
            let in_period = match period {
                Period::Day => at.day() == now.day(),
                Period::Month => crate::ledger::month(*at) == crate::ledger::month(now),
                Period::Total => true,
            };
            on_path && in_period
        };
        self.0.values().filter(counts).map(|(_, micros, _)| micros).sum()
    }
}

fn check_stored<T: Storable>(value: &T) {
    assert_eq!(&decode::<T>(&encode(value)).expect("decodes"), value);
}

/// No limit is passed at the moment when something is granted (G1).
fn check_limits(state: &State, books: &Books, path: &Path, now: Timestamp) {
    for limit in &state.limits {
        let scopes: Vec<Scope> = match &limit.scope {
            Scope::EachCampaign => {
                let own = |scope: &Scope| {
                    state
                        .limits
                        .iter()
                        .any(|other| other.scope == *scope && other.period == limit.period)
                };
                let campaign = path.campaign.clone().map(Scope::Campaign);
                campaign.into_iter().filter(|scope| !own(scope)).collect()
            }
            Scope::Tenant => vec![Scope::Tenant],
            scope @ (Scope::Campaign(_)
            | Scope::Class(_)
            | Scope::EachConversation
            | Scope::EachRun) => crate::state::scopes_of(path).filter(|own| own == scope).collect(),
        };
        for scope in scopes {
            assert!(books.committed(&scope, limit.period, now) <= limit.micros, "{limit:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_story_passes_a_limit_and_all_sums_are_exact(limits in limits(), steps in steps()) {
        let mut state = State::default();
        let mut books = Books::default();
        let mut rows: BTreeMap<(u8, Vec<u8>), i64> = BTreeMap::new();
        let mut told: Vec<Command> = Vec::new();
        let mut now = NOW;
        try_tell(&mut state, Command::SetLimits { limits }, now).expect("valid");
        for step in steps {
            let command = match step {
                Step::Wait(ms) => {
                    now += ms;
                    continue;
                }
                Step::Again(_) if told.is_empty() => continue,
                Step::Again(index) => index.get(&told).clone(),
                Step::Tell(command) => command,
            };
            let command = tamed(&state, command);
            told.push(command.clone());
            check_stored(&command);
            let decision = try_tell(&mut state, command.clone(), now).expect("valid");
            decision.events.iter().for_each(|event| {
                check_stored(event);
                books.take(event);
            });
            decision.effects.iter().for_each(check_stored);
            check_stored(&decision.reply);
            for row in &decision.index {
                let IndexOp::Add(add) = row.op else { panic!("only counters") };
                *rows.entry((row.index.0, row.term.clone())).or_default() += add;
            }
            if let (Command::Reserve { path, .. }, Reply::Granted { .. }) = (&command, &decision.reply)
                && !decision.events.is_empty()
            {
                check_limits(&state, &books, path, Timestamp::from_ms(now));
            }
            // G2: a second time changes nothing.
            let after = state.clone();
            let again = try_tell(&mut state, command, now).expect("valid");
            if !matches!(again.reply, Reply::Denied { .. } | Reply::GaveUp { .. }) {
                prop_assert_eq!(&state, &after);
                prop_assert!(again.index.is_empty());
            }
            for row in &again.index {
                let IndexOp::Add(add) = row.op else { panic!("only counters") };
                *rows.entry((row.index.0, row.term.clone())).or_default() += add;
            }
        }
        check_stored(&state);
        // The ledgers, and the rows, are those of the plain books.
        prop_assert_eq!(state.tenant.total_micros, books.committed(&Scope::Tenant, Period::Total, Timestamp::EPOCH));
        let held: i64 = state.held.values().map(|held| held.micros).sum();
        let counted: i64 = rows
            .iter()
            .filter(|((index, term), _)| *index == COST_BY_SCOPE.0 && term[4..] == [0])
            .map(|(_, micros)| micros)
            .sum();
        prop_assert_eq!(counted + held, state.tenant.total_micros);
        let by_model: i64 =
            rows.iter().filter(|((index, _), _)| *index == COST_BY_MODEL.0).map(|(_, micros)| micros).sum();
        prop_assert_eq!(by_model, counted);
    }

    #[test]
    fn no_bytes_panic_the_decoders(bytes: Vec<u8>) {
        let _ = decode::<Command>(&bytes);
        let _ = decode::<Event>(&bytes);
        let _ = decode::<State>(&bytes);
        let _ = decode::<Effect>(&bytes);
        let _ = decode::<Query>(&bytes);
        let _ = decode::<Answer>(&bytes);
    }
}
