//! An assistant for one conversation in steps of ten milliseconds: what is durable survives a crash,
//! what is under way does not.

use std::collections::BTreeSet;

use impresario_chaos_tests::Chance;
use impresario_chaos_tests::conversations::bursts::{Burst, Channel, FACTS, Wish, mark};
use impresario_chaos_tests::conversations::oracle::{PaidCall, Shown, Talk, Windows};

/// What the toy does wrong, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// After a crash it does not know which messages it has had.
    ForgetsDeliveries,
    /// It acknowledges messages before they are durable.
    LosesAcknowledged,
    /// After a crash nobody waits for the silence.
    ForgetsItsTimer,
    /// The window begins with the first message and is not begun anew.
    WaitsFromTheFirst,
    /// After a crash a turn that was just answered is answered once more.
    RepliesTwice,
    /// It accounts for two wishes of a burst.
    ForgetsWishes,
    /// After a crash the call under way is made again.
    PaysAgain,
    /// It reads messages as they came.
    ReadsByArrival,
    /// After a crash it sends without looking whether it had sent.
    PostsTwice,
    /// What was to be sent is not durable.
    PostsNothing,
}

pub(super) const WINDOWS: Windows = Windows { quiet_ms: 1_500, max_wait_ms: 60_000 };

const STEP_MS: i64 = 10;
const END_MS: i64 = 40_000;
/// What lies between an answer and its way to the platform.
const SENDS_AFTER_MS: i64 = 200;
/// Longer than the quiet window now and then, so that bursts are torn.
const DOWN_MS: [u64; 2] = [200, 1_900];

/// A turn that is being answered.
struct Thinking {
    turn: u32,
    messages: Vec<usize>,
    has_called: bool,
    /// Not durable: when the answer is here, and which call it is.
    under_way: Option<(i64, Option<usize>)>,
}

struct Toy<'a> {
    burst: &'a Burst,
    bug: Option<Bug>,
    now: i64,
    talk: Talk,
    calls: Vec<PaidCall>,
    seen: BTreeSet<usize>,
    waiting: Vec<usize>,
    deadline: Option<i64>,
    turn: u32,
    thinking: Option<Thinking>,
    answered_at: i64,
    last_turn: Option<(u32, Vec<usize>)>,
    /// Replies on their way, and since when each is with the platform, which is not durable.
    outgoing: Vec<(String, Option<i64>)>,
}

/// Plays a conversation with a few crashes.
pub(super) fn play(burst: &Burst, bug: Option<Bug>, chance: &mut Chance) -> (Talk, Vec<PaidCall>) {
    let mut toy = Toy {
        burst,
        bug,
        now: 0,
        talk: Talk::default(),
        calls: Vec::new(),
        seen: BTreeSet::new(),
        waiting: Vec::new(),
        deadline: None,
        turn: 0,
        thinking: None,
        answered_at: i64::MIN,
        last_turn: None,
        outgoing: Vec::new(),
    };
    let mut pending = burst.deliveries.clone();
    let mut crash_at = draw(chance, 0, 1_500);
    let (mut crashes, mut down_until) = (0, 0);
    while toy.now < END_MS {
        toy.now += STEP_MS;
        if toy.now >= crash_at && crashes < 4 {
            crashes += 1;
            down_until = toy.now + draw(chance, DOWN_MS[0], DOWN_MS[1]);
            crash_at = down_until + draw(chance, 100, 3_000);
            toy.crash();
        }
        if toy.now < down_until {
            continue;
        }
        let now = toy.now;
        let due = |after: std::time::Duration| after.as_millis() <= u128::from(now.unsigned_abs());
        for delivery in pending.extract_if(.., |delivery| due(delivery.after)).collect::<Vec<_>>() {
            toy.receive(delivery.message);
            // The acknowledgement may get lost; then it comes again.
            if chance.once_in(8) {
                pending.push(delivery);
            }
        }
        toy.step(chance);
    }
    toy.talk.is_busy = toy.thinking.is_some() || !toy.waiting.is_empty();
    (toy.talk, toy.calls)
}

fn draw(chance: &mut Chance, from: u64, to: u64) -> i64 {
    i64::try_from(chance.pause(from, to).as_millis()).unwrap_or(0)
}

