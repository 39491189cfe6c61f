#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a failed unwrap is a failed test, and so is an arm that is not meant"
)]

mod laws;
mod stored;

use super::*;

fn buttons(body: &str, titles: &[&str]) -> Content {
    let button = |(index, title): (usize, &&str)| Button::reply(format!("b{index}"), *title);
    Content::Buttons(Buttons {
        body: body.to_owned(),
        buttons: titles.iter().enumerate().map(button).collect(),
        ..Buttons::default()
    })
}

/// What do these contents become? One line per message: its kind and what a reader sees.
fn shown(content: &[Content], channel: Channel) -> Vec<String> {
    let one = |rendered: &Rendered| match rendered {
        Rendered::Text { text } => format!("text: {}", text_for(text, channel)),
        Rendered::Buttons(buttons) => {
            let titles: Vec<&str> = buttons.buttons.iter().map(|b| b.title.as_str()).collect();
            format!("buttons: {} [{}]", text_for(&buttons.body, channel), titles.join("|"))
        }
        Rendered::List(list) => {
            let rows: Vec<&str> =
                list.sections.iter().flat_map(|s| &s.rows).map(|row| row.title.as_str()).collect();
            format!("list: {} ({}) [{}]", list.body, list.button, rows.join("|"))
        }
        Rendered::Media(media) => {
            let caption = media.caption.as_deref().unwrap_or_default();
            format!("{}: {}", media.kind.as_str(), text_for(caption, channel))
        }
        other => other.kind().to_owned(),
    };
    plan(content, channel).iter().map(one).collect()
}

#[test]
fn chn_10_buttons_become_a_list_and_a_list_becomes_numbers() {
    let check = |titles: &[&str], channel, want: &[&str]| {
        assert_eq!(shown(&[buttons("Which?", titles)], channel), want);
    };
    check(&["Red", "Blue"], Channel::WhatsApp, &["buttons: Which? [Red|Blue]"]);
    check(&["A", "B", "C", "D"], Channel::WhatsApp, &["list: Which? (☰) [A|B|C|D]"]);
    check(&["A", "B", "C", "D"], Channel::Slack, &["buttons: Which? [A|B|C|D]"]);
    check(
        &["A title of 22 letters.", "B"],
        Channel::Twilio,
        &["list: Which? (☰) [A title of 22 letters.|B]"],
    );
    check(
        &["A title that is longer than any row", "B"],
        Channel::WhatsApp,
        &["text: Which?\n\n1. A title that is longer than any row\n2. B"],
    );
    check(&["Same", "Same"], Channel::WhatsApp, &["text: Which?\n\n1. Same\n2. Same"]);
    check(&["A", "B"], Channel::OpenAi, &["text: Which?\n\n1. A\n2. B"]);
}

#[test]
fn numbers_go_on_over_the_parts_of_a_message() {
    let content = [buttons("One?", &["A", "B"]), buttons("Two?", &["C"])];
    let want = ["text: One?\n\n1. A\n2. B", "text: Two?\n\n3. C"];
    assert_eq!(shown(&content, Channel::OpenAi), want);
    let titles: Vec<String> = offered(&content).into_iter().map(|choice| choice.title).collect();
    assert_eq!(titles, ["A", "B", "C"]);
}

#[test]
fn what_does_not_fit_around_a_body_moves_into_it() {
    let question = Content::Buttons(Buttons {
        header: Some("A header that is longer than the sixty letters that are allowed".to_owned()),
        footer: Some("small".to_owned()),
        body: "Which?".to_owned(),
        buttons: vec![Button::reply("a", "A")],
        ..Buttons::default()
    });
    let want =
        "buttons: *A header that is longer than the sixty letters that are allowed*\n\nWhich? [A]";
    assert_eq!(shown(std::slice::from_ref(&question), Channel::WhatsApp), [want]);
    let want = "buttons: *A header that is longer than the sixty letters that are allowed*\n\nWhich?\n\nsmall [A]";
    assert_eq!(shown(&[question], Channel::Twilio), [want]);
}

#[test]
fn a_long_body_is_sent_ahead_in_as_few_messages_as_possible() {
    let body = "A sentence of some thirty bytes. ".repeat(60);
    let planned = plan(&[buttons(&body, &["A"])], Channel::WhatsApp);
    assert_eq!(planned.iter().map(Rendered::kind).collect::<Vec<_>>(), ["text", "buttons"]);
}

