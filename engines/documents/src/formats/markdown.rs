use pulldown_cmark::{Event, HeadingLevel, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use super::html;
use crate::text::decode;
use crate::{Hint, Problem, builder::Builder};

pub(crate) fn read(bytes: &[u8], hint: &Hint<'_>, builder: &mut Builder) -> Result<(), Problem> {
    let (text, replaced) = decode(bytes, hint.mime);
    if replaced {
        builder.warn("characters_replaced", "some bytes are no characters");
    }
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader::default();
    for event in Parser::new_ext(&text, options) {
        reader.event(event, builder)?;
    }
    reader.flush(builder)
}

/// Where inline text goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Flow,
    Code,
    Html,
    FrontMatter,
}

#[derive(Default)]
struct Reader {
    inline: String,
    place: Place,
    items: usize,
    header: Vec<String>,
    cells: Vec<String>,
    rows: u32,
}

impl Reader {
    fn event(&mut self, event: Event<'_>, builder: &mut Builder) -> Result<(), Problem> {
        match event {
            Event::Start(tag) => self.start(&tag, builder),
            Event::End(tag) => self.end(tag, builder),
            Event::Text(text) | Event::Code(text) => {
                self.inline.push_str(&text);
                Ok(())
            }
            Event::Html(text) if self.place == Place::Html => {
                self.inline.push_str(&text);
                Ok(())
            }
            Event::SoftBreak | Event::HardBreak => {
                self.inline.push('\n');
                Ok(())
            }
            Event::Rule => self.flush(builder),
            // Inline tags say how, not what.
            _ => Ok(()),
        }
    }

    fn start(&mut self, tag: &Tag<'_>, builder: &mut Builder) -> Result<(), Problem> {
        match tag {
            Tag::Heading { .. } | Tag::Paragraph | Tag::BlockQuote(_) | Tag::List(_) => {
                self.flush(builder)
            }
            Tag::Item => {
                self.flush(builder)?;
                self.items += 1;
                Ok(())
            }
            Tag::CodeBlock(_) => self.enter(Place::Code, builder),
            Tag::HtmlBlock => self.enter(Place::Html, builder),
            Tag::MetadataBlock(MetadataBlockKind::YamlStyle) => {
                self.enter(Place::FrontMatter, builder)
            }
            Tag::Table(_) => {
                self.flush(builder)?;
                self.header.clear();
                self.rows = 0;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, place: Place, builder: &mut Builder) -> Result<(), Problem> {
        self.flush(builder)?;
        self.place = place;
        Ok(())
    }

    fn end(&mut self, tag: TagEnd, builder: &mut Builder) -> Result<(), Problem> {
        match tag {
            TagEnd::Heading(level) => {
                let text = std::mem::take(&mut self.inline);
                if level == HeadingLevel::H1 {
                    builder.title(&text);
                }
                builder.heading(level as u8, &text)
            }
            TagEnd::Item => {
                self.flush(builder)?;
                self.items = self.items.saturating_sub(1);
                Ok(())
            }
            TagEnd::Paragraph | TagEnd::BlockQuote(_) => self.flush(builder),
            TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) => {
                self.flush(builder)?;
                self.place = Place::Flow;
                Ok(())
            }
            TagEnd::TableCell => {
                self.cells.push(std::mem::take(&mut self.inline));
                Ok(())
            }
            TagEnd::TableHead => {
                self.header = std::mem::take(&mut self.cells);
                Ok(())
            }
            TagEnd::TableRow => {
                self.rows += 1;
                let cells = std::mem::take(&mut self.cells);
                builder.cells(&self.header, &cells, Some(self.rows))
            }
            _ => Ok(()),
        }
    }

    fn flush(&mut self, builder: &mut Builder) -> Result<(), Problem> {
        let text = std::mem::take(&mut self.inline);
        match self.place {
            Place::Flow if self.items > 0 => builder.list_item(&text),
            Place::Flow => builder.paragraph(&text),
            Place::Code => builder.code(&text),
            Place::Html => html::fragment(&text, builder),
            Place::FrontMatter => {
                front_matter(&text, builder);
                Ok(())
            }
        }
    }
}

/// The simple lines of a YAML block: `name: value`.
fn front_matter(text: &str, builder: &mut Builder) {
    const LINES_MAX: usize = 50;
    for line in text.lines().take(LINES_MAX) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim().trim_matches(['"', '\'']);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(is_name) {
            continue;
        }
        if name == "title" {
            builder.title(value);
        } else {
            builder.note(name, value);
        }
    }
}
