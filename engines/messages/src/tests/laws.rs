use proptest::prelude::*;

use crate::*;

const ALL: [Channel; 7] = Channel::ALL;

fn title() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z ]{0,18}",
        1 => "[a-z*_~`\\[\\]<>#&. ]{1,30}",
        1 => "[a-zé😀👩‍👩‍👧ß]{1,40}",
    ]
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "([a-z*_&<]{1,9}[ .!\n]){0,40}",
        1 => "([a-z]{1,9}[ .!]){300,900}",
        1 => "[x😀]{0,5000}",
        1 => Just(format!("before\n\n```rs\n{}```\n\nafter", "let x = 1;\n".repeat(400))),
        1 => Just("see [a label of words](https://example.com/a_b?c=d&e) **bold words** ".repeat(60)),
    ]
}

fn button() -> impl Strategy<Value = Button> {
    (0..6_u8, "[a-z0-9]{0,12}", title()).prop_map(|(kind, id, title)| {
        if kind == 0 {
            Button::link(title, "https://example.com/x")
        } else {
            Button::reply(id, title)
        }
    })
}

fn media() -> impl Strategy<Value = Media> {
    (0..5_u8, any::<bool>(), proptest::option::of(words())).prop_map(|(kind, url, caption)| {
        let kinds = [
            MediaKind::Image,
            MediaKind::Video,
            MediaKind::Audio,
            MediaKind::Document,
            MediaKind::Sticker,
        ];
        let place = if url { "https://example.com/file" } else { "123456" };
        Media { caption, ..Media::new(kinds[usize::from(kind)], place) }
    })
}

fn content() -> impl Strategy<Value = Content> {
    let rows = prop::collection::vec(
        ("[a-z0-9]{1,9}", title(), proptest::option::of("[a-z ]{0,90}")),
        0..8,
    );
    let section = ("[a-z ]{0,30}", rows).prop_map(|(title, rows)| Section {
        title,
        rows: rows
            .into_iter()
            .map(|(id, title, description)| Row { id, title, description })
            .collect(),
    });
    let header = proptest::option::of("[a-z*&]{0,90}");
    let footer = proptest::option::of("[a-z ]{0,90}");
    prop_oneof![
        words().prop_map(Content::text),
        media().prop_map(Content::Media),
        (
            header.clone(),
            proptest::option::of(media()),
            words(),
            footer.clone(),
            prop::collection::vec(button(), 0..8)
        )
            .prop_map(|(header, media, body, footer, buttons)| Content::Buttons(Buttons {
                header,
                media,
                body,
                footer,
                buttons
            })),
        (header, words(), footer, "[a-z]{0,30}", prop::collection::vec(section, 0..4)).prop_map(
            |(header, body, footer, button, sections)| Content::List(List {
                header,
                body,
                footer,
                button,
                sections
            })
        ),
        (title(), words(), proptest::option::of(media()), prop::collection::vec(button(), 0..4))
            .prop_map(|(title, description, image, buttons)| Content::ServiceCard(ServiceCard {
                title,
                description,
                image,
                buttons,
                ..ServiceCard::default()
            })),
    ]
}

/// Every text of a message with the limit it must keep to.
fn texts(rendered: &Rendered) -> Vec<(What, String, bool)> {
    let mut texts = Vec::new();
    let mut add = |what, text: &str, markdown| texts.push((what, text.to_owned(), markdown));
    match rendered {
        Rendered::Text { text } => add(What::Text, text, true),
        Rendered::Media(media) => {
            media.caption.iter().for_each(|text| add(What::Caption, text, true));
        }
        Rendered::Buttons(buttons) => {
            add(What::ButtonsBody, &buttons.body, true);
            buttons.header.iter().for_each(|text| add(What::ButtonsHeader, text, false));
            buttons.footer.iter().for_each(|text| add(What::ButtonsFooter, text, false));
            for button in &buttons.buttons {
                add(What::ButtonTitle, &button.title, false);
                if button.url.is_none() {
                    add(What::ButtonId, &button.id, false);
                }
            }
        }
        Rendered::List(list) => {
            add(What::ListBody, &list.body, true);
            add(What::ListButton, &list.button, false);
            list.header.iter().for_each(|text| add(What::ListHeader, text, false));
            list.footer.iter().for_each(|text| add(What::ListFooter, text, false));
            for section in &list.sections {
                if !section.title.is_empty() {
                    add(What::SectionTitle, &section.title, false);
                }
                for row in &section.rows {
                    add(What::RowTitle, &row.title, false);
                    add(What::RowId, &row.id, false);
                    row.description.iter().for_each(|text| add(What::RowDescription, text, false));
                }
            }
        }
        Rendered::Location(_)
        | Rendered::Contact(_)
        | Rendered::Reaction { .. }
        | Rendered::Product(_)
        | Rendered::Template(_) => {}
    }
    texts
}