#[test]
fn links_are_buttons_only_where_they_may_be() {
    let with = |buttons: Vec<Button>| {
        Content::Buttons(Buttons { body: "Look".to_owned(), buttons, ..Buttons::default() })
    };
    let link = Button::link("Shop", "https://example.com/a");
    let alone = [with(vec![link.clone()])];
    let mixed = [with(vec![link, Button::reply("n", "No")])];
    assert_eq!(shown(&alone, Channel::WhatsApp), ["buttons: Look [Shop]"]);
    let want = ["buttons: Look\n\nShop (https://example.com/a) [No]"];
    assert_eq!(shown(&mixed, Channel::WhatsApp), want);
    assert_eq!(shown(&mixed, Channel::Discord), ["buttons: Look [No|Shop]"]);
    assert_eq!(shown(&alone, Channel::Twilio), ["text: Look\n\nShop (https://example.com/a)"]);
}

#[test]
fn chn_07_cards_are_a_picture_words_and_buttons() {
    let mut card = ProductCard {
        id: "sku-1".to_owned(),
        title: "Tea *pot*".to_owned(),
        description: "Holds a litre.".to_owned(),
        price: Some(Price { micros: 12_500_000, currency: "EUR".to_owned() }),
        availability: Some("3 left".to_owned()),
        image: Some(Media::new(MediaKind::Image, "https://example.com/pot.jpg")),
        buttons: vec![Button::reply("buy", "Buy")],
        ..ProductCard::default()
    };
    let want = ["buttons: *Tea *pot**\n12.50 EUR · 3 left\nHolds a litre. [Buy]"];
    assert_eq!(shown(&[Content::ProductCard(card.clone())], Channel::WhatsApp), want);
    card.buttons.clear();
    let want = ["image: *Tea *pot**\n12.50 EUR · 3 left\nHolds a litre."];
    assert_eq!(shown(&[Content::ProductCard(card.clone())], Channel::WhatsApp), want);
    card.catalog_id = Some("77".to_owned());
    assert_eq!(shown(&[Content::ProductCard(card)], Channel::WhatsApp), ["product"]);
}

#[test]
fn what_a_channel_cannot_show_becomes_words() {
    let place = Content::Location(Location {
        latitude: 38.7,
        longitude: -9.1,
        name: Some("Lisbon".to_owned()),
        address: None,
    });
    let want = ["text: Lisbon\nhttps://www.openstreetmap.org/?mlat=38.7&amp;mlon=-9.1"];
    assert_eq!(shown(&[place], Channel::Slack), want);
    let film = Content::Media(Media {
        caption: Some("Look".to_owned()),
        name: Some("film.mp4".to_owned()),
        ..Media::new(MediaKind::Video, "https://example.com/f.mp4")
    });
    let want = ["text: Look", "text: [film.mp4](https://example.com/f.mp4)"];
    assert_eq!(shown(&[film], Channel::Discord), want);
    let template = Content::Template(Template {
        name: "hello".to_owned(),
        language: "en".to_owned(),
        params: vec![TemplateParam { name: None, value: "Ana".to_owned() }],
        text: Some("Hello {{1}}!".to_owned()),
    });
    assert_eq!(shown(std::slice::from_ref(&template), Channel::Web), ["text: Hello Ana!"]);
    assert_eq!(shown(&[template], Channel::WhatsApp), ["template"]);
}

#[test]
fn markdown_is_written_in_each_dialect() {
    let check = |text: &str, whatsapp: &str, slack: &str, bare: &str| {
        assert_eq!(text_for(text, Channel::WhatsApp), whatsapp);
        assert_eq!(text_for(text, Channel::Slack), slack);
        assert_eq!(text_for(text, Channel::Discord), text);
        assert_eq!(plain(text), bare);
    };
    check("**b** *i* ~~s~~ `c`", "*b* _i_ ~s~ `c`", "*b* _i_ ~s~ `c`", "b i s c");
    check(
        "[our *shop*](https://e.com/a_b?x=1&y=2)",
        "our _shop_ (https://e.com/a_b?x=1&y=2)",
        "<https://e.com/a_b?x=1&amp;y=2|our shop>",
        "our shop (https://e.com/a_b?x=1&y=2)",
    );
    check("# Title\n- a\n* b", "*Title*\n- a\n- b", "*Title*\n• a\n• b", "Title\n- a\n- b");
    check("a < b & c > d", "a < b & c > d", "a &lt; b &amp; c &gt; d", "a < b & c > d");
    check(
        "2 * 3 * 4 snake_case_name",
        "2 * 3 * 4 snake_case_name",
        "2 * 3 * 4 snake_case_name",
        "2 * 3 * 4 snake_case_name",
    );
    check("\\*no\\*", "*no*", "*no*", "*no*");
    check("```rust\na*b*c\n```", "```\na*b*c\n```", "```\na*b*c\n```", "\na*b*c\n");
    check("<https://e.com>", "https://e.com", "<https://e.com>", "https://e.com");
}

