use crate::cards::wording;
use crate::dialect::escape;
use crate::question::{MENU, Question};
use crate::split::split;
use crate::{
    Button, Buttons, Channel, Choice, ContactCard, Content, List, Location, Media, ProductCard,
    Row, Section, Template, What, limit, text_for,
};

/// What stands for a body that a platform demands and nobody wrote.
const NO_BODY: &str = "…";

/// One message as its channel can show it, within its limits. Texts are still Markdown; the bridge
/// writes them with [`crate::text_for`].
#[derive(Clone, PartialEq)]
pub enum Rendered {
    /// Words.
    Text {
        /// The Markdown.
        text: String,
    },
    /// Media; the caption is Markdown.
    Media(Media),
    /// A place.
    Location(Location),
    /// A business card.
    Contact(ContactCard),
    /// An emoji on a message.
    Reaction {
        /// The platform's id of the message.
        message_id: String,
        /// The emoji; none to take it away.
        emoji: Option<String>,
    },
    /// Native buttons.
    Buttons(Buttons),
    /// A native list.
    List(List),
    /// A product of the platform's catalogue.
    Product(ProductCard),
    /// An approved template.
    Template(Template),
}

impl Rendered {
    /// A stable word for the kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Media(_) => "media",
            Self::Location(_) => "location",
            Self::Contact(_) => "contact",
            Self::Reaction { .. } => "reaction",
            Self::Buttons(_) => "buttons",
            Self::List(_) => "list",
            Self::Product(_) => "product",
            Self::Template(_) => "template",
        }
    }
}

impl From<Rendered> for Content {
    fn from(rendered: Rendered) -> Self {
        match rendered {
            Rendered::Text { text } => Self::Text { text },
            Rendered::Media(media) => Self::Media(media),
            Rendered::Location(place) => Self::Location(place),
            Rendered::Contact(card) => Self::Contact(card),
            Rendered::Reaction { message_id, emoji } => Self::Reaction { message_id, emoji },
            Rendered::Buttons(buttons) => Self::Buttons(buttons),
            Rendered::List(list) => Self::List(list),
            Rendered::Product(card) => Self::ProductCard(card),
            Rendered::Template(template) => Self::Template(template),
        }
    }
}

/// What can be chosen in a message, in the order in which degraded buttons and rows are numbered:
/// over all of its parts, beginning with one.
#[must_use]
pub fn offered(content: &[Content]) -> Vec<Choice> {
    content
        .iter()
        .filter_map(Question::of)
        .flat_map(|question| question.rows().cloned().collect::<Vec<_>>())
        .map(|row| Choice { id: row.id, title: row.title })
        .collect()
}

/// The messages that `content` becomes on a channel: as it was meant where the channel can, else
/// buttons as a list, a list as numbered text, media as a link, long text as several messages.
#[must_use]
pub fn plan(content: &[Content], channel: Channel) -> Vec<Rendered> {
    let mut planner = Planner { channel, out: Vec::new(), numbered: 0 };
    for item in content {
        planner.add(item);
    }
    planner.out
}

struct Planner {
    channel: Channel,
    out: Vec<Rendered>,
    numbered: usize,
}

impl Planner {
    fn add(&mut self, content: &Content) {
        match content {
            Content::Text { text } => self.text(text),
            Content::Media(media) => self.media(media),
            Content::Location(place) => self.location(place),
            Content::Choice(choice) => self.text(&escape(&choice.title)),
            Content::Contact(card) => self.contact(card),
            Content::Reaction { message_id, emoji } => {
                let (message_id, emoji) = (message_id.clone(), emoji.clone());
                if self.can(What::Reaction, 1) {
                    self.out.push(Rendered::Reaction { message_id, emoji });
                } else if let Some(emoji) = emoji {
                    self.text(&emoji);
                }
            }
            Content::ProductCard(card) if self.is_native(card) => {
                self.out.push(Rendered::Product(card.clone()));
            }
            Content::Buttons(_)
            | Content::List(_)
            | Content::ProductCard(_)
            | Content::ServiceCard(_) => {
                if let Some(question) = Question::of(content) {
                    self.question(question);
                }
            }
            Content::Template(template) => self.template(template),
            // It was never more than the note that something came in.
            Content::Unsupported { .. } => {}
        }
    }

