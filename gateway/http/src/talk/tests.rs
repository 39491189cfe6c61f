use impresario_ids::TenantId;
use impresario_kernel::Timestamp;
use impresario_tenant::keys::Pepper;
use proptest::prelude::*;

use super::guard::{Act, Guard};
use super::identity::{self, Given, Settings};
use super::session::Session;

const TENANT: TenantId = TenantId::from_bytes([7; 16]);
const OTHER: TenantId = TenantId::from_bytes([8; 16]);
const NOW: Timestamp = Timestamp::from_ms(1_795_176_000_000);

fn pepper(byte: u8) -> Pepper {
    Pepper::new([byte; 32])
}

fn sealed() -> String {
    let session = Session::of_visitor("web", [3; 16], NOW);
    session.seal(TENANT, &pepper(1)).expect("a text")
}

#[test]
fn ten_02_a_session_opens_only_where_it_was_sealed() {
    let text = sealed();
    let open = |tenant, connection, byte| {
        Session::open(&text, tenant, connection, &pepper(byte), NOW).is_ok()
    };
    assert!(open(TENANT, "web", 1));
    assert!(!open(OTHER, "web", 1) && !open(TENANT, "blog", 1) && !open(TENANT, "web", 2));
    let shown = format!("{:?}", Session::of_visitor("web", [3; 16], NOW));
    assert!(!shown.contains("visitor"), "{shown}");
}

#[test]
fn visitors_are_counted_by_themselves() {
    let guard = Guard::default();
    let all = |who: &str| (0..10).all(|_| guard.take(Act::Message, TENANT, who).is_ok());
    assert!(all("a") && all("b"));
    assert!(guard.take(Act::Message, TENANT, "a").is_err());
    assert!(guard.enter(TENANT, 1).is_ok() && guard.enter(TENANT, 1).is_err());
    guard.leave(TENANT);
    assert!(guard.enter(TENANT, 1).is_ok());
}

proptest! {
    #[test]
    fn no_changed_session_opens(place in 0_usize..100, byte in "[A-Za-z0-9_-]") {
        let mut text = sealed();
        let place = place % text.len();
        let before = text.clone();
        text.replace_range(place..=place, &byte);
        let opened = Session::open(&text, TENANT, "web", &pepper(1), NOW);
        prop_assert!(text == before || opened.is_err());
    }

    #[test]
    fn no_text_is_an_identity_by_chance(jwt in "[ -~]{0,80}", hmac in "[0-9a-fé]{0,70}") {
        let settings = Settings { identity_secret: Some("secret".to_owned()) };
        let token = Given::Token { jwt };
        prop_assert!(identity::verify(&settings, &token, NOW).is_err());
        let code = Given::Code { user_id: "u".to_owned(), hmac };
        prop_assert!(identity::verify(&settings, &code, NOW).is_err());
    }

    #[test]
    fn a_stream_loses_nothing_of_a_text(text in "\\PC{0,200}") {
        prop_assert_eq!(super::openai::pieces(&text).collect::<String>(), text);
    }
}