#[test]
fn long_text_is_cut_at_the_best_border() {
    let check = |text: String, want: &[usize]| {
        let pieces = split(&text, Channel::Discord, What::Text);
        assert_eq!(pieces.iter().map(String::len).collect::<Vec<_>>(), want);
        pieces
    };
    let (a, b) = ("a".repeat(1_500), "b".repeat(1_500));
    check(format!("{a}\n\n{b}"), &[1_500, 1_500]);
    check(format!("{a}. {b}"), &[1_501, 1_500]);
    check("x".repeat(4_100), &[2_000, 2_000, 100]);
    let link = "[a label with words](https://example.com/a)";
    let pieces = check(format!("{} {link} more", "w".repeat(1_990)), &[1_990, 48]);
    assert!(pieces[1].starts_with(link));
    let code = format!("```py\n{}\n{}\n```", "c".repeat(1_500), "d".repeat(1_500));
    let pieces = check(code, &[1_510, 1_510]);
    assert!(pieces.iter().all(|piece| piece.starts_with("```py\n") && piece.ends_with("\n```")));
    assert!(split(" \n ", Channel::Discord, What::Text).is_empty());
}

#[test]
fn a_typed_reply_is_understood() {
    let titles = ["Track my order", "Return an item", "Talk to a person"];
    let offers: Vec<Choice> = titles
        .iter()
        .enumerate()
        .map(|(index, title)| Choice { id: format!("id-{index}"), title: (*title).to_owned() })
        .collect();
    let check = |text: &str, want: Option<usize>| {
        let found = understand(text, &offers).map(|choice| choice.id);
        assert_eq!(found, want.map(|index| format!("id-{index}")), "{text}");
    };
    for second in [
        "2",
        "2.",
        " #2 ",
        "2)",
        "2️⃣",
        "the second",
        "option two",
        "２",
        "la segunda",
        "der zweite",
        "second one please",
        "return an item",
        "RETURN AN ITEM!",
        "retrun an item",
        "id-1",
        "I want to return an item",
        "٢",
    ] {
        check(second, Some(1));
    }
    check("one", Some(0));
    check("last", Some(2));
    check("the first one", Some(0));
    for nothing in [
        "",
        "4",
        "0",
        "22",
        "what is the price?",
        "not return an item",
        "item",
        "2 or 3",
        "I have two questions about my invoice of last week",
    ] {
        check(nothing, None);
    }
}

#[test]
fn titles_that_are_numbers_win_over_positions() {
    let offers: Vec<Choice> = ["4", "2"]
        .iter()
        .map(|title| Choice { id: format!("n{title}"), title: (*title).to_owned() })
        .collect();
    assert_eq!(understand("2", &offers).unwrap().id, "n2");
    assert_eq!(understand("1", &offers).unwrap().id, "n4");
    assert!(understand("yes", &[]).is_none());
}

#[test]
fn two_titles_that_are_equally_near_are_not_guessed() {
    let offers: Vec<Choice> = ["Plan A", "Plan B"]
        .iter()
        .map(|title| Choice { id: (*title).to_owned(), title: (*title).to_owned() })
        .collect();
    assert!(understand("plan c", &offers).is_none());
    assert_eq!(understand("plan b please", &offers).unwrap().id, "Plan B");
}

