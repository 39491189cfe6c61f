use std::fmt::Write as _;

use crate::*;

fn some<T: From<&'static str>>(text: &'static str) -> Option<T> {
    Some(text.into())
}

fn address() -> Address {
    Address {
        channel: Channel::Slack,
        connection: "con".into(),
        user: "U1".into(),
        thread: "C1:1.2".into(),
    }
}

fn media() -> Media {
    Media {
        kind: MediaKind::Image,
        id_or_url: "https://e.com/a".into(),
        mime: "image/png".into(),
        caption: some("c"),
        name: some("n"),
        size: Some(7),
    }
}

fn price() -> Price {
    Price { micros: 1_500_000, currency: "EUR".into() }
}

/// One of each, with every field set.
fn contents() -> Vec<(&'static str, Content)> {
    let buttons = vec![Button::reply("a", "A"), Button::link("B", "https://e.com")];
    let choice = Choice { id: "a".into(), title: "A".into() };
    let row = Row { id: "r".into(), title: "R".into(), description: some("d") };
    let param = TemplateParam { name: some("n"), value: "v".into() };
    let place = Location { latitude: 1.5, longitude: -2.5, name: some("n"), address: some("a") };
    vec![
        ("text", Content::text("hi")),
        ("media", Content::Media(media())),
        ("location", Content::Location(place)),
        ("choice", Content::Choice(choice)),
        ("reaction", Content::Reaction { message_id: "m".into(), emoji: some("👍") }),
        (
            "contact",
            Content::Contact(ContactCard {
                name: "N".into(),
                phones: vec!["+1".into()],
                emails: vec!["e@e.com".into()],
                organization: some("o"),
            }),
        ),
        ("unsupported", Content::Unsupported { kind: "poll".into() }),
        (
            "buttons",
            Content::Buttons(Buttons {
                header: some("h"),
                media: Some(media()),
                body: "b".into(),
                footer: some("f"),
                buttons: buttons.clone(),
            }),
        ),
        (
            "list",
            Content::List(List {
                header: some("h"),
                body: "b".into(),
                footer: some("f"),
                button: "o".into(),
                sections: vec![Section { title: "s".into(), rows: vec![row] }],
            }),
        ),
    ]
    .into_iter()
    .chain(cards(buttons))
    .chain([(
        "template",
        Content::Template(Template {
            name: "n".into(),
            language: "en".into(),
            params: vec![param],
            text: some("t"),
        }),
    )])
    .collect()
}

fn cards(buttons: Vec<Button>) -> Vec<(&'static str, Content)> {
    vec![
        (
            "product_card",
            Content::ProductCard(ProductCard {
                id: "i".into(),
                title: "t".into(),
                description: "d".into(),
                price: Some(price()),
                availability: some("a"),
                image: Some(media()),
                url: some("https://e.com"),
                catalog_id: some("c"),
                buttons: buttons.clone(),
            }),
        ),
        (
            "service_card",
            Content::ServiceCard(ServiceCard {
                id: "i".into(),
                title: "t".into(),
                description: "d".into(),
                price: Some(price()),
                duration_min: Some(30),
                slots: vec!["Mon".into()],
                image: Some(media()),
                url: some("https://e.com"),
                buttons,
            }),
        ),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The stored form of every type, as `name hex` lines. Never change a line; new ones are appended.
const GOLDEN: &str = include_str!("../golden/stored.txt");

fn check<T>(missing: &mut Vec<String>, name: &str, value: &T)
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq,
{
    let bytes = minicbor::to_vec(value).unwrap();
    let line = format!("{name} {}", hex(&bytes));
    let Some(golden) = GOLDEN.lines().find_map(|known| known.strip_prefix(&format!("{name} ")))
    else {
        missing.push(line);
        return;
    };
    assert_eq!(line, format!("{name} {golden}"));
    assert!(minicbor::decode::<T>(&unhex(golden)).unwrap() == *value, "{name}");
}

#[test]
fn the_stored_bytes_stay_readable() {
    let mut missing = Vec::new();
    for (name, content) in contents() {
        check(&mut missing, name, &content);
    }
    let person = Person {
        name: some("n"),
        phone: some("+1"),
        email: some("e"),
        external: vec![("t".into(), "x".into())],
        verified: true,
    };
    let inbound = Inbound {
        id: "m".into(),
        address: address(),
        person,
        at_ms: 5,
        content: Content::text("hi"),
        reply_to: some("r"),
        extra: vec![("k".into(), "v".into())],
    };
    let outgoing = Outgoing {
        id: "o".into(),
        address: address(),
        content: vec![Content::text("hi")],
        in_reply_to: some("r"),
    };
    let update = StatusUpdate {
        platform_id: "p".into(),
        address: address(),
        status: Delivery::Read,
        at_ms: 5,
        error: Some(Fault { code: "1".into(), detail: "d".into() }),
        outgoing_id: some("o"),
        part: Some(1),
        extra: vec![("k".into(), "v".into())],
    };
    check(&mut missing, "inbound", &inbound);
    check(&mut missing, "outgoing", &outgoing);
    check(&mut missing, "status", &update);
    check(&mut missing, "window", &Window { open_until_ms: Some(5) });
    assert!(missing.is_empty(), "append to golden/stored.txt:\n{}", missing.join("\n"));
}

#[test]
fn the_numbers_of_words_stay() {
    let codes: Vec<String> =
        Channel::ALL.iter().map(|channel| hex(&minicbor::to_vec(channel).unwrap())).collect();
    assert_eq!(codes, ["01", "02", "03", "04", "05", "06", "07"]);
    let states = [Delivery::Sent, Delivery::Failed, Delivery::Delivered, Delivery::Read];
    let codes: Vec<String> =
        states.iter().map(|state| hex(&minicbor::to_vec(state).unwrap())).collect();
    assert_eq!(codes, ["00", "01", "02", "03"]);
}

#[test]
fn json_keeps_everything_and_names_the_kind() {
    for (name, content) in contents() {
        let json = serde_json::to_value(&content).unwrap();
        assert_eq!(json["type"], name);
        assert!(serde_json::from_value::<Content>(json).unwrap() == content, "{name}");
    }
    let json = serde_json::to_value(address()).unwrap();
    assert_eq!(json["channel"], "slack");
}
