//! How people come to the shop, look around, buy, send back, read mail, and stay away.

use super::{Chance, DAY_MS, DAYS, Event, Item, Person, Shop, What};

const PEOPLE: usize = 320;
const MINUTE_MS: i64 = 60_000;
/// The history ends this long before now, so that no window that begins with now cuts through it.
const END_MS: i64 = 20 * MINUTE_MS;
/// Longer than any visit takes.
const VISIT_MS: i64 = 120 * MINUTE_MS;
/// Nothing happens this close to the edge of a window of whole days; the window of computed traits
/// is exact to a hundredth of its length, hence days for the long one.
const EDGES: [(i64, i64, i64); 4] = [
    (7 * DAY_MS, 30 * MINUTE_MS, 30 * MINUTE_MS),
    (30 * DAY_MS, 30 * MINUTE_MS, 30 * MINUTE_MS),
    (45 * DAY_MS, 30 * MINUTE_MS, 30 * MINUTE_MS),
    (90 * DAY_MS, DAY_MS / 2, 2 * DAY_MS),
];

const NAMES: [&str; 24] = [
    "Ada", "Ben", "Cleo", "Dara", "Emil", "Fay", "Gus", "Hana", "Ines", "Jon", "Kira", "Leo",
    "Maya", "Nils", "Olga", "Paul", "Quinn", "Rosa", "Sven", "Tara", "Udo", "Vera", "Wim", "Zoe",
];
const PAGES: [&str; 6] = ["/", "/new", "/shoes", "/coats", "/bags", "/sale"];
const CAMPAIGNS: [&str; 3] = ["welcome", "autumn", "sale"];
const ITEMS: [Item; 8] = [
    Item { name: "Socks", cents: 790 },
    Item { name: "Scarf", cents: 2_495 },
    Item { name: "Belt", cents: 3_900 },
    Item { name: "Shirt", cents: 4_999 },
    Item { name: "Jeans", cents: 8_900 },
    Item { name: "Bag", cents: 12_950 },
    Item { name: "Boots", cents: 17_900 },
    Item { name: "Coat", cents: 24_900 },
];

/// How often somebody comes, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Looks, never says who they are.
    Passerby,
    /// Looks often, buys seldom.
    Looker,
    /// Buys now and then.
    Customer,
    /// Buys often and much.
    Regular,
    /// Bought some time ago and stayed away.
    Quiet,
}

impl Habit {
    fn of(chance: &mut Chance) -> Self {
        match chance.below(100) {
            0..=17 => Self::Passerby,
            18..=44 => Self::Looker,
            45..=74 => Self::Customer,
            75..=84 => Self::Regular,
            _ => Self::Quiet,
        }
    }

    fn visits(self, chance: &mut Chance) -> u64 {
        match self {
            Self::Passerby => 1 + chance.below(3),
            Self::Looker => 2 + chance.below(4),
            Self::Customer => 3 + chance.below(4),
            Self::Regular => 6 + chance.below(7),
            Self::Quiet => 2 + chance.below(3),
        }
    }

    /// The days ago between which visits lie.
    fn days(self) -> (i64, i64) {
        match self {
            Self::Quiet => (46, DAYS),
            Self::Passerby | Self::Looker | Self::Customer | Self::Regular => (0, DAYS),
        }
    }

    /// Of 100 visits with something in the cart, this many end in an order.
    fn buys(self) -> u64 {
        match self {
            Self::Passerby => 0,
            Self::Looker => 15,
            Self::Customer => 60,
            Self::Regular => 85,
            Self::Quiet => 90,
        }
    }
}

pub(super) fn shop(seed: u64, now_ms: i64) -> Shop {
    let mut story = Story { chance: Chance::new(seed), events: Vec::new(), now_ms, orders: 0 };
    let people: Vec<Person> = (0..PEOPLE).map(|number| story.person(number)).collect();
    let mut events = story.events;
    // Of two events at the same moment the one that was told first stays first.
    events.sort_by_key(|event| event.at_ms);
    Shop { people, events, now_ms }
}

struct Story {
    chance: Chance,
    events: Vec<Event>,
    now_ms: i64,
    orders: u32,
}

/// A visit that is being told.
struct Visit {
    person: usize,
    device: Option<usize>,
    known: bool,
    at_ms: i64,
}