    fn can(&self, what: What, count: usize) -> bool {
        count == 0 || limit(self.channel, what).is_some_and(|row| count <= row.max)
    }

    /// Whether a text without markup keeps to a limit. Platforms that write entities count these.
    fn holds(&self, what: What, text: &str) -> bool {
        limit(self.channel, what).is_some_and(|row| row.holds(text))
    }

    fn text(&mut self, text: &str) {
        let pieces = split(text, self.channel, What::Text);
        self.out.extend(pieces.into_iter().map(|text| Rendered::Text { text }));
    }

    fn media(&mut self, media: &Media) {
        let mut media = media.clone();
        let caption = media.caption.take().map(|text| text.trim().to_owned());
        let caption = caption.filter(|text| !text.is_empty());
        if !self.shows(&media) {
            self.text(caption.as_deref().unwrap_or_default());
            let name = media.name.as_deref().unwrap_or(media.kind.as_str());
            match media.url() {
                Some(url) => self.text(&format!("[{}]({url})", escape(name))),
                None => self.text(&escape(name)),
            }
            return;
        }
        let row = limit(self.channel, What::Caption);
        let below = caption.as_deref().is_some_and(|text| {
            takes_caption(media.kind)
                && row.is_some_and(|row| row.holds(&text_for(text, self.channel)))
        });
        if below {
            media.caption = caption;
            self.out.push(Rendered::Media(media));
        } else {
            self.out.push(Rendered::Media(media));
            self.text(caption.as_deref().unwrap_or_default());
        }
    }

    fn shows(&self, media: &Media) -> bool {
        let row = limit(self.channel, What::bytes_of(media.kind));
        // Only WhatsApp (and a program) knows media by an id that was given for it.
        let known = matches!(self.channel, Channel::WhatsApp | Channel::Api);
        let small = |max: usize| {
            media.size.is_none_or(|size| usize::try_from(size).is_ok_and(|s| s <= max))
        };
        row.is_some_and(|row| small(row.max)) && (known || media.url().is_some())
    }

    fn location(&mut self, place: &Location) {
        if self.can(What::Location, 1) {
            self.out.push(Rendered::Location(place.clone()));
            return;
        }
        let (north, east) = (place.latitude, place.longitude);
        let link = format!("https://www.openstreetmap.org/?mlat={north}&mlon={east}");
        let mut lines: Vec<String> =
            [&place.name, &place.address].into_iter().flatten().map(|text| escape(text)).collect();
        lines.push(link);
        self.text(&lines.join("\n"));
    }

    fn contact(&mut self, card: &ContactCard) {
        if self.can(What::Contact, 1) {
            self.out.push(Rendered::Contact(card.clone()));
            return;
        }
        let mut lines = vec![escape(&card.name)];
        lines.extend(card.organization.iter().map(|text| escape(text)));
        lines.extend(card.phones.iter().chain(&card.emails).map(|text| escape(text)));
        self.text(&lines.join("\n"));
    }

    fn template(&mut self, template: &Template) {
        let values_fit =
            template.params.iter().all(|param| self.holds(What::TemplateParam, &param.value));
        if values_fit && self.holds(What::TemplateName, &template.name) {
            self.out.push(Rendered::Template(template.clone()));
            return;
        }
        self.text(&wording(template));
    }

    fn is_native(&self, card: &ProductCard) -> bool {
        // Meta shows its own picture, name and price; what it would not show must not be there.
        self.can(What::Product, 1)
            && !card.id.is_empty()
            && card.buttons.is_empty()
            && (card.catalog_id.is_some() || self.channel != Channel::WhatsApp)
            && self.holds(What::ButtonsBody, &text_for(&card.description, self.channel))
    }

