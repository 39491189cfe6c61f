//! Two links that speak to each other, parcel by parcel, on a clock of the test.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::link::{Event, Link, NotTaken};
use crate::parcel::{Nack, Say, open, read};
use crate::{CallOptions, WireError};

type Answer = oneshot::Receiver<Result<Bytes, WireError>>;

struct Pair {
    links: [Link; 2],
    /// What is on its way to each of them.
    ways: [VecDeque<Vec<u8>>; 2],
    begun: Instant,
    now: Instant,
}

fn pair(limits: &CallOptions) -> Pair {
    let now = Instant::now();
    let link = |node| Link::new(NodeId(node), limits.clone(), [0; 16], now);
    Pair { links: [link(2), link(1)], ways: [VecDeque::new(), VecDeque::new()], begun: now, now }
}

impl Pair {
    /// Puts everything on its way that may be sent.
    fn send(&mut self, from: usize) {
        while let Some(parcel) = self.links[from].next() {
            self.ways[1 - from].push_back(parcel);
        }
    }

    /// Lets one parcel arrive.
    fn deliver(&mut self, to: usize) -> Option<Event> {
        let parcel = self.ways[to].pop_front()?;
        let (_, rest) = open(&parcel).expect("a parcel");
        Some(self.links[to].receive(rest, self.now).expect("a sound parcel"))
    }

    /// Sends and delivers until nothing moves. Calls are answered by `answer`; which ids were.
    fn settle(&mut self, answer: impl Fn(&[u8]) -> Vec<u8>) -> Vec<usize> {
        let mut answered = Vec::new();
        loop {
            self.send(0);
            self.send(1);
            let mut moved = false;
            for to in [0, 1] {
                while let Some(event) = self.deliver(to) {
                    moved = true;
                    if let Event::Call { id, body, .. } = event {
                        answered.push(body.len());
                        self.links[to].answer(id, answer(&body).into());
                    }
                }
            }
            if !moved {
                return answered;
            }
        }
    }

    fn ask(&mut self, of: usize, body: Vec<u8>) -> (u64, Answer) {
        self.links[of].ask(body.into()).expect("it is taken")
    }

    /// Nothing but parcels shows that the peer lives.
    fn tick(&mut self, of: usize) -> bool {
        let begun = self.begun;
        self.links[of].tick(self.now, begun)
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }
}

fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).expect("a byte")).collect()
}

fn weights(parcels: &VecDeque<Vec<u8>>) -> Vec<usize> {
    let bytes = |parcel: &Vec<u8>| match read(open(parcel).expect("a parcel").1) {
        Ok((
            Some(Say::Whole { body, .. } | Say::First { body, .. } | Say::Next { body, .. }),
            _,
        )) => body.len(),
        _ => 0,
    };
    parcels.iter().map(bytes).collect()
}

#[test]
fn bodies_of_all_sizes_arrive_whole_in_both_directions() {
    let limits = CallOptions::default();
    let mut pair = pair(&limits);
    let sizes = [0, 1, limits.piece_bytes, limits.piece_bytes + 1, 8 << 20];
    let mut asks = Vec::new();
    for bytes in sizes {
        asks.push((bytes, pair.ask(0, body(bytes)).1));
        asks.push((bytes, pair.ask(1, body(bytes)).1));
    }
    pair.settle(<[u8]>::to_vec);
    for (bytes, mut ask) in asks {
        assert_eq!(ask.try_recv().expect("an answer"), Ok(Bytes::from(body(bytes))));
    }
    assert!(pair.links.iter().all(|link| link.is_idle() && link.bytes() == 0));
}

/// W5: what stands before a short message on its way is at most the window of pieces.
#[test]
fn a_large_body_does_not_stand_before_short_ones() {
    let limits = CallOptions::default();
    let mut pair = pair(&limits);
    let (_, mut large) = pair.ask(0, body(8 << 20));
    pair.send(0);
    let before: usize = weights(&pair.ways[1]).iter().sum();
    assert!((1..=limits.bulk_window_bytes).contains(&before), "{before} bytes are on their way");
    let (_, mut short) = pair.ask(0, body(100));
    pair.send(0);
    assert_eq!(weights(&pair.ways[1]).last(), Some(&100), "it leaves at once");
    // The short one is asked and answered while the large one is not even sent.
    let mut round_trips = 0;
    while short.try_recv().is_err() {
        round_trips += 1;
        while let Some(event) = pair.deliver(1) {
            if let Event::Call { id, body, .. } = event {
                assert_eq!(body.len(), 100);
                pair.links[1].answer(id, body.into());
            }
        }
        pair.send(1);
        while pair.deliver(0).is_some() {}
    }
    assert_eq!(round_trips, 1);
    assert!(large.try_recv().is_err());
    assert_eq!(pair.settle(<[u8]>::to_vec), [8 << 20]);
    assert!(large.try_recv().expect("an answer").is_ok());
}

