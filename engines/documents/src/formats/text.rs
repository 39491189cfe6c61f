use crate::text::decode;
use crate::{Hint, Problem, builder::Builder};

/// Paragraphs are parted by empty lines; lines that begin like items are items.
pub(crate) fn read(bytes: &[u8], hint: &Hint<'_>, builder: &mut Builder) -> Result<(), Problem> {
    let (text, replaced) = decode(bytes, hint.mime);
    if replaced {
        builder.warn("characters_replaced", "some bytes are no characters");
    }
    read_str(&text, builder)
}

pub(crate) fn read_str(text: &str, builder: &mut Builder) -> Result<(), Problem> {
    let mut paragraph = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            builder.paragraph(&std::mem::take(&mut paragraph))?;
        } else if let Some(item) = item(trimmed) {
            builder.paragraph(&std::mem::take(&mut paragraph))?;
            builder.list_item(item)?;
        } else {
            paragraph.push_str(trimmed);
            paragraph.push('\n');
        }
    }
    builder.paragraph(&paragraph)
}

fn item(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(['-', '*', '•', '◦', '▪', '·'])?;
    rest.starts_with([' ', '\t']).then(|| rest.trim_start())
}