impl Story {
    fn person(&mut self, number: usize) -> Person {
        let habit = Habit::of(&mut self.chance);
        let devices = 1 + usize::from(habit != Habit::Passerby && self.chance.once_in(4));
        let starts = self.starts(habit);
        let mut met = vec![false; devices];
        let last = starts.len().saturating_sub(1);
        for (count, start) in starts.into_iter().enumerate() {
            let device = if devices == 2 && self.chance.once_in(3) { 1 } else { 0 };
            let mut visit =
                Visit { person: number, device: Some(device), known: met[device], at_ms: start };
            // Everybody with an account logs in at the latest on the last visit of a device.
            let shy = self.chance.once_in(2) && count < last;
            self.visit(&mut visit, habit, !shy);
            met[device] |= visit.known;
        }
        let user_id = (habit != Habit::Passerby).then(|| format!("u-{number:03}"));
        let anonymous_ids =
            (0..devices).map(|device| format!("browser-{number:03}-{device}")).collect();
        Person { user_id, anonymous_ids, name: (*self.chance.pick(&NAMES)).to_owned() }
    }

    /// When visits begin: apart from each other, and not before an edge that would move them.
    fn starts(&mut self, habit: Habit) -> Vec<i64> {
        let mut starts: Vec<i64> =
            (0..habit.visits(&mut self.chance)).map(|_| self.moment(habit)).collect();
        starts.sort_unstable();
        let mut free = i64::MIN;
        for start in &mut starts {
            *start = self.off_the_edges((*start).max(free));
            free = *start + VISIT_MS;
        }
        starts.retain(|start| *start + VISIT_MS <= self.now_ms - END_MS);
        starts
    }

    fn moment(&mut self, habit: Habit) -> i64 {
        let (from, to) = habit.days();
        let ago = from * DAY_MS
            + END_MS
            + 3 * 60 * MINUTE_MS
            + self.chance.ms_below((to - from) * DAY_MS);
        self.now_ms - ago
    }

    fn visit(&mut self, visit: &mut Visit, habit: Habit, logs_in: bool) {
        let views = 1 + self.chance.below(3);
        for _ in 0..views {
            let page = *self.chance.pick(&PAGES);
            self.tell(visit, What::Viewed { page });
        }
        let mut cart: Vec<&'static Item> = Vec::new();
        if habit != Habit::Passerby || self.chance.once_in(3) {
            for _ in 0..1 + self.chance.below(3) {
                let item = self.chance.pick(&ITEMS);
                cart.push(item);
                self.tell(visit, What::Added { item });
            }
        }
        if habit == Habit::Passerby {
            return;
        }
        if !visit.known && logs_in {
            visit.known = true;
            self.tell(visit, What::LoggedIn);
        }
        if visit.known && !cart.is_empty() && self.chance.below(100) < 70 {
            self.tell(visit, What::CheckedOut);
            if self.chance.below(100) < habit.buys() {
                self.order(visit, &cart, habit);
            }
        }
    }

    fn order(&mut self, visit: &mut Visit, cart: &[&'static Item], habit: Habit) {
        self.orders += 1;
        let order = self.orders;
        let times = if habit == Habit::Regular { 1 + self.chance.below(2) } else { 1 };
        let full = cart.iter().map(|item| item.cents).sum::<u64>() * times;
        // A voucher makes the amounts less round.
        let cents = if self.chance.once_in(5) { full - full / 10 } else { full };
        let items = u32::try_from(cart.len() as u64 * times).unwrap_or(u32::MAX);
        self.tell(visit, What::Ordered { order, cents, items });
        let mut later = Visit { device: None, ..*visit };
        if self.chance.once_in(12) {
            later.at_ms += (2 + self.chance.ms_below(5)) * DAY_MS;
            let cents = if self.chance.once_in(2) { cents } else { cents / 2 };
            self.tell_by_server(&mut later, What::Refunded { order, cents });
        }
        if habit != Habit::Quiet && self.chance.once_in(2) {
            later.at_ms += DAY_MS + self.chance.ms_below(6 * DAY_MS);
            let campaign = *self.chance.pick(&CAMPAIGNS);
            self.tell_by_server(&mut later, What::OpenedMail { campaign });
        }
    }

    fn tell(&mut self, visit: &mut Visit, what: What) {
        let pause = 15_000 + self.chance.ms_below(3 * MINUTE_MS);
        visit.at_ms = self.off_the_edges(visit.at_ms + pause);
        let Visit { person, device, known, at_ms } = *visit;
        self.events.push(Event { person, at_ms, what, device, known });
    }

    /// What the shop's own systems report, if it happened by now.
    fn tell_by_server(&mut self, visit: &mut Visit, what: What) {
        let at_ms = self.off_the_edges(visit.at_ms);
        visit.at_ms = at_ms;
        if at_ms <= self.now_ms - END_MS {
            self.events.push(Event {
                person: visit.person,
                at_ms,
                what,
                device: None,
                known: true,
            });
        }
    }

    /// Later, until no edge is near.
    fn off_the_edges(&self, at_ms: i64) -> i64 {
        EDGES.iter().fold(at_ms, |at_ms, (window, before, after)| {
            let ago = self.now_ms - at_ms;
            let near = ago > window - before && ago < window + after;
            if near { self.now_ms - (window - before) } else { at_ms }
        })
    }
}