#[test]
fn short_messages_do_not_starve_a_large_one() {
    let mut pair = pair(&CallOptions::default());
    for _ in 0..200 {
        pair.ask(0, body(10));
    }
    pair.ask(0, body(1 << 20));
    pair.send(0);
    let first_piece = weights(&pair.ways[1]).iter().position(|bytes| *bytes > 1_000);
    assert!(first_piece.is_some_and(|at| at <= 17), "{first_piece:?}");
}

#[test]
fn large_bodies_share_the_way() {
    let mut pair = pair(&CallOptions::default());
    let asks = [8 << 20, 1 << 20, 1 << 20].map(|bytes| pair.ask(0, body(bytes)));
    assert_eq!(pair.settle(<[u8]>::to_vec), [1 << 20, 1 << 20, 8 << 20], "the smaller end first");
    drop(asks);
}

/// W4: a peer that takes nothing in costs what is under way, and no more is sent to it.
#[test]
fn a_peer_that_does_not_acknowledge_is_sent_its_window_and_no_more() {
    let limits = CallOptions { in_flight_max: 10_000, ..CallOptions::default() };
    let mut pair = pair(&limits);
    let mut asks = Vec::new();
    while let Ok(ask) = pair.links[0].ask(body(10_000).into()) {
        asks.push(ask);
    }
    pair.send(0);
    let handed: usize = pair.ways[1].iter().map(Vec::len).sum();
    assert!(handed <= limits.window_bytes + 1_000, "{handed} bytes were handed on");
    assert!(pair.links[0].bytes() <= limits.in_flight_bytes_max);
    // Those who give up make room for others, but not for more bytes on the way.
    for (id, _) in asks.drain(..) {
        pair.links[0].give_up(id);
    }
    while let Ok(ask) = pair.links[0].ask(body(10_000).into()) {
        asks.push(ask);
    }
    pair.send(0);
    let handed: usize = weights(&pair.ways[1]).iter().sum();
    assert!(handed <= limits.window_bytes, "{handed} bytes were handed on");
}

#[test]
fn past_the_bound_of_calls_the_answer_is_busy_at_once() {
    let mut pair = pair(&CallOptions { in_flight_max: 2, ..CallOptions::default() });
    let asks = [pair.ask(0, body(1)), pair.ask(0, body(1))];
    assert_eq!(pair.links[0].ask(Bytes::new()).expect_err("it is full"), NotTaken::Busy);
    pair.links[0].give_up(asks[0].0);
    assert!(pair.links[0].ask(Bytes::new()).is_ok());
}

#[test]
fn a_call_that_nobody_waits_for_is_cancelled_at_the_peer() {
    let mut pair = pair(&CallOptions::default());
    let (id, _) = pair.ask(0, body(1));
    let (large, _) = pair.ask(0, body(8 << 20));
    pair.send(0);
    while pair.deliver(1).is_some() {}
    assert!(pair.links[1].is_handling(id) && pair.links[1].bytes() > 0);
    pair.links[0].give_up(id);
    pair.links[0].give_up(large);
    pair.settle(<[u8]>::to_vec);
    assert!(pair.links.iter().all(Link::is_idle));
    assert_eq!(pair.links[1].bytes(), 0);
}

