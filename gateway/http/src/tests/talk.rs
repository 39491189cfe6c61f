use proptest::prelude::*;

use crate::routes;

#[test]
fn prices_have_at_most_six_digits_after_the_point() {
    for (text, want) in [
        ("89.9", Some(89_900_000)),
        ("0", Some(0)),
        ("0.000001", Some(1)),
        ("0.0000001", None),
        ("-1", None),
        ("1e3", None),
        ("", None),
        (".5", None),
        ("9999999999999", None),
        ("true", None),
    ] {
        assert_eq!(routes::micros(text), want, "{text}");
    }
}

proptest! {
    #[test]
    fn prices_are_read_exactly(micros in 0..=999_999_999_999_999_999_i64) {
        let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        prop_assert_eq!(routes::micros(&text), Some(micros));
        prop_assert_eq!(routes::micros(&format!("\"{text}\"")), Some(micros));
    }

    #[test]
    fn no_text_makes_the_reader_of_prices_panic(text in "[ -~]{0,30}") {
        let _ = routes::micros(&text);
    }
}