    fn question(&mut self, mut question: Question) {
        let first_number = self.numbered + 1;
        let rows = question.rows().count();
        self.numbered += rows;
        self.place_links(&mut question);
        self.place_title(&mut question);
        if rows + question.links.len() == 0 {
            self.told(&question);
        } else if question.opener.is_none() && self.fits_buttons(&question) {
            self.native_buttons(question);
        } else if question.links.is_empty() && self.fits_list(&question) {
            self.native_list(question);
        } else {
            question.body = [question.body.clone(), link_lines(&question.links)].join("\n\n");
            question.links.clear();
            self.numbers(&question, first_number);
        }
    }

    /// Links that cannot be buttons are lines of the body.
    fn place_links(&self, question: &mut Question) {
        let replies = question.rows().count();
        let fit = self.can(What::LinkButtons, question.links.len())
            && (replies == 0 || self.can(What::MixedButtons, replies + question.links.len()))
            && question
                .links
                .iter()
                .all(|link| !link.title.is_empty() && self.holds(What::ButtonTitle, &link.title));
        if !fit {
            let lines = link_lines(&question.links);
            question.body = [question.body.as_str(), &lines].join("\n\n").trim().to_owned();
            question.links.clear();
        }
    }

    /// The title of the only section stands above the list where the channel has none in it.
    fn place_title(&self, question: &mut Question) {
        let [section] = question.sections.as_mut_slice() else { return };
        if !section.title.is_empty() && !self.holds(What::SectionTitle, &section.title) {
            let title = format!("**{}**", escape(&section.title));
            section.title.clear();
            question.body = [question.body.as_str(), &title].join("\n\n").trim().to_owned();
        }
    }

    /// Nothing to choose is left.
    fn told(&mut self, question: &Question) {
        let text = whole_body(question);
        match &question.media {
            Some(media) => {
                let caption = [media.caption.as_deref().unwrap_or_default(), &text].join("\n\n");
                let caption = Some(caption.trim().to_owned()).filter(|text| !text.is_empty());
                self.media(&Media { caption, ..media.clone() });
            }
            None => self.text(&text),
        }
    }

    fn fits_buttons(&self, question: &Question) -> bool {
        let rows: Vec<&Row> = question.rows().collect();
        self.can(What::Buttons, rows.len() + question.links.len())
            && self.answers(&rows, What::ButtonTitle, What::ButtonId)
    }

    fn fits_list(&self, question: &Question) -> bool {
        let rows: Vec<&Row> = question.rows().collect();
        let sections: Vec<&Section> =
            question.sections.iter().filter(|section| !section.rows.is_empty()).collect();
        let titled = sections.len() > 1;
        !rows.is_empty()
            && self.can(What::Rows, rows.len())
            && self.can(What::Sections, sections.len())
            && sections.iter().all(|section| {
                self.can(What::SectionRows, section.rows.len())
                    && (!titled || !section.title.is_empty())
                    && (section.title.is_empty() || self.holds(What::SectionTitle, &section.title))
            })
            && self.answers(&rows, What::RowTitle, What::RowId)
            && rows.iter().all(|row| {
                row.description.as_deref().is_none_or(|text| self.holds(What::RowDescription, text))
            })
    }

    /// Whether every title and id is there, short enough, and there once.
    fn answers(&self, rows: &[&Row], title: What, id: What) -> bool {
        rows.iter().enumerate().all(|(index, row)| {
            !row.title.is_empty()
                && !row.id.is_empty()
                && self.holds(title, &row.title)
                && self.holds(id, &row.id)
                && !rows[..index].iter().any(|other| other.title == row.title || other.id == row.id)
        })
    }

    fn native_buttons(&mut self, mut question: Question) {
        let whats = [What::ButtonsHeader, What::ButtonsBody, What::ButtonsFooter];
        self.frame(&mut question, whats);
        let replies = question.rows().map(|row| Button::reply(&row.id, &row.title));
        let buttons = replies.chain(question.links.iter().cloned()).collect();
        self.out.push(Rendered::Buttons(Buttons {
            header: question.header,
            media: question.media,
            body: question.body,
            footer: question.footer,
            buttons,
        }));
    }