#[test]
fn a_peer_with_too_much_to_do_says_so() {
    let limits =
        CallOptions { handlers_max: 1, handlers_bytes_max: 1 << 20, ..CallOptions::default() };
    let mut pair = pair(&limits);
    let (_, mut first) = pair.ask(0, body(1));
    let (_, mut second) = pair.ask(0, body(1));
    let (_, mut large) = pair.ask(0, body(2 << 20));
    pair.send(0);
    while pair.deliver(1).is_some() {}
    pair.settle(<[u8]>::to_vec);
    assert!(first.try_recv().is_err(), "it is being handled");
    assert_eq!(second.try_recv().expect("an answer"), Err(WireError::Busy(NodeId(2))));
    assert_eq!(large.try_recv().expect("an answer"), Err(WireError::Busy(NodeId(2))));
    pair.links[1].refuse(1, Nack::NotUnderstood, "no".into());
    pair.settle(<[u8]>::to_vec);
    let refused = WireError::Refused { node: NodeId(2), why: "no".into() };
    assert_eq!(first.try_recv().expect("an answer"), Err(refused));
}

#[test]
fn an_answer_larger_than_a_body_may_be_is_refused() {
    let mut pair = pair(&CallOptions { body_bytes_max: 1_000, ..CallOptions::default() });
    let (_, mut ask) = pair.ask(0, body(1));
    pair.settle(|_| body(1_001));
    let refused = ask.try_recv().expect("an answer");
    assert!(matches!(refused, Err(WireError::Refused { .. })), "{refused:?}");
}

/// W3: a silent peer is dead after its time, and not before.
#[test]
fn a_silent_peer_is_dead_and_one_that_answers_is_not() {
    let mut pair = pair(&CallOptions::default());
    for _ in 0..50 {
        pair.pass(100);
        assert!(pair.tick(0) && pair.tick(1));
        pair.settle(<[u8]>::to_vec);
    }
    let mut lived = 0;
    while pair.tick(0) {
        pair.send(0);
        pair.pass(100);
        lived += 100;
    }
    assert!((700..=800).contains(&lived), "heard of it last up to a tick before: {lived}");
}

#[test]
fn who_slept_does_not_take_the_others_for_dead() {
    let mut pair = pair(&CallOptions::default());
    pair.pass(60_000);
    assert!(pair.tick(0));
}

#[test]
fn when_it_ends_everyone_hears_whether_something_was_sent() {
    let mut pair = pair(&CallOptions::default());
    let (_, mut sent) = pair.ask(0, body(1));
    pair.send(0);
    let (_, mut unsent) = pair.ask(0, body(1));
    pair.links[0].end("gone");
    let sent = sent.try_recv().expect("an answer").expect_err("it failed");
    let unsent = unsent.try_recv().expect("an answer").expect_err("it failed");
    assert_eq!((sent.nothing_done(), unsent.nothing_done()), (false, true));
    assert_eq!(pair.links[0].ask(Bytes::new()).expect_err("it ended"), NotTaken::Leaving);
}

proptest::proptest! {
    #[test]
    fn no_parcel_panics_a_link(parcels in proptest::collection::vec((0_u64..4, 0_u8..16, 0_usize..300, 0_u32..400), 0..60)) {
        let mut pair = pair(&CallOptions { piece_bytes: 100, handlers_max: 3, ..CallOptions::default() });
        let _asks = [pair.ask(0, body(10)), pair.ask(0, body(500))];
        for (id, kind, bytes, total) in parcels {
            let side = if kind % 2 == 0 { crate::parcel::Side::Call } else { crate::parcel::Side::Answer };
            let say = match kind {
                0 | 1 => Say::Whole { id, side, body: body(bytes) },
                2 | 3 => Say::First { id, side, total, body: body(bytes) },
                4 | 5 => Say::Next { id, side, body: body(bytes) },
                6 => Say::Nack { id, reason: Nack::Overloaded, why: String::new() },
                7 => Say::Cancel { id },
                8 => Say::Ping { nonce: id },
                9 => Say::Pong { nonce: id },
                10 => Say::Leave,
                11 => Say::Left,
                _ => Say::Credits,
            };
            let credits = crate::parcel::Credits { short: total, bulk: total };
            let parcel = say.encode(&[0; 16], credits);
            let (_, rest) = open(&parcel).expect("a parcel");
            if let Ok(Event::Call { id, body, .. }) = pair.links[0].receive(rest, pair.now) {
                pair.links[0].answer(id, body.into());
            }
            while pair.links[0].next().is_some() {}
        }
        pair.links[0].end("over");
        proptest::prop_assert!(pair.links[0].bytes() == 0);
    }
}
