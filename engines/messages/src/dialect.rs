//! Markdown, as far as people and models write it in chats, and its dialects.

use crate::Channel;

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inline<'a> {
    /// Letters.
    Plain(&'a str),
    /// One character that was written with a backslash before it.
    Escaped(&'a str),
    /// What is between backticks.
    Code(&'a str),
    /// A label and its URL.
    Link { label: &'a str, url: &'a str },
    /// What is between `**`.
    Strong(&'a str),
    /// What is between `*` or `_`.
    Emphasis(&'a str),
    /// What is between `~~`.
    Strike(&'a str),
}

/// The pieces of a text, each with the byte where it ends.
pub(crate) fn inline(text: &str) -> Vec<(Inline<'_>, usize)> {
    let mut pieces = Vec::new();
    let mut plain_from = 0;
    let mut at = 0;
    while at < text.len() {
        if let Some((piece, length)) = marked(text, at) {
            if plain_from < at {
                pieces.push((Inline::Plain(&text[plain_from..at]), at));
            }
            at += length;
            plain_from = at;
            pieces.push((piece, at));
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    if plain_from < text.len() {
        pieces.push((Inline::Plain(&text[plain_from..]), text.len()));
    }
    pieces
}

/// The piece with markup that begins here, and its length in bytes.
fn marked(text: &str, at: usize) -> Option<(Inline<'_>, usize)> {
    let rest = &text[at..];
    match rest.as_bytes()[0] {
        b'\\' => {
            let next = rest[1..].chars().next().filter(char::is_ascii_punctuation)?;
            Some((Inline::Escaped(&rest[1..=next.len_utf8()]), 2))
        }
        b'`' => {
            let end = rest[1..].find(['`', '\n']).filter(|end| *end > 0)?;
            (rest.as_bytes()[end + 1] == b'`').then(|| (Inline::Code(&rest[1..=end]), end + 2))
        }
        b'[' => link(rest),
        b'<' => {
            let end = rest.find('>')?;
            let url = &rest[1..end];
            let is_url = url.starts_with("https://") || url.starts_with("http://");
            (is_url && !url.contains(char::is_whitespace))
                .then_some((Inline::Link { label: url, url }, end + 1))
        }
        b'*' if rest.starts_with("**") => {
            span(text, at, "**").map(|(inner, length)| (Inline::Strong(inner), length))
        }
        b'_' if rest.starts_with("__") => {
            span(text, at, "__").map(|(inner, length)| (Inline::Strong(inner), length))
        }
        b'*' => span(text, at, "*").map(|(inner, length)| (Inline::Emphasis(inner), length)),
        b'_' => span(text, at, "_").map(|(inner, length)| (Inline::Emphasis(inner), length)),
        b'~' if rest.starts_with("~~") => {
            span(text, at, "~~").map(|(inner, length)| (Inline::Strike(inner), length))
        }
        _ => None,
    }
}

fn link(rest: &str) -> Option<(Inline<'_>, usize)> {
    let label_end = rest.find(['\n', ']']).filter(|end| rest.as_bytes()[*end] == b']')?;
    let label = &rest[1..label_end];
    let target = rest[label_end + 1..].strip_prefix('(')?;
    // One level of brackets, as in links to encyclopaedias.
    let mut depth = 0_u32;
    let end = target.find(|letter: char| {
        match letter {
            '(' => depth += 1,
            ')' if depth == 0 => return true,
            ')' => depth -= 1,
            _ => {}
        }
        letter.is_whitespace()
    })?;
    let url = &target[..end];
    (target.as_bytes()[end] == b')' && !url.is_empty() && !label.is_empty())
        .then(|| (Inline::Link { label, url }, label_end + 2 + end + 1))
}

/// What is between two equal marks on one line, if they can open and close.
fn span<'a>(text: &'a str, at: usize, mark: &str) -> Option<(&'a str, usize)> {
    let before = text[..at].chars().next_back();
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let inside = &text[at + mark.len()..];
    let line = &inside[..inside.find('\n').unwrap_or(inside.len())];
    if line.starts_with(char::is_whitespace) || line.starts_with(mark) {
        return None;
    }
    let mut from = 0;
    while let Some(found) = line[from..].find(mark) {
        let end = from + found;
        let inner = &line[..end];
        let after = line[end + mark.len()..].chars().next();
        let mark_char = mark.chars().next();
        let closes = !inner.is_empty()
            && !inner.ends_with(char::is_whitespace)
            && !inner.ends_with('\\')
            && !after.is_some_and(char::is_alphanumeric)
            && after != mark_char;
        if closes {
            return Some((inner, 2 * mark.len() + end));
        }
        // One further, not over the whole mark: `\***` is an escaped star and then a mark.
        from = end + 1;
    }
    None
}

/// A text with a backslash before everything that could be markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '*' | '_' | '~' | '`' | '[' | ']' | '<' | '#') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// Whether a line begins or ends a block of code.
pub(crate) fn is_fence(line: &str) -> bool {
    line.trim_start().starts_with("```")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Markdown,
    WhatsApp,
    Slack,
    Plain,
}

/// A Markdown text as a channel wants it on the wire.
#[must_use]
pub fn text_for(text: &str, channel: Channel) -> String {
    let dialect = match channel {
        Channel::WhatsApp | Channel::Twilio => Dialect::WhatsApp,
        Channel::Slack => Dialect::Slack,
        Channel::Discord | Channel::Web | Channel::OpenAi | Channel::Api => Dialect::Markdown,
    };
    write_text(text, dialect)
}

/// A Markdown text without its markup: for where none is understood.
#[must_use]
pub fn plain(text: &str) -> String {
    write_text(text, Dialect::Plain)
}

fn write_text(text: &str, dialect: Dialect) -> String {
    if dialect == Dialect::Markdown {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut in_code = false;
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        if is_fence(line) {
            // The language after the marks would be shown as a line of the code.
            in_code = !in_code;
            if dialect != Dialect::Plain {
                out.push_str("```");
                let after = line.trim_start().trim_start_matches('`');
                if !in_code {
                    letters(after, dialect, &mut out);
                }
            }
        } else if in_code {
            letters(line, dialect, &mut out);
        } else {
            write_line(line, dialect, &mut out);
        }
    }
    out
}

fn write_line(line: &str, dialect: Dialect, out: &mut String) {
    let body = line.trim_start();
    let hashes = body.len() - body.trim_start_matches('#').len();
    if (1..=6).contains(&hashes)
        && let Some(title) = body[hashes..].strip_prefix(' ')
    {
        // No heading in these dialects: the line is bold, unless something in it is already.
        let title = title.trim().trim_end_matches('#').trim_end();
        let whole = if title.contains(['*', '_']) || title.is_empty() {
            Inline::Plain(title)
        } else {
            Inline::Strong(title)
        };
        if let Inline::Strong(_) = whole {
            piece(whole, dialect, out);
        } else {
            pieces(title, dialect, out);
        }
        return;
    }
    let indent = &line[..line.len() - body.len()];
    out.push_str(indent);
    let item = ["- ", "* ", "+ "].iter().find_map(|mark| body.strip_prefix(mark));
    match item {
        Some(item) => {
            out.push_str(if dialect == Dialect::Slack { "• " } else { "- " });
            pieces(item, dialect, out);
        }
        None => pieces(body, dialect, out),
    }
}

fn pieces(text: &str, dialect: Dialect, out: &mut String) {
    for (part, _) in inline(text) {
        piece(part, dialect, out);
    }
}

fn piece(part: Inline<'_>, dialect: Dialect, out: &mut String) {
    let around = |mark: &str, inner: &str, out: &mut String| {
        let mark = if dialect == Dialect::Plain { "" } else { mark };
        out.push_str(mark);
        pieces(inner, dialect, out);
        out.push_str(mark);
    };
    match part {
        Inline::Plain(text) | Inline::Escaped(text) => letters(text, dialect, out),
        Inline::Code(code) => {
            let mark = if dialect == Dialect::Plain { "" } else { "`" };
            out.push_str(mark);
            letters(code, dialect, out);
            out.push_str(mark);
        }
        Inline::Strong(inner) => around("*", inner, out),
        Inline::Emphasis(inner) => around("_", inner, out),
        Inline::Strike(inner) => around("~", inner, out),
        Inline::Link { label, url } => write_link(label, url, dialect, out),
    }
}

fn write_link(label: &str, url: &str, dialect: Dialect, out: &mut String) {
    if dialect == Dialect::Slack {
        out.push('<');
        // The bar divides URL and label, so it cannot stand in the URL.
        letters(&url.replace('|', "%7C"), dialect, out);
        if label != url {
            out.push('|');
            letters(&plain(label).replace('|', "/"), dialect, out);
        }
        out.push('>');
    } else if label == url {
        out.push_str(url);
    } else {
        pieces(label, dialect, out);
        out.push_str(" (");
        out.push_str(url);
        out.push(')');
    }
}

fn letters(text: &str, dialect: Dialect, out: &mut String) {
    if dialect != Dialect::Slack {
        out.push_str(text);
        return;
    }
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
}
