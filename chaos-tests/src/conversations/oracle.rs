//! Whether what a server shows, and what others saw of it, can be the work of a correct one.
//!
//! - V1 each message is there once, and nothing that nobody wrote.
//! - V2 messages that arrived within one quiet window are one turn, a turn has one reply, and every
//!   message is in one that was answered. A reply per window at most: a newer message may call an
//!   answer off, it may not get a second one.
//! - V3 each wish is answered in the reply of its turn, or it is on record as put off.
//! - V4 a paid call was made at most once: by its name, and by what it was asked.
//! - V5 what a platform tells the time of is read in the order of writing, whenever it arrived.
//! - V6 each reply came to the platform once, and nothing else did.
//! - V7 it comes to rest: nothing waits, nothing is worked on, nobody was handed to a person.

use std::collections::{BTreeMap, BTreeSet};

use super::bursts::{Burst, Channel, FACTS, Wish, marked};

/// What the tenant has set.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// Silence that ends a burst.
    pub quiet_ms: i64,
    /// The longest wait from the first message.
    pub max_wait_ms: i64,
}

/// A message as the server shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Counted by arrival.
    pub seq: u64,
    /// Of the reply: how it is named towards a platform.
    pub id: String,
    /// Written by the customer, otherwise by the assistant.
    pub is_customers: bool,
    /// When the server took it in, or decided it; its own durable time.
    pub received_ms: i64,
    /// Which turn it belongs to.
    pub turn: Option<u32>,
    /// The words.
    pub text: String,
}

/// A conversation at the end.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    /// By arrival.
    pub shown: Vec<Shown>,
    /// Questions that are on record as put off.
    pub put_off: Vec<String>,
    /// Whether something waits or is worked on, or a person has it.
    pub is_busy: bool,
    /// What came to the platform: name and part of each message, in the order of arrival.
    pub posted: Vec<(String, u64)>,
}

/// A paid call as the provider saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidCall {
    /// How the caller names it.
    pub name: String,
    /// Whose.
    pub talk: usize,
    /// Numbers of the messages that it asks about, in their order.
    pub messages: Vec<usize>,
    /// Whether the provider could hand over its answer.
    pub is_answered: bool,
}

/// Everything that is known about a run.
#[derive(Clone, Debug)]
pub struct Record {
    /// What was set.
    pub windows: Windows,
    /// What was written, and what the server shows of it.
    pub talks: Vec<(Burst, Talk)>,
    /// Paid calls by the order in which they came.
    pub calls: Vec<PaidCall>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What cannot be: one line each, with the talk.
    pub broken: Vec<String>,
    /// Conversations.
    pub talks: usize,
    /// Replies.
    pub replies: usize,
    /// Quiet windows, by the server's times of arrival.
    pub windows: usize,
    /// Conversations whose burst a silence had torn apart.
    pub torn: usize,
    /// Wishes that were answered.
    pub answered: usize,
    /// Wishes that were put off.
    pub put_off: usize,
    /// Of these, wishes that the tenant knows an answer to.
    pub put_off_though_known: usize,
    /// Paid calls.
    pub calls: usize,
    /// Paid calls whose answer nobody took.
    pub calls_lost: usize,
    /// Messages that arrived behind a later one.
    pub overtaken: usize,
}

impl Verdict {
    /// Whether nothing impossible was seen, and enough was there to be seen.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.broken.is_empty() && self.replies > 0 && self.answered > 0 && self.calls > 0
    }
}

/// Holds a run against the promises.
#[must_use]
pub fn judge(record: &Record) -> Verdict {
    let mut verdict = Verdict { talks: record.talks.len(), ..Verdict::default() };
    for (burst, talk) in &record.talks {
        let mut court = Court { burst, talk, verdict: &mut verdict };
        court.messages();
        court.turns(record.windows);
        court.wishes();
        court.posted();
        if talk.is_busy {
            court.wrong("does not come to rest");
        }
    }
    calls(record, &mut verdict);
    verdict
}

struct Court<'a> {
    burst: &'a Burst,
    talk: &'a Talk,
    verdict: &'a mut Verdict,
}

