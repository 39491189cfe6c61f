//! The search for who decides, without a net and without time.

use impresario_ids::NodeId;
use impresario_kernel::Rng;

use crate::search::{Next, Search, Seen, Tried, Why};
use crate::{Direction, Options};

const ME: NodeId = NodeId(1);

/// A world in which nodes say what the dice say, until `settles_ms`; then `leader` decides and all
/// know it.
struct World {
    rng: Rng,
    now_ms: u64,
    settles_ms: u64,
    leader: NodeId,
}

impl World {
    fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    fn node(&mut self) -> NodeId {
        NodeId(1 + self.below(5))
    }

    fn is_settled(&self) -> bool {
        self.now_ms >= self.settles_ms
    }

    fn seen(&mut self) -> Seen {
        if self.is_settled() {
            let is_me = self.leader == ME;
            let direction = if is_me { Direction::Here } else { Direction::Node(self.leader) };
            return Seen { leads: is_me, direction };
        }
        let direction = match self.below(4) {
            0 => Direction::Unknown,
            1 => Direction::Here,
            _ => Direction::Node(self.node()),
        };
        Seen { leads: self.below(8) == 0, direction }
    }

    /// `None`: it was answered.
    fn ask(&mut self, node: NodeId) -> Option<Tried> {
        self.now_ms += self.below(30);
        if self.is_settled() {
            let hint = Some(self.leader);
            return (node != self.leader).then_some(Tried::Elsewhere { hint });
        }
        match self.below(4) {
            0 => Some(Tried::Again),
            1 => Some(Tried::Elsewhere { hint: None }),
            _ => Some(Tried::Elsewhere { hint: Some(self.node()) }),
        }
    }
}

#[derive(Debug)]
struct Ended {
    answered: bool,
    why: Option<Why>,
    asks: u64,
    waits: u64,
    waited_ms: u64,
    took_ms: u64,
}

fn run(seed: u64, settles_ms: u64, deadline_ms: u64, options: &Options) -> Ended {
    let mut world = World { rng: Rng(seed), now_ms: 0, settles_ms, leader: ME };
    world.leader = world.node();
    let mut search = Search::new(ME, options, seed);
    let mut ended =
        Ended { answered: false, why: None, asks: 0, waits: 0, waited_ms: 0, took_ms: 0 };
    let seen = world.seen();
    let mut next = search.look(seen, deadline_ms);
    loop {
        ended.took_ms = world.now_ms;
        let left_ms = |world: &World| deadline_ms.saturating_sub(world.now_ms);
        let node = match next {
            Next::Here => ME,
            Next::Ask(node) => {
                assert_ne!(node, ME, "seed {seed}");
                node
            }
            Next::Wait { ms } => {
                assert!(ms > 0 && ms <= left_ms(&world), "seed {seed}: {ms} ms");
                // News ends some waits early, some at once.
                let ms = if world.below(2) == 0 { ms } else { world.below(ms + 1) };
                world.now_ms += ms;
                ended.waits += 1;
                ended.waited_ms += ms;
                search.waited(ms);
                let seen = world.seen();
                next = search.look(seen, left_ms(&world));
                continue;
            }
            Next::GiveUp(why) => {
                ended.why = Some(why);
                return ended;
            }
        };
        ended.asks += 1;
        match world.ask(node) {
            None => {
                ended.answered = true;
                return ended;
            }
            Some(tried) => next = search.after(tried, left_ms(&world)),
        }
    }
}

/// RT5: whatever the nodes say.
#[test]
fn every_search_ends_within_its_bounds() {
    for seed in 0..5_000 {
        let mut rng = Rng(seed ^ 0xabcd);
        let options = Options {
            asks_max: 1 + (rng.next_u64() % 20) as u8,
            patience_ms: rng.next_u64() % 8_000,
            ..Options::default()
        };
        let (settles_ms, deadline_ms) = (rng.next_u64() % 4_000, rng.next_u64() % 10_000);
        let ended = run(seed, settles_ms, deadline_ms, &options);
        assert!(ended.asks <= u64::from(options.asks_max), "seed {seed}: {ended:?}");
        assert!(ended.waited_ms <= options.patience_ms, "seed {seed}: {ended:?}");
        assert!(ended.waits <= 2 * u64::from(options.asks_max) + options.patience_ms, "{ended:?}");
        // The last call may end after the deadline here: the wire's own bound is not simulated.
        assert!(ended.took_ms <= deadline_ms + 30, "seed {seed}: {ended:?}");
        if ended.why == Some(Why::Deadline) {
            assert!(ended.took_ms >= deadline_ms, "seed {seed}: {ended:?}");
        }
    }
}

/// RT5: with time enough, the leader is found once there is one.
#[test]
fn a_leader_is_found_soon_after_there_is_one() {
    for seed in 0..5_000 {
        let settles_ms = Rng(seed).next_u64() % 1_000;
        let ended = run(seed, settles_ms, 60_000, &Options { asks_max: 64, ..Options::default() });
        assert!(ended.answered, "seed {seed}: {ended:?}");
        assert!(ended.took_ms <= settles_ms + 700, "seed {seed}: {ended:?}");
    }
}

#[test]
fn equal_seeds_search_equally() {
    for seed in 0..500 {
        let run = || format!("{:?}", run(seed, 500, 60_000, &Options::default()));
        assert_eq!(run(), run());
    }
}

#[track_caller]
fn check(seen: Seen, tried: &[Tried], left_ms: u64, want: Next) {
    let mut search = Search::new(ME, &Options::default(), 7);
    let mut next = search.look(seen, left_ms);
    for tried in tried {
        next = search.after(*tried, left_ms);
    }
    assert_eq!(next, want);
}

#[test]
fn one_step_at_a_time() {
    let (two, three) = (NodeId(2), NodeId(3));
    let at = |leads, direction| Seen { leads, direction };
    let there = at(false, Direction::Node(two));
    let hint = |node| Tried::Elsewhere { hint: Some(node) };
    check(at(true, Direction::Unknown), &[], 100, Next::Here);
    check(at(true, Direction::Node(two)), &[], 100, Next::Here);
    check(there, &[], 100, Next::Ask(two));
    check(there, &[], 0, Next::GiveUp(Why::Deadline));
    check(there, &[hint(three)], 100, Next::Ask(three));
    check(there, &[hint(ME)], 100, Next::Here);
    check(at(true, Direction::Here), &[hint(two)], 100, Next::Ask(two));
    for waits in [vec![Tried::Again], vec![hint(three), hint(two)], vec![hint(two)]] {
        let mut search = Search::new(ME, &Options::default(), 7);
        let mut next = search.look(there, 1_000);
        waits.iter().for_each(|tried| next = search.after(*tried, 1_000));
        assert!(matches!(next, Next::Wait { ms: 10..=20 }), "{waits:?}: {next:?}");
    }
    check(at(false, Direction::Here), &[], 3, Next::Wait { ms: 3 });
}
