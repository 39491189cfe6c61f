use crate::cards::{product, service};
use crate::{Button, Buttons, Content, List, Media, Row, Section};

/// What a list is opened with where buttons became a list: a sign, as the language is not known.
pub(crate) const MENU: &str = "☰";

/// Buttons, a list or a card, before it is known what the channel can.
pub(crate) struct Question {
    pub(crate) header: Option<String>,
    pub(crate) media: Option<Media>,
    pub(crate) body: String,
    pub(crate) footer: Option<String>,
    pub(crate) links: Vec<Button>,
    pub(crate) sections: Vec<Section>,
    /// What opens the list; none if it was meant as buttons.
    pub(crate) opener: Option<String>,
}

impl Question {
    pub(crate) fn of(content: &Content) -> Option<Self> {
        match content {
            Content::Buttons(buttons) => Some(Self::of_buttons(buttons)),
            Content::List(list) => Some(Self::of_list(list)),
            Content::ProductCard(card) => Some(Self::of_buttons(&product(card))),
            Content::ServiceCard(card) => Some(Self::of_buttons(&service(card))),
            Content::Text { .. }
            | Content::Media(_)
            | Content::Location(_)
            | Content::Choice(_)
            | Content::Reaction { .. }
            | Content::Contact(_)
            | Content::Unsupported { .. }
            | Content::Template(_) => None,
        }
    }

    fn of_buttons(buttons: &Buttons) -> Self {
        let row = |button: &Button| Row {
            id: button.id.clone(),
            title: line(&button.title),
            description: None,
        };
        let (links, replies): (Vec<&Button>, Vec<&Button>) =
            buttons.buttons.iter().partition(|button| button.url.is_some());
        let link = |button: &&Button| Button { title: line(&button.title), ..(*button).clone() };
        Self {
            header: some_line(buttons.header.as_deref()),
            media: buttons.media.clone(),
            body: buttons.body.trim().to_owned(),
            footer: some_line(buttons.footer.as_deref()),
            links: links.iter().map(link).collect(),
            sections: vec![Section {
                title: String::new(),
                rows: replies.into_iter().map(row).collect(),
            }],
            opener: None,
        }
    }

    fn of_list(list: &List) -> Self {
        let row = |row: &Row| Row {
            id: row.id.clone(),
            title: line(&row.title),
            description: some_line(row.description.as_deref()),
        };
        let section = |section: &Section| Section {
            title: line(&section.title),
            rows: section.rows.iter().map(row).collect(),
        };
        Self {
            header: some_line(list.header.as_deref()),
            media: None,
            body: list.body.trim().to_owned(),
            footer: some_line(list.footer.as_deref()),
            links: Vec::new(),
            sections: list.sections.iter().map(section).collect(),
            opener: Some(some_line(Some(&list.button)).unwrap_or_else(|| MENU.to_owned())),
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|section| &section.rows)
    }
}

/// A text as one line with single spaces.
pub(crate) fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn some_line(text: Option<&str>) -> Option<String> {
    text.map(line).filter(|text| !text.is_empty())
}