impl Court<'_> {
    fn wrong(&mut self, what: &str) {
        self.verdict.broken.push(format!("talk {}: {what}", self.burst.talk));
    }

    fn customers(&self) -> impl Iterator<Item = &Shown> {
        self.talk.shown.iter().filter(|shown| shown.is_customers)
    }

    fn replies(&self) -> impl Iterator<Item = &Shown> {
        self.talk.shown.iter().filter(|shown| !shown.is_customers)
    }

    /// V1.
    fn messages(&mut self) {
        let texts: Vec<&str> = self.customers().map(|shown| shown.text.as_str()).collect();
        let written: Vec<&str> = self.burst.messages.iter().map(|one| one.text.as_str()).collect();
        let mut wrong = Vec::new();
        for text in &written {
            match texts.iter().filter(|shown| *shown == text).count() {
                1 => {}
                0 => wrong.push(format!("lost \u{201c}{text}\u{201d}")),
                times => wrong.push(format!("has \u{201c}{text}\u{201d} {times} times")),
            }
        }
        let foreign = texts.iter().filter(|text| !written.contains(text));
        wrong.extend(foreign.map(|text| format!("nobody wrote \u{201c}{text}\u{201d}")));
        let numbers: Vec<usize> =
            texts.iter().filter_map(|text| marked(text).map(|(_, message, _)| message)).collect();
        let behind = numbers.windows(2).filter(|pair| pair[0] > pair[1]).count();
        self.verdict.overtaken += behind;
        wrong.iter().for_each(|what| self.wrong(what));
    }

    /// V2.
    fn turns(&mut self, windows: Windows) {
        let arrived: Vec<Shown> = self.customers().cloned().collect();
        let groups = groups(&arrived, windows);
        let mut wrong = Vec::new();
        for group in &groups {
            let turns: BTreeSet<Option<u32>> = group.iter().map(|shown| shown.turn).collect();
            if turns.len() > 1 {
                wrong.push(format!("one quiet window is in several turns: {turns:?}"));
            }
        }
        let asked: BTreeSet<Option<u32>> = arrived.iter().map(|shown| shown.turn).collect();
        let replied: Vec<Option<u32>> = self.replies().map(|shown| shown.turn).collect();
        for turn in &asked {
            let times = replied.iter().filter(|reply| *reply == turn).count();
            if turn.is_none() || times != 1 {
                wrong.push(format!("turn {turn:?} has {times} replies"));
            }
        }
        for turn in replied.iter().filter(|turn| !asked.contains(turn)) {
            wrong.push(format!("a reply to turn {turn:?}, in which nobody asked"));
        }
        self.verdict.replies += replied.len();
        self.verdict.windows += groups.len();
        self.verdict.torn += usize::from(groups.len() > 1);
        wrong.iter().for_each(|what| self.wrong(what));
    }

    /// V3.
    fn wishes(&mut self) {
        let put_off: BTreeSet<usize> =
            self.talk.put_off.iter().flat_map(|text| marks(text)).map(|(_, it)| it).collect();
        for (message, wish) in self.burst.wishes().collect::<Vec<_>>() {
            let text = &self.burst.messages[message].text;
            let turn = self.customers().find(|shown| shown.text == *text).map(|shown| shown.turn);
            let reply = self.replies().find(|reply| Some(reply.turn) == turn);
            let said = reply.map(|reply| reply.text.as_str()).unwrap_or_default();
            match wish {
                Wish::Known(fact) if said.contains(FACTS[fact].answer) => {
                    self.verdict.answered += 1;
                }
                _ if put_off.contains(&message) => {
                    self.verdict.put_off += 1;
                    self.verdict.put_off_though_known += usize::from(wish != Wish::Unknown);
                }
                _ => self.wrong(&format!("neither answered nor put off: \u{201c}{text}\u{201d}")),
            }
        }
    }

    /// V6.
    fn posted(&mut self) {
        if self.burst.channel != Channel::Slack {
            return;
        }
        let mut wrong = Vec::new();
        let mut times: BTreeMap<&(String, u64), u32> = BTreeMap::new();
        for posted in &self.talk.posted {
            *times.entry(posted).or_default() += 1;
        }
        for ((id, part), times) in times.iter().filter(|(_, times)| **times > 1) {
            wrong.push(format!("part {part} of {id} came to the platform {times} times"));
        }
        let replies: BTreeSet<&str> = self.replies().map(|reply| reply.id.as_str()).collect();
        let posted: BTreeSet<&str> = self.talk.posted.iter().map(|(id, _)| id.as_str()).collect();
        for id in replies.difference(&posted) {
            wrong.push(format!("{id} did not come to the platform"));
        }
        for id in posted.difference(&replies) {
            wrong.push(format!("{id} came to the platform and is not on record"));
        }
        wrong.iter().for_each(|what| self.wrong(what));
    }
}

/// Messages of which each arrived before the silence behind the one before it was over.
fn groups(arrived: &[Shown], windows: Windows) -> Vec<Vec<Shown>> {
    let mut groups: Vec<Vec<Shown>> = Vec::new();
    for shown in arrived {
        let fits = groups.last().is_some_and(|group| {
            let first = group.first().map_or(i64::MIN, |one| one.received_ms);
            let last = group.last().map_or(i64::MIN, |one| one.received_ms);
            let ends = last.saturating_add(windows.quiet_ms);
            shown.received_ms < ends.min(first.saturating_add(windows.max_wait_ms))
        });
        match groups.last_mut().filter(|_| fits) {
            Some(group) => group.push(shown.clone()),
            None => groups.push(vec![shown.clone()]),
        }
    }
    groups
}

/// V4 and V5.
fn calls(record: &Record, verdict: &mut Verdict) {
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    let mut asked: BTreeMap<(usize, BTreeSet<usize>), u32> = BTreeMap::new();
    for call in &record.calls {
        *names.entry(&call.name).or_default() += 1;
        *asked.entry((call.talk, call.messages.iter().copied().collect())).or_default() += 1;
        let Some((burst, _)) = record.talks.iter().find(|(burst, _)| burst.talk == call.talk)
        else {
            verdict.broken.push(format!("call {}: paid for nobody", call.name));
            continue;
        };
        if burst.channel == Channel::Slack && !call.messages.is_sorted() {
            let what = format!("was read out of order: {:?}", call.messages);
            verdict.broken.push(format!("talk {}: {what}", call.talk));
        }
        verdict.calls += 1;
        verdict.calls_lost += usize::from(!call.is_answered);
    }
    for (name, times) in names.iter().filter(|(_, times)| **times > 1) {
        verdict.broken.push(format!("call {name}: paid {times} times"));
    }
    for ((talk, messages), times) in asked.iter().filter(|(_, times)| **times > 1) {
        let what = format!("paid {times} times for the same messages {messages:?}");
        verdict.broken.push(format!("talk {talk}: {what}"));
    }
}

/// All marks of a text: talk and message.
#[must_use]
pub fn marks(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((talk, message, behind)) = marked(rest) {
        found.push((talk, message));
        rest = behind;
    }
    found
}