#[test]
fn chn_08_every_limit_and_mistake_is_named_when_it_is_written() {
    let check = |content: &[Content], channel: Option<Channel>, want: &[(&str, &str)]| {
        let found = match channel {
            Some(channel) => check_for(content, channel),
            None => super::check(content),
        };
        let found: Vec<(&str, &str)> =
            found.iter().map(|problem| (problem.pointer.as_str(), problem.code)).collect();
        assert_eq!(found, want);
    };
    let whatsapp = Some(Channel::WhatsApp);
    check(&[], None, &[("", "content_missing")]);
    check(&[Content::text(" ")], None, &[("/0/text", "text_missing")]);
    check(&[buttons("Q", &["Yes", "No"])], whatsapp, &[]);
    check(&[buttons("Q", &["Yes", "Yes"])], None, &[("/0/buttons/1/title", "title_repeated")]);
    check(&[buttons("Q", &["1", "2", "3", "4"])], whatsapp, &[("/0/buttons", "too_many")]);
    let long = "x".repeat(21);
    check(&[buttons("Q", &[&long])], whatsapp, &[("/0/buttons/0/title", "too_long")]);
    check(&[buttons(&"x".repeat(1_025), &["A"])], whatsapp, &[("/0/body", "too_long")]);
    check(
        &[buttons("Q", &["😀".repeat(11).as_str()])],
        whatsapp,
        &[("/0/buttons/0/title", "too_long")],
    );
    let image = Media { size: Some(5_000_001), ..Media::new(MediaKind::Image, "https://e.com/a") };
    check(&[Content::Media(image)], whatsapp, &[("/0", "too_large")]);
    let picked = Content::Choice(Choice { id: "a".to_owned(), title: "A".to_owned() });
    check(&[picked], None, &[("/0", "inbound_only")]);
    let list =
        Content::List(List { body: "Q".to_owned(), button: "Go".to_owned(), ..List::default() });
    check(&[list], None, &[("/0/sections", "rows_missing")]);
}

#[test]
fn every_channel_has_its_limits_once_and_a_text() {
    for channel in Channel::ALL {
        assert_eq!(Channel::parse(channel.as_str()), Some(channel));
        assert!(limit(channel, What::Text).is_some());
        let rows = limits(channel);
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(row.channel, channel);
            assert!(!rows[..index].iter().any(|other| other.what == row.what), "{row:?}");
        }
    }
}

#[test]
fn nothing_personal_is_in_debug_texts() {
    let secret = "SECRET";
    let address = Address {
        channel: Channel::WhatsApp,
        connection: "con".to_owned(),
        user: secret.to_owned(),
        thread: secret.to_owned(),
    };
    let content = vec![buttons(secret, &[secret]), Content::text(secret)];
    let person = Person { name: Some(secret.to_owned()), ..Person::default() };
    let inbound = Inbound {
        id: "m".to_owned(),
        address: address.clone(),
        person,
        at_ms: 0,
        content: content[0].clone(),
        reply_to: None,
        extra: vec![("a".to_owned(), secret.to_owned())],
    };
    let outgoing = Outgoing { id: "o".to_owned(), address, content, in_reply_to: None };
    let error = SendError::new(SendClass::Unknown, secret);
    let planned = plan(&outgoing.content, Channel::Slack);
    let text = format!(
        "{inbound:?} {:?} {outgoing:?} {error:?} {planned:?}",
        Event::Message(Box::new(inbound.clone()))
    );
    assert!(!text.contains(secret), "{text}");
}

#[test]
fn words_alone_fit_into_a_template() {
    let template = Template {
        name: "news".into(),
        params: vec![TemplateParam { name: None, value: "Ada".into() }],
        ..Template::default()
    };
    let check = |content: &[Content], want: Option<&str>| {
        let made = as_template(content, &template, Channel::WhatsApp);
        let value = made.as_ref().and_then(|made| made.params.get(1)).map(|it| it.value.as_str());
        assert_eq!(value, want);
        assert!(made.is_none_or(|made| made.params[0].value == "Ada"));
    };
    let text = |text: &str| Content::text(text);
    check(&[text("It is **on**\n\nits way."), text("Soon!")], Some("It is on its way. Soon!"));
    check(&[text(&"a".repeat(1_024))], Some(&"a".repeat(1_024)));
    check(&[text(&"a".repeat(1_025))], None);
    check(&[text(" ")], None);
    check(&[text("a"), buttons("Which one?", &["This"])], None);
}

#[test]
fn outside_the_window_only_templates_go_out() {
    let template = [Content::Template(Template::default())];
    let text = [Content::text("hi")];
    let window = Window::default();
    assert!(!window.allows(Channel::WhatsApp, &text, 0));
    assert!(window.allows(Channel::WhatsApp, &template, 0));
    assert!(window.allows(Channel::Slack, &text, 0));
    let window = window.heard(1_000, false);
    assert!(window.allows(Channel::Twilio, &text, WINDOW_MS + 999));
    assert!(!window.allows(Channel::Twilio, &text, WINDOW_MS + 1_000));
    // An older message that arrives later takes nothing away.
    assert_eq!(window.heard(500, false), window);
    assert!(window.heard(500, true).is_open(WINDOW_MS + 1_000));
    assert!(!window.refused(2_000).is_open(2_000));
    assert!(window.refused(2_000).heard(3_000, false).is_open(3_000));
}