    fn native_list(&mut self, mut question: Question) {
        self.frame(&mut question, [What::ListHeader, What::ListBody, What::ListFooter]);
        let button = question
            .opener
            .take()
            .filter(|text| self.holds(What::ListButton, text))
            .unwrap_or_else(|| MENU.to_owned());
        question.sections.retain(|section| !section.rows.is_empty());
        if let Some(media) = question.media.take() {
            self.media(&media);
            // The list comes after the picture that belongs to it.
        }
        self.out.push(Rendered::List(List {
            header: question.header,
            body: question.body,
            footer: question.footer,
            button,
            sections: question.sections,
        }));
    }

    /// Moves into the body what does not fit around it, and sends ahead what the body cannot hold.
    fn frame(&mut self, question: &mut Question, [header, body, footer]: [What; 3]) {
        let is_list = header == What::ListHeader;
        let native_media = question.media.as_ref().is_some_and(|media| {
            !is_list
                && self.can(What::ButtonsMedia, 1)
                && self.shows(media)
                && media.caption.is_none()
                && takes_caption(media.kind)
        });
        if !native_media && let Some(media) = question.media.take() {
            self.media(&media);
        }
        let kept =
            question.header.take_if(|text| question.media.is_none() && self.holds(header, text));
        let small = question.footer.take_if(|text| self.holds(footer, text));
        let text = whole_body(question);
        (question.header, question.footer) = (kept, small);
        question.body = text;
        if question.body.is_empty() {
            let spare = question.header.take().or_else(|| question.footer.take());
            question.body = spare.map_or_else(|| NO_BODY.to_owned(), |text| escape(&text));
        }
        let mut pieces = split(&question.body, self.channel, body);
        let last = pieces.pop().unwrap_or_default();
        match question.body.strip_suffix(&last) {
            // What goes ahead may be longer than a body: fewer messages.
            Some(ahead) => self.text(ahead),
            None => pieces.iter().for_each(|piece| self.text(piece)),
        }
        question.body = last;
    }

    fn numbers(&mut self, question: &Question, first: usize) {
        if let Some(media) = &question.media {
            self.media(media);
        }
        let mut lines = Vec::new();
        let mut number = first;
        for section in &question.sections {
            if !section.title.is_empty() {
                lines.push(format!("**{}**", escape(&section.title)));
            }
            for row in &section.rows {
                let title = if row.title.is_empty() { &row.id } else { &row.title };
                let more = row.description.as_ref().map(|text| format!(" – {}", escape(text)));
                lines.push(format!("{number}. {}{}", escape(title), more.unwrap_or_default()));
                number += 1;
            }
        }
        let top = Question { footer: None, ..top_of(question) };
        let footer = question.footer.as_deref().map(escape).unwrap_or_default();
        let text = [whole_body(&top), lines.join("\n"), footer];
        let text: Vec<String> = text.into_iter().filter(|part| !part.is_empty()).collect();
        self.text(&text.join("\n\n"));
    }
}

fn top_of(question: &Question) -> Question {
    Question {
        header: question.header.clone(),
        media: None,
        body: question.body.clone(),
        footer: question.footer.clone(),
        links: Vec::new(),
        sections: Vec::new(),
        opener: None,
    }
}

/// Header, body and footer as one text.
fn whole_body(question: &Question) -> String {
    let header = question.header.as_deref().map(|text| format!("**{}**", escape(text)));
    let footer = question.footer.as_deref().map(escape);
    let parts = [header.unwrap_or_default(), question.body.clone(), footer.unwrap_or_default()];
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|p| !p.is_empty()).collect();
    parts.join("\n\n")
}

fn link_lines(links: &[Button]) -> String {
    let line = |link: &Button| {
        let url = link.url.as_deref().unwrap_or_default();
        if link.title.is_empty() {
            url.to_owned()
        } else {
            format!("[{}]({url})", escape(&link.title))
        }
    };
    links.iter().map(line).collect::<Vec<_>>().join("\n")
}

const fn takes_caption(kind: crate::MediaKind) -> bool {
    match kind {
        crate::MediaKind::Image | crate::MediaKind::Video | crate::MediaKind::Document => true,
        crate::MediaKind::Audio | crate::MediaKind::Sticker => false,
    }
}
