//! CNV-20: the item that is meant, and records that are the same.

use impresario_text::eval::read_pairs;
use impresario_text::matching::pairs::{Scorer, THRESHOLD};
use impresario_text::matching::{Catalogue, Item, Verdict};

fn catalogue() -> Catalogue {
    let names = [
        "iPhone 15 Pro",
        "iPhone 15",
        "iPhone 15 Pro Max",
        "iPhone 14 Pro",
        "Samsung Galaxy S24",
        "Samsung Galaxy S24 Ultra",
        "Galaxy Buds 2",
        "MacBook Pro 14",
        "MacBook Air 13",
        "PlayStation 5",
        "Xbox Series X",
        "Sony WH-1000XM5 Headphones",
        "AirPods Pro",
        "Deep tissue massage",
        "Haircut for men",
        "Nintendo Switch OLED",
        "Café crème beans 1kg",
    ];
    let item = |name: &str| Item { id: name.to_owned(), name: name.to_owned(), aliases: vec![] };
    let mut items: Vec<Item> = names.into_iter().map(item).collect();
    items[8].aliases.push("the thin laptop".to_owned());
    Catalogue::new(items)
}

#[track_caller]
fn check(phrase: &str, verdict: Verdict, best: Option<&str>) {
    let found = catalogue().find(phrase, 3);
    assert_eq!(found.verdict, verdict, "{found:?}");
    if let Some(best) = best {
        assert_eq!(found.candidates[0].id, best, "{found:?}");
    }
}

#[test]
fn abbreviations_slips_and_mentions_find_their_item_cnv_20() {
    for (phrase, item) in [
        ("ip15 pro", "iPhone 15 Pro"),
        ("iphone15pro", "iPhone 15 Pro"),
        ("samsng galxy s24", "Samsung Galaxy S24"),
        ("galaxy s24 ultra", "Samsung Galaxy S24 Ultra"),
        ("mbp 14", "MacBook Pro 14"),
        ("ps5", "PlayStation 5"),
        ("sony wh1000xm5", "Sony WH-1000XM5 Headphones"),
        ("air pods", "AirPods Pro"),
        ("hair cut", "Haircut for men"),
        ("cafe creme", "Café crème beans 1kg"),
        ("thin laptop", "MacBook Air 13"),
        ("do you have the iphone 15 pro in blue for my daughter?", "iPhone 15 Pro"),
    ] {
        check(phrase, Verdict::Match, Some(item));
    }
}

#[test]
fn what_fits_several_is_asked_and_what_fits_none_is_none() {
    check("iphone", Verdict::Ask, None);
    check("s24", Verdict::Ask, None);
    check("iphone 16", Verdict::None, None);
    check("toaster", Verdict::None, None);
    check("what time do you open", Verdict::None, None);
    check("", Verdict::None, None);
}

#[test]
fn meaning_alone_is_worth_a_question() {
    let found = catalogue().find_with(
        "something for sore muscles",
        3,
        &[("Deep tissue massage", 0.8), ("gone", 0.9)],
    );
    assert_eq!(found.verdict, Verdict::Ask);
    assert_eq!(found.candidates[0].id, "Deep tissue massage");
}

#[test]
fn ten_thousand_items_are_told_apart() {
    let kinds = ["Lamp", "Chair", "Desk", "Shelf", "Kettle", "Jacket", "Boots", "Camera"];
    let name = |at: usize| {
        format!(
            "{} {} {}",
            ["Aurora", "Basalt", "Cinder", "Drift", "Ember"][at % 5],
            kinds[at / 5 % 8],
            100 + at / 40
        )
    };
    let items = (0..10_000)
        .map(|at| Item { id: at.to_string(), name: name(at), aliases: vec![] })
        .collect();
    let catalogue = Catalogue::new(items);
    for at in [0, 777, 4_242, 9_999] {
        let typed = name(at).to_lowercase().replacen('a', "", 1);
        let found = catalogue.find(&typed, 3);
        assert_eq!(
            (found.verdict, found.candidates[0].id.as_str()),
            (Verdict::Match, at.to_string().as_str()),
            "{typed}: {found:?}"
        );
    }
}

#[test]
fn records_with_the_same_model_number_are_the_same() {
    let pairs = read_pairs(concat!(
        "COL name VAL canon pixma printer ip4600 black COL price VAL 99.0\tCOL name VAL canon ip-4600 photo printer COL price VAL 95.5\t1\n",
        "COL name VAL canon pixma printer ip4600 black COL price VAL 99.0\tCOL name VAL canon pixma printer mx310 COL price VAL 79.0\t0\n",
        "COL name VAL sony silver camcorder dcrhc52 COL price VAL \tCOL name VAL head cleaner dvm12cld COL price VAL 7.95\t0\n",
    ))
    .expect("three pairs");
    let scorer = Scorer::new(pairs.iter().flat_map(|(a, b, _)| [a, b]));
    let scores: Vec<f32> = pairs.iter().map(|(a, b, _)| scorer.score(a, b)).collect();
    assert!(scores[0] > THRESHOLD && scores[1] < THRESHOLD && scores[2] < THRESHOLD, "{scores:?}");
}
