//! HTML by its tokens: no tree, so nothing is deep, and every page costs what it is long.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

mod reader;

use reader::Reader;

use crate::text::decode;
use crate::{Hint, Limits, Problem, builder::Builder};

/// Elements whose text is no text of the page, or is about moving on it.
const SKIPPED: [&str; 11] = [
    "style", "script", "noscript", "template", "svg", "iframe", "object", "select", "button",
    "math", "nav",
];

pub(crate) fn read(
    bytes: &[u8],
    hint: &Hint<'_>,
    limits: &Limits,
    builder: &mut Builder,
) -> Result<(), Problem> {
    let charset = if hint.mime.is_some_and(|mime| mime.contains("charset")) {
        None
    } else {
        declared_charset(bytes)
    };
    let (text, replaced) = decode(bytes, charset.as_deref().or(hint.mime));
    if replaced {
        builder.warn("characters_replaced", "some bytes are no characters");
    }
    let mut trial = Builder::new(limits);
    run(&text, &SKIPPED, &mut trial)?;
    if trial.bytes() > 0 {
        *builder = trial;
        return Ok(());
    }
    // All of it is in a menu, or one was never closed.
    run(&text, &SKIPPED[..SKIPPED.len() - 1], builder)
}

/// HTML in something else.
pub(crate) fn fragment(text: &str, builder: &mut Builder) -> Result<(), Problem> {
    run(text, &SKIPPED, builder)
}

/// `<meta charset="…">` in the first kilobyte, as a type with a parameter.
fn declared_charset(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1_024)]).to_ascii_lowercase();
    let (_, rest) = head.split_once("charset=")?;
    let is_label = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let label: String = rest.trim_start_matches(['"', '\'']).chars().take_while(is_label).collect();
    Some(format!("text/html; charset={label}"))
}

fn run(text: &str, skipped: &[&str], builder: &mut Builder) -> Result<(), Problem> {
    let sink = Sink { reader: RefCell::new(Reader::new(skipped, builder)) };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(text));
    // The sink never asks for a script to be run, so one call reads it all.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.reader.into_inner().finish()
}

struct Sink<'a> {
    reader: RefCell<Reader<'a>>,
}

impl TokenSink for Sink<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut reader = self.reader.borrow_mut();
        match token {
            Token::CharacterTokens(text) => reader.text(&text),
            Token::TagToken(tag) => {
                let raw = raw_kind(&tag);
                match tag.kind {
                    TagKind::StartTag => reader.start(&tag),
                    TagKind::EndTag => reader.end(&tag.name),
                }
                if let Some(raw) = raw {
                    return TokenSinkResult::RawData(raw);
                }
            }
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

/// Elements in which tags are text.
fn raw_kind(tag: &Tag) -> Option<RawKind> {
    if tag.kind == TagKind::EndTag {
        return None;
    }
    match &*tag.name {
        "title" | "textarea" => Some(RawKind::Rcdata),
        "style" | "iframe" | "noembed" | "noframes" | "xmp" => Some(RawKind::Rawtext),
        "script" => Some(RawKind::ScriptData),
        _ => None,
    }
}