/// How many of each counted thing a message has.
fn counts(rendered: &Rendered) -> Vec<(What, usize)> {
    match rendered {
        Rendered::Buttons(buttons) => {
            let links = buttons.buttons.iter().filter(|button| button.url.is_some()).count();
            let replies = buttons.buttons.len() - links;
            let mut counts = vec![(What::ButtonsMedia, usize::from(buttons.media.is_some()))];
            counts.push((What::LinkButtons, links));
            if replies > 0 {
                counts.push((What::Buttons, buttons.buttons.len()));
            }
            if links > 0 && replies > 0 {
                counts.push((What::MixedButtons, buttons.buttons.len()));
            }
            counts
        }
        Rendered::List(list) => {
            let rows = list.sections.iter().map(|section| section.rows.len());
            let widest = rows.clone().max().unwrap_or_default();
            vec![
                (What::Sections, list.sections.len()),
                (What::Rows, rows.sum()),
                (What::SectionRows, widest),
            ]
        }
        Rendered::Text { .. }
        | Rendered::Media(_)
        | Rendered::Location(_)
        | Rendered::Contact(_)
        | Rendered::Reaction { .. }
        | Rendered::Product(_)
        | Rendered::Template(_) => Vec::new(),
    }
}

/// Letters and digits only: what must not be lost, whatever stands between.
fn letters(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

fn all_letters(rendered: &[Rendered]) -> String {
    rendered.iter().flat_map(texts).map(|(_, text, _)| letters(&text)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_limit_is_exceeded(content in prop::collection::vec(content(), 0..3), channel in 0..7_usize) {
        let channel = ALL[channel];
        for rendered in plan(&content, channel) {
            for (what, text, markdown) in texts(&rendered) {
                let row = limit(channel, what).expect("only what the channel has is used");
                let wire = if markdown { text_for(&text, channel) } else { text.clone() };
                prop_assert!(measure(&wire, row.counted) <= row.max, "{channel:?} {what:?}");
                prop_assert!(!wire.trim().is_empty(), "{channel:?} {what:?} is empty");
            }
            for (what, count) in counts(&rendered) {
                let max = limit(channel, what).map_or(0, |row| row.max);
                prop_assert!(count <= max, "{channel:?} {what:?} {count}");
            }
        }
    }

    #[test]
    fn nothing_is_lost(content in prop::collection::vec(content(), 0..3), channel in 0..7_usize) {
        let channel = ALL[channel];
        let shown = all_letters(&plan(&content, channel));
        for choice in offered(&content) {
            prop_assert!(shown.contains(&letters(&choice.title)));
        }
        for item in &content {
            for text in [item.words().map(letters).unwrap_or_default()] {
                // Blocks of code are closed and opened again, so their text is not in one piece.
                if !item.words().unwrap_or_default().contains("```") {
                    prop_assert!(shown.contains(&text), "{channel:?}");
                }
            }
        }
    }

    #[test]
    fn planning_again_changes_nothing(content in prop::collection::vec(content(), 0..3), channel in 0..7_usize) {
        let channel = ALL[channel];
        let once = plan(&content, channel);
        let again: Vec<Content> = once.iter().cloned().map(Content::from).collect();
        let again = plan(&again, channel);
        let kinds = |all: &[Rendered]| all.iter().map(Rendered::kind).collect::<Vec<_>>();
        prop_assert_eq!(kinds(&once), kinds(&again));
        prop_assert!(once == again);
    }

    #[test]
    fn a_text_in_pieces_is_the_text(text in words(), channel in 0..7_usize) {
        let pieces = split(&text, ALL[channel], What::Text);
        let together = letters(&pieces.concat());
        if !text.contains("```") {
            prop_assert_eq!(together, letters(&text));
        }
    }

    #[test]
    fn what_is_offered_is_understood_by_number_and_title(titles in prop::collection::btree_set("[a-z]{3,12}", 1..9)) {
        let offers: Vec<Choice> = titles
            .iter()
            .enumerate()
            .map(|(index, title)| Choice { id: format!("id-{index}"), title: title.clone() })
            .collect();
        for (index, choice) in offers.iter().enumerate() {
            prop_assert_eq!(understand(&format!("{}.", index + 1), &offers), Some(choice.clone()));
            prop_assert_eq!(understand(&choice.title.to_uppercase(), &offers), Some(choice.clone()));
        }
    }

    #[test]
    fn any_text_is_harmless(text in ".{0,300}") {
        for channel in ALL {
            let _wire = text_for(&text, channel);
            let _pieces = split(&text, channel, What::ButtonTitle);
        }
        let offers = [Choice { id: "a".to_owned(), title: text.clone() }];
        let _found = understand(&text, &offers);
    }

    #[test]
    fn a_delivery_only_goes_forward(reports in prop::collection::vec(0..4_usize, 1..9)) {
        let all = [Delivery::Sent, Delivery::Failed, Delivery::Delivered, Delivery::Read];
        let mut now = Delivery::Sent;
        for report in &reports {
            let next = now.advance(all[*report]);
            prop_assert!(next >= now);
            now = next;
        }
        prop_assert_eq!(Some(now), reports.iter().map(|report| all[*report]).max());
    }
}
