//! From the text of a template to its pieces.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Node, Pipe, Term};

/// Text, or what stands between `{{` and `}}`.
enum Item {
    Text(String),
    Action(String),
}

/// The pieces of a template; what it defines is put beside it.
pub(super) fn parse(text: &str, defined: &mut BTreeMap<String, Vec<Node>>) -> Result<Vec<Node>> {
    let mut parser = Parser { items: split(text)?.into_iter(), defined };
    let (body, end) = parser.body()?;
    ensure!(end.is_empty(), "`{end}` stands alone");
    Ok(body)
}

/// Cuts a text at its actions; a dash inside of the braces takes the blanks outside away.
fn split(mut text: &str) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    while let Some((before, rest)) = text.split_once("{{") {
        let is_comment = rest.trim_start_matches('-').trim_start().starts_with("/*");
        let close = if is_comment { rest.find("*/").unwrap_or(0) } else { 0 };
        let end = rest[close..].find("}}").context("`{{` is not closed")? + close;
        let (inner, after) = (&rest[..end], &rest[end + 2..]);
        let (inner, before) =
            inner.strip_prefix('-').map_or((inner, before), |inner| (inner, before.trim_end()));
        let (inner, after) =
            inner.strip_suffix('-').map_or((inner, after), |inner| (inner, after.trim_start()));
        items.push(Item::Text(before.to_owned()));
        if !is_comment {
            items.push(Item::Action(inner.trim().to_owned()));
        }
        text = after;
    }
    items.push(Item::Text(text.to_owned()));
    Ok(items)
}

struct Parser<'a> {
    items: std::vec::IntoIter<Item>,
    defined: &'a mut BTreeMap<String, Vec<Node>>,
}

impl Parser<'_> {
    /// Pieces up to an `end` or `else`, and which it was; empty at the end of the text.
    fn body(&mut self) -> Result<(Vec<Node>, String)> {
        let mut nodes = Vec::new();
        while let Some(item) = self.items.next() {
            let action = match item {
                Item::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Item::Action(action) => action,
            };
            let (word, rest) = action.split_once(' ').unwrap_or((&action, ""));
            match word {
                "end" | "else" => return Ok((nodes, action)),
                "if" => nodes.push(self.branches(rest)?),
                "with" => nodes.push(Node::With(pipe(rest)?, self.block()?)),
                "range" => nodes.push(self.range(rest)?),
                "define" => {
                    let name = rest.trim().trim_matches('"').to_owned();
                    let body = self.block()?;
                    self.defined.insert(name, body);
                }
                _ => nodes.push(statement(&action)?),
            }
        }
        Ok((nodes, String::new()))
    }

    /// Pieces up to an `end`.
    fn block(&mut self) -> Result<Vec<Node>> {
        let (body, end) = self.body()?;
        ensure!(end == "end", "an `end` is missing");
        Ok(body)
    }

    fn branches(&mut self, condition: &str) -> Result<Node> {
        let mut branches = Vec::new();
        let mut condition = Some(pipe(condition)?);
        loop {
            let (body, end) = self.body()?;
            branches.push((condition, body));
            condition = match end.as_str() {
                "end" => return Ok(Node::If(branches)),
                "else" => None,
                other => match other.strip_prefix("else if ") {
                    Some(rest) => Some(pipe(rest)?),
                    None => bail!("an `end` is missing"),
                },
            };
        }
    }

    fn range(&mut self, rest: &str) -> Result<Node> {
        let (names, rest) = match rest.split_once(":=") {
            Some((names, rest)) => (
                names.split(',').map(|name| name.trim().trim_matches('$').to_owned()).collect(),
                rest,
            ),
            None => (Vec::new(), rest),
        };
        Ok(Node::Range { names, pipe: pipe(rest)?, body: self.block()? })
    }
}

/// A value to print, or to keep in a variable.
fn statement(action: &str) -> Result<Node> {
    if let Some(rest) = action.strip_prefix('$')
        && let Some((name, value)) = rest.split_once(" = ").or_else(|| rest.split_once(" := "))
        && name.chars().all(char::is_alphanumeric)
    {
        let is_new = rest[name.len()..].starts_with(" := ");
        return Ok(Node::Set { name: name.to_owned(), is_new, pipe: pipe(value)? });
    }
    Ok(Node::Print(pipe(action)?))
}

fn pipe(text: &str) -> Result<Pipe> {
    let mut words = words(text)?.into_iter().peekable();
    let parsed = calls(&mut words)?;
    ensure!(words.next().is_none(), "`)` stands alone in {text}");
    Ok(parsed)
}

fn calls(words: &mut std::iter::Peekable<std::vec::IntoIter<String>>) -> Result<Pipe> {
    let mut calls = vec![Vec::new()];
    while let Some(word) = words.next_if(|word| word != ")") {
        let term = match word.as_str() {
            "|" => {
                calls.push(Vec::new());
                continue;
            }
            "(" => {
                let inner = self::calls(words)?;
                ensure!(words.next().is_some(), "`(` is not closed");
                Term::Pipe(inner)
            }
            word => term(word)?,
        };
        calls.last_mut().context("a pipeline is empty")?.push(term);
    }
    ensure!(calls.iter().all(|call| !call.is_empty()), "a pipeline is empty");
    Ok(calls)
}

fn term(word: &str) -> Result<Term> {
    let fields =
        |path: &str| path.split('.').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    if let Some(rest) = word.strip_prefix('$') {
        let (name, path) = rest.split_once('.').unwrap_or((rest, ""));
        return Ok(Term::Path { variable: Some(name.to_owned()), fields: fields(path) });
    }
    Ok(match word.chars().next() {
        Some('.') => Term::Path { variable: None, fields: fields(word) },
        Some('"') => Term::Literal(Value::String(serde_json::from_str(word)?)),
        Some(c) if c.is_ascii_digit() => Term::Literal(word.parse::<i64>()?.into()),
        Some(c) if c.is_alphabetic() => Term::Function(word.to_owned()),
        _ => bail!("`{word}` is not known to this check"),
    })
}

/// Words, strings with their quotes, brackets and bars.
fn words(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | '|' => 1,
            '"' => rest[1..].find('"').context("a string is not closed")? + 2,
            _ => rest.find([' ', '(', ')', '|', '\n']).unwrap_or(rest.len()),
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(words)
}
