use std::collections::BTreeSet;

use crate::{
    Button, Buttons, Channel, Content, List, Location, Media, Price, ProductCard, ServiceCard,
    Template, What, limit, text_for,
};

/// Something wrong with what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as an RFC 6901 pointer into the array of contents.
    pub pointer: String,
    /// A stable word.
    pub code: &'static str,
    /// What to do, in words.
    pub message: String,
}

/// What is wrong on every channel: an author should not be able to save it.
#[must_use]
pub fn check(content: &[Content]) -> Vec<Problem> {
    let mut checker = Checker { channel: None, problems: Vec::new() };
    checker.run(content);
    checker.problems
}

/// What is wrong on every channel, and every limit of this one that is exceeded: there it will be
/// shown in a simpler form ([`crate::plan`]).
#[must_use]
pub fn check_for(content: &[Content], channel: Channel) -> Vec<Problem> {
    let mut checker = Checker { channel: Some(channel), problems: Vec::new() };
    checker.run(content);
    checker.problems
}

struct Checker {
    channel: Option<Channel>,
    problems: Vec<Problem>,
}

impl Checker {
    fn add(&mut self, pointer: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.problems.push(Problem { pointer: pointer.into(), code, message: message.into() });
    }

    fn run(&mut self, content: &[Content]) {
        if content.is_empty() {
            self.add("", "content_missing", "say at least one thing");
        }
        for (index, item) in content.iter().enumerate() {
            self.one(&format!("/{index}"), item);
        }
    }

    fn one(&mut self, at: &str, content: &Content) {
        match content {
            Content::Text { text } => {
                self.present(&format!("{at}/text"), text);
                self.length(&format!("{at}/text"), text, What::Text);
            }
            Content::Media(media) => self.media(at, media),
            Content::Location(place) => self.location(at, place),
            Content::Contact(card) => self.present(&format!("{at}/name"), &card.name),
            Content::Reaction { message_id, .. } => {
                self.present(&format!("{at}/message_id"), message_id);
            }
            Content::Buttons(buttons) => self.buttons(at, buttons),
            Content::List(list) => self.list(at, list),
            Content::ProductCard(card) => self.product(at, card),
            Content::ServiceCard(card) => self.service(at, card),
            Content::Template(template) => self.template(at, template),
            Content::Choice(_) | Content::Unsupported { .. } => {
                self.add(at, "inbound_only", "this can come in, but not be sent");
            }
        }
    }

    fn present(&mut self, at: &str, text: &str) {
        if text.trim().is_empty() {
            self.add(at, "text_missing", "write something here");
        }
    }

    fn url(&mut self, at: &str, url: &str) {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let good = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        if !good || url.contains(char::is_whitespace) {
            self.add(at, "url_invalid", "write an http(s) URL without spaces");
        }
    }

    fn length(&mut self, at: &str, text: &str, what: What) {
        let Some(channel) = self.channel else { return };
        match limit(channel, what) {
            Some(row) if !row.holds(&text_for(text, channel)) => {
                let (name, max) = (channel.as_str(), row.max);
                self.add(at, "too_long", format!("{name} shows at most {max} characters here"));
            }
            None if !text.is_empty() => {
                let name = channel.as_str();
                self.add(at, "not_shown", format!("{name} has no place for this"));
            }
            Some(_) | None => {}
        }
    }

    fn count(&mut self, at: &str, count: usize, what: What) {
        let Some(channel) = self.channel else { return };
        let max = limit(channel, what).map_or(0, |row| row.max);
        if count > max {
            let name = channel.as_str();
            self.add(at, "too_many", format!("{name} shows at most {max} of these"));
        }
    }

    fn media(&mut self, at: &str, media: &Media) {
        self.present(&format!("{at}/id_or_url"), &media.id_or_url);
        if media.id_or_url.contains("://") {
            self.url(&format!("{at}/id_or_url"), &media.id_or_url);
        }
        if let Some(caption) = &media.caption {
            self.length(&format!("{at}/caption"), caption, What::Caption);
        }
        let Some(channel) = self.channel else { return };
        let what = What::bytes_of(media.kind);
        let max = limit(channel, what).and_then(|row| u64::try_from(row.max).ok());
        if let (Some(size), Some(max)) = (media.size, max)
            && size > max
        {
            let name = channel.as_str();
            self.add(at, "too_large", format!("{name} takes at most {max} bytes of this"));
        }
    }

    fn location(&mut self, at: &str, place: &Location) {
        let north = (-90.0..=90.0).contains(&place.latitude);
        let east = (-180.0..=180.0).contains(&place.longitude);
        if !north || !east {
            self.add(at, "location_invalid", "degrees are -90 to 90 north and -180 to 180 east");
        }
    }

    fn buttons(&mut self, at: &str, buttons: &Buttons) {
        let Buttons { header, media, body, footer, buttons } = buttons;
        self.present(&format!("{at}/body"), body);
        self.length(&format!("{at}/body"), body, What::ButtonsBody);
        self.line(&format!("{at}/header"), header.as_deref(), What::ButtonsHeader);
        self.line(&format!("{at}/footer"), footer.as_deref(), What::ButtonsFooter);
        if let Some(media) = media {
            self.media(&format!("{at}/media"), media);
            if header.is_some() {
                self.add(at, "two_headers", "give a line or a picture above the buttons, not both");
            }
        }
        if buttons.is_empty() {
            self.add(format!("{at}/buttons"), "buttons_missing", "give at least one button");
        }
        self.answers(&format!("{at}/buttons"), buttons);
    }