impl Toy<'_> {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn crash(&mut self) {
        if let Some(thinking) = &mut self.thinking {
            thinking.under_way = None;
            if self.bug == Some(Bug::PaysAgain) {
                thinking.has_called = false;
            }
        }
        if self.has(Bug::ForgetsDeliveries) {
            self.seen.clear();
        }
        if self.has(Bug::ForgetsItsTimer) {
            self.deadline = None;
        }
        if self.has(Bug::LosesAcknowledged) {
            let fresh = self.now - 200;
            self.talk.shown.retain(|shown| !shown.is_customers || shown.received_ms < fresh);
        }
        if self.has(Bug::PostsNothing) {
            self.outgoing.clear();
        }
        if self.has(Bug::RepliesTwice)
            && self.now.saturating_sub(self.answered_at) < 500
            && let Some((turn, messages)) = self.last_turn.take()
        {
            self.thinking = Some(Thinking { turn, messages, has_called: true, under_way: None });
        }
        for (id, since) in &mut self.outgoing {
            let is_there = self.talk.posted.iter().any(|(posted, _)| posted == id);
            // Looked up; otherwise it does not know, and sends it.
            *since = (is_there && self.bug != Some(Bug::PostsTwice)).then_some(self.now);
        }
    }

    fn receive(&mut self, message: usize) {
        if !self.seen.insert(message) {
            return;
        }
        self.talk.shown.push(Shown {
            seq: self.talk.shown.len() as u64 + 1,
            id: String::new(),
            is_customers: true,
            received_ms: self.now,
            turn: None,
            text: self.burst.messages[message].text.clone(),
        });
        if let Some(thinking) = self.thinking.take() {
            self.waiting.splice(0..0, thinking.messages);
        }
        self.waiting.push(message);
        let deadline = self.now + WINDOWS.quiet_ms;
        if self.has(Bug::WaitsFromTheFirst) {
            self.deadline.get_or_insert(self.now + WINDOWS.quiet_ms / 2);
        } else {
            self.deadline = Some(deadline);
        }
    }

    fn step(&mut self, chance: &mut Chance) {
        if self.deadline.is_some_and(|deadline| deadline <= self.now) && self.thinking.is_none() {
            self.begin();
        }
        self.think(chance);
        self.post();
    }

    fn begin(&mut self) {
        self.deadline = None;
        self.turn += 1;
        let mut messages = std::mem::take(&mut self.waiting);
        if self.burst.channel == Channel::Slack && !self.has(Bug::ReadsByArrival) {
            messages.sort_unstable();
        }
        for shown in &mut self.talk.shown {
            let of_turn = messages.iter().any(|it| self.burst.messages[*it].text == shown.text);
            if of_turn && shown.is_customers {
                shown.turn = Some(self.turn);
            }
        }
        let turn = self.turn;
        self.thinking = Some(Thinking { turn, messages, has_called: false, under_way: None });
    }

    fn think(&mut self, chance: &mut Chance) {
        let (talk, now) = (self.burst.talk, self.now);
        let Some(thinking) = &mut self.thinking else { return };
        let Some((until, call)) = thinking.under_way else {
            let call = (!thinking.has_called).then_some(self.calls.len());
            if call.is_some() {
                self.calls.push(PaidCall {
                    name: format!("{}-{}", mark(talk, 0), thinking.turn),
                    talk,
                    messages: thinking.messages.clone(),
                    is_answered: false,
                });
            }
            thinking.has_called = true;
            thinking.under_way = Some((now + draw(chance, 0, 1_500), call));
            return;
        };
        if until > now {
            return;
        }
        if let Some(call) = call {
            self.calls[call].is_answered = true;
        }
        let Some(Thinking { turn, messages, .. }) = self.thinking.take() else { return };
        self.reply(turn, &messages);
        self.last_turn = Some((turn, messages));
    }

    fn reply(&mut self, turn: u32, messages: &[usize]) {
        let most = if self.has(Bug::ForgetsWishes) { 2 } else { usize::MAX };
        let mut text = String::new();
        let wishes = self.burst.wishes().filter(|(message, _)| messages.contains(message));
        for (message, wish) in wishes.take(most) {
            match wish {
                Wish::Known(fact) => text.push_str(FACTS[fact].page),
                Wish::Unknown => self.talk.put_off.push(self.burst.messages[message].text.clone()),
            }
        }
        let id = format!("reply-{turn}");
        self.talk.shown.push(Shown {
            seq: self.talk.shown.len() as u64 + 1,
            id: id.clone(),
            is_customers: false,
            received_ms: self.now,
            turn: Some(turn),
            text,
        });
        self.answered_at = self.now;
        if self.burst.channel == Channel::Slack && !self.outgoing.iter().any(|one| one.0 == id) {
            self.outgoing.push((id, None));
        }
    }

    fn post(&mut self) {
        let now = self.now;
        let is_ready = self.answered_at.saturating_add(SENDS_AFTER_MS) <= now;
        for (id, since) in &mut self.outgoing {
            if since.is_none() && is_ready {
                self.talk.posted.push((id.clone(), 0));
                *since = Some(now);
            }
        }
        // The platform's answer takes a while; then the work is forgotten.
        self.outgoing.retain(|(_, since)| since.is_none_or(|since| since + 200 > now));
    }
}
