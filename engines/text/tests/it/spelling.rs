//! CNV-21: corrections towards the tenant's words and English.

use std::sync::{Arc, LazyLock};

use impresario_text::spelling::{Corrector, Dictionary, apply};

static ENGLISH: LazyLock<Arc<Dictionary>> = LazyLock::new(|| Arc::new(Dictionary::english()));

fn corrector() -> Corrector {
    let own = [("iphone", 50), ("galaxy", 20), ("samsung", 20), ("airpods", 10), ("macbook", 10)];
    Corrector::new(Some(Arc::clone(&ENGLISH)), Dictionary::from_words(own))
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let corrections = corrector().correct_text(text);
    assert_eq!(apply(text, &corrections), expected, "{corrections:?}");
}

#[test]
fn slips_are_corrected_in_their_case_cnv_21() {
    check("I wnat to retrun my iphnoe pleese", "I want to return my iphone please");
    check("teh samsng galxy isnt workng", "the samsung galaxy isn't working");
    check("Recieve my refound tommorow", "Receive my refund tomorrow");
}

#[test]
fn ids_links_numbers_names_and_known_words_stay_x5() {
    for text in [
        "order AB-1234 at https://exmaple.com/foo and ordr_55",
        "ask jhon@exmaple.com or @jhon about 15gb",
        "my name is Jhon Smiht",
        "the XMLHttp and ASAP parts",
        "I have planed the board",
        "it's Anna's, isn't it",
    ] {
        check(text, text);
    }
}

#[test]
fn without_a_base_only_the_tenants_words_count() {
    let own = Corrector::new(None, Dictionary::from_words([("Rückgabe", 3), ("galaxy", 2)]));
    let text = "meine rückgbe vom galxy bitte";
    assert_eq!(apply(text, &own.correct_text(text)), "meine rückgabe vom galaxy bitte");
}

#[test]
fn suggestions_are_ranked_and_their_confidences_are_shares() {
    let suggestions = corrector().suggest("recipt", 5);
    assert!(suggestions.iter().any(|one| one.word == "receipt"));
    assert!(suggestions.windows(2).all(|two| two[0].confidence >= two[1].confidence));
    assert!(suggestions.iter().map(|one| one.confidence).sum::<f32>() <= 1.0 + 1e-4);
    assert!(corrector().suggest("", 5).is_empty());
    assert_eq!(corrector().suggest("order", 5)[0].distance, 0);
}