    fn line(&mut self, at: &str, text: Option<&str>, what: What) {
        if let Some(text) = text {
            self.present(at, text);
            self.length(at, text, what);
        }
    }

    fn answers(&mut self, at: &str, buttons: &[Button]) {
        self.count(at, buttons.len(), What::Buttons);
        let mut titles = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for (index, button) in buttons.iter().enumerate() {
            let at = format!("{at}/{index}");
            self.present(&format!("{at}/title"), &button.title);
            self.length(&format!("{at}/title"), &button.title, What::ButtonTitle);
            if !titles.insert(button.title.trim()) {
                self.add(format!("{at}/title"), "title_repeated", "give each button its own title");
            }
            if let Some(url) = &button.url {
                self.url(&format!("{at}/url"), url);
                continue;
            }
            self.present(&format!("{at}/id"), &button.id);
            self.length(&format!("{at}/id"), &button.id, What::ButtonId);
            if !ids.insert(button.id.as_str()) {
                self.add(format!("{at}/id"), "id_repeated", "give each button its own id");
            }
        }
    }

    fn list(&mut self, at: &str, list: &List) {
        self.present(&format!("{at}/body"), &list.body);
        self.present(&format!("{at}/button"), &list.button);
        self.length(&format!("{at}/body"), &list.body, What::ListBody);
        self.length(&format!("{at}/button"), &list.button, What::ListButton);
        self.line(&format!("{at}/header"), list.header.as_deref(), What::ListHeader);
        self.line(&format!("{at}/footer"), list.footer.as_deref(), What::ListFooter);
        let at = format!("{at}/sections");
        self.count(&at, list.sections.len(), What::Sections);
        let rows: usize = list.sections.iter().map(|section| section.rows.len()).sum();
        self.count(&at, rows, What::Rows);
        if rows == 0 {
            self.add(at.as_str(), "rows_missing", "give at least one row");
        }
        self.sections(&at, list);
    }

    fn sections(&mut self, at: &str, list: &List) {
        let mut ids = BTreeSet::new();
        for (index, section) in list.sections.iter().enumerate() {
            let at = format!("{at}/{index}");
            if list.sections.len() > 1 {
                self.present(&format!("{at}/title"), &section.title);
            }
            self.length(&format!("{at}/title"), &section.title, What::SectionTitle);
            self.count(&format!("{at}/rows"), section.rows.len(), What::SectionRows);
            for (index, row) in section.rows.iter().enumerate() {
                let at = format!("{at}/rows/{index}");
                self.present(&format!("{at}/title"), &row.title);
                self.present(&format!("{at}/id"), &row.id);
                self.length(&format!("{at}/title"), &row.title, What::RowTitle);
                self.length(&format!("{at}/id"), &row.id, What::RowId);
                self.line(
                    &format!("{at}/description"),
                    row.description.as_deref(),
                    What::RowDescription,
                );
                if !ids.insert(row.id.as_str()) {
                    self.add(format!("{at}/id"), "id_repeated", "give each row its own id");
                }
            }
        }
    }

    fn product(&mut self, at: &str, card: &ProductCard) {
        self.present(&format!("{at}/title"), &card.title);
        self.card(at, card.price.as_ref(), card.image.as_ref(), card.url.as_deref(), &card.buttons);
    }

    fn service(&mut self, at: &str, card: &ServiceCard) {
        self.present(&format!("{at}/title"), &card.title);
        self.card(at, card.price.as_ref(), card.image.as_ref(), card.url.as_deref(), &card.buttons);
    }

    fn card(
        &mut self,
        at: &str,
        price: Option<&Price>,
        image: Option<&Media>,
        url: Option<&str>,
        buttons: &[Button],
    ) {
        if let Some(price) = price {
            let code = price.currency.as_bytes();
            if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
                let at = format!("{at}/price/currency");
                self.add(at, "currency_invalid", "write the three capital letters of ISO 4217");
            }
        }
        if let Some(image) = image {
            self.media(&format!("{at}/image"), image);
        }
        if let Some(url) = url {
            self.url(&format!("{at}/url"), url);
        }
        if !buttons.is_empty() {
            self.answers(&format!("{at}/buttons"), buttons);
        }
    }

    fn template(&mut self, at: &str, template: &Template) {
        self.present(&format!("{at}/name"), &template.name);
        self.present(&format!("{at}/language"), &template.language);
        if self.channel.is_some_and(Channel::has_window) {
            self.length(&format!("{at}/name"), &template.name, What::TemplateName);
        }
        for (index, param) in template.params.iter().enumerate() {
            let at = format!("{at}/params/{index}/value");
            self.present(&at, &param.value);
            if self.channel.is_some_and(Channel::has_window) {
                self.length(&at, &param.value, What::TemplateParam);
            }
        }
    }
}
