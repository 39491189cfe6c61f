//! Just enough of Rust's lexical grammar to look at code without being fooled by comments and
//! strings.

/// A function with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The line of the `fn` keyword, from 1.
    pub(crate) line: usize,
    /// From the line of `fn` to that of the closing brace, both counted.
    pub(crate) lines: usize,
    /// The body, as a range of bytes with its braces.
    pub(crate) body: std::ops::Range<usize>,
}

/// The same text with each character of comments, strings and character literals replaced by
/// spaces, byte for byte; line ends stay.
pub(crate) fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !is_word(bytes, at.wrapping_sub(1)) || is_literal_prefix(bytes, at) => {
                raw_string_end(bytes, at).unwrap_or(at)
            }
            b'\'' => char_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    // Only whole characters or ASCII bytes were replaced, so this loses nothing.
    String::from_utf8_lossy(&out).into_owned()
}

/// All functions with a body in a masked text, in order.
pub(crate) fn functions(masked: &str) -> Vec<Function> {
    let bytes = masked.as_bytes();
    let mut found = Vec::new();
    for (at, _) in masked.match_indices("fn ") {
        if is_word(bytes, at.wrapping_sub(1)) {
            continue;
        }
        let name: String = masked[at + 3..]
            .trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if name.is_empty() {
            continue;
        }
        if let Some(body) = body_of(bytes, at) {
            let line = line_of(masked, at);
            let lines = masked[at..body.end].matches('\n').count() + 1;
            found.push(Function { name, line, lines, body });
        }
    }
    found
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The contents of the plain string literals in a range of the unmasked text.
pub(crate) fn strings(text: &str, range: std::ops::Range<usize>) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        if bytes[at..].starts_with(b"//") {
            at = line_end(bytes, at);
        } else if bytes[at] == b'"' {
            let end = string_end(bytes, at);
            found.push(&text[at + 1..end.saturating_sub(1).max(at + 1)]);
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

fn is_word(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// `br"` and `cr"`: the prefix is a word character, but not the end of a name.
fn is_literal_prefix(bytes: &[u8], at: usize) -> bool {
    at >= 1 && matches!(bytes[at - 1], b'b' | b'c') && !is_word(bytes, at.wrapping_sub(2))
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let hashes = bytes[start + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = start + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let length = bytes[open + 1..].windows(close.len()).position(|window| window == close)?;
    Some(open + 1 + length + close.len())
}

/// The end of a character literal; `None` for a lifetime.
fn char_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start + 1) == Some(&b'\\') {
        let length = bytes[start + 3..].iter().position(|byte| *byte == b'\'')?;
        return Some(start + 3 + length + 1);
    }
    let next = &bytes[start + 1..bytes.len().min(start + 5)];
    let width = (1..=next.len()).find(|width| std::str::from_utf8(&next[..*width]).is_ok())?;
    (bytes.get(start + 1 + width) == Some(&b'\'')).then_some(start + 2 + width)
}

/// The body of the function whose `fn` is at `at`; `None` if it is only declared.
fn body_of(bytes: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let mut round: usize = 0;
    let mut open = at;
    loop {
        match bytes.get(open)? {
            b'(' | b'[' => round += 1,
            b')' | b']' => round = round.saturating_sub(1),
            b';' if round == 0 => return None,
            b'{' if round == 0 => break,
            _ => {}
        }
        open += 1;
    }
    let mut depth = 0;
    for (offset, byte) in bytes[open..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(open..open + offset + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(mask(text), want);
    }

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check(r#"x("y\"z", 'q', '\'', 'a)"#, "x(      ,    ,     , 'a)");
        check(r###"r#"fn "x"# y"###, "           y");
        check("br\"x\" y", "b     y");
        check("'é' y", "     y");
        check("for<'a> 'b: loop", "for<'a> 'b: loop");
    }

    #[test]
    fn functions_are_measured_from_fn_to_the_closing_brace() {
        let text = "trait T { fn a(&self); }\nfn b<'a>(x: fn(u8)) -> [u8; 2]\nwhere\n{\n  {}\n}\n";
        let found = functions(&mask(text));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].line, found[0].lines), ("b", 2, 5));
    }

    #[test]
    fn strings_of_a_range_are_found_without_those_in_comments() {
        let text = "{ // \"no\"\n\"one\" => \"two\" }";
        assert_eq!(strings(text, 0..text.len()), ["one", "two"]);
    }
}
