use proptest::prelude::*;

use crate::*;

fn berlin() -> BusinessHours {
    BusinessHours {
        zone: "Europe/Berlin".to_owned(),
        weekly: vec![
            Opening {
                days: vec![Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday],
                from: "09:00".to_owned(),
                to: "17:00".to_owned(),
            },
            Opening { days: vec![Day::Sunday], from: "01:00".to_owned(), to: "24:00".to_owned() },
        ],
        closed: vec!["2026-12-25".to_owned()],
    }
}

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("a time").as_millisecond()
}

/// Whether it is open, and when it opens next.
#[track_caller]
fn check(at: &str, open: bool, next: &str) {
    let hours = berlin();
    assert_eq!(hours.is_open(ms(at)), open, "{at}");
    assert_eq!(hours.next_opening(ms(at)), Some(ms(next)), "{at}");
}

#[test]
fn hours_are_those_of_the_wall_clock_in_summer_and_winter() {
    // A Wednesday in winter (UTC+1) and one in summer (UTC+2).
    check("2026-01-14T07:59:59Z", false, "2026-01-14T08:00:00Z");
    check("2026-01-14T08:00:00Z", true, "2026-01-14T08:00:00Z");
    check("2026-07-15T06:59:59Z", false, "2026-07-15T07:00:00Z");
    check("2026-07-15T07:00:00Z", true, "2026-07-15T07:00:00Z");
    check("2026-07-15T15:00:00Z", false, "2026-07-16T07:00:00Z");
    // Friday evening: the next is Sunday.
    check("2026-01-16T20:00:00Z", false, "2026-01-18T00:00:00Z");
    // Christmas, a Friday: Sunday again.
    check("2026-12-25T10:00:00Z", false, "2026-12-27T00:00:00Z");
}

#[test]
fn the_days_when_clocks_change_are_right() {
    // 2026-03-29: 02:00 becomes 03:00 in Berlin; 01:00 is 00:00Z, midnight after is 22:00Z.
    check("2026-03-29T00:30:00Z", true, "2026-03-29T00:30:00Z");
    check("2026-03-29T21:59:59Z", true, "2026-03-29T21:59:59Z");
    check("2026-03-29T22:00:00Z", false, "2026-03-30T07:00:00Z");
    // 2026-10-25: 03:00 becomes 02:00; midnight after is 23:00Z.
    check("2026-10-25T22:59:59Z", true, "2026-10-25T22:59:59Z");
    check("2026-10-25T23:00:00Z", false, "2026-10-26T08:00:00Z");
}

#[test]
fn limits_run_only_while_somebody_is_there() {
    let check = |at: &str, minutes, want: &str| {
        assert_eq!(berlin().after_minutes(ms(at), minutes), ms(want), "{at} + {minutes}");
    };
    check("2026-01-14T09:00:00Z", 15, "2026-01-14T09:15:00Z");
    check("2026-01-14T15:50:00Z", 15, "2026-01-15T08:05:00Z");
    check("2026-01-14T20:00:00Z", 15, "2026-01-15T08:15:00Z");
    check("2026-01-14T08:00:00Z", 8 * 60, "2026-01-14T16:00:00Z");
    check("2026-01-14T08:00:00Z", 8 * 60 + 1, "2026-01-15T08:01:00Z");
}

#[test]
fn what_cannot_be_read_keeps_nobody_away() {
    let broken =
        BusinessHours { zone: "Nowhere".to_owned(), weekly: Vec::new(), closed: Vec::new() };
    assert!(broken.is_open(0));
    let never = BusinessHours { zone: "UTC".to_owned(), weekly: Vec::new(), closed: Vec::new() };
    assert!(!never.is_open(0));
    assert_eq!(never.next_opening(0), None);
    assert_eq!(never.after_minutes(0, 1), 60_000);
}

proptest! {
    #[test]
    fn the_next_opening_is_open_and_nothing_before_it_is(at in 1_700_000_000_000_i64..1_900_000_000_000) {
        let hours = berlin();
        let next = hours.next_opening(at).expect("it opens every week");
        prop_assert!(next >= at && hours.is_open(next));
        let before = at + (next - at) / 2;
        prop_assert_eq!(hours.is_open(before), before == next);
    }

    #[test]
    fn no_moment_panics(at: i64, minutes: u32) {
        let hours = berlin();
        let _ = (hours.is_open(at), hours.next_opening(at), hours.after_minutes(at, minutes));
    }
}
