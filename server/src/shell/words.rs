/// Splits a line into words; quotes keep blanks, a backslash keeps the next character.
pub(crate) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None | Some('"')) => {
                let next = characters.next().ok_or("a backslash stands at the end")?;
                word.get_or_insert_default().push(next);
            }
            (end, Some(open)) if end == open => quote = None,
            (character, Some(_)) => word.get_or_insert_default().push(character),
            (open @ ('"' | '\''), None) => {
                quote = Some(open);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            (character, None) => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

/// How far two words are from each other: characters to add, take away or change.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = line + 1;
        for (column, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[column + 1];
            row[column + 1] = changed.min(corner + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, words: &[&str]) {
        assert_eq!(split(line), Ok(words.iter().map(|word| (*word).to_owned()).collect()));
    }

    #[test]
    fn words_are_split_at_blanks() {
        check("  tenants   list ", &["tenants", "list"]);
        check(
            "tenants create \"Shop Ltd\" shop.example",
            &["tenants", "create", "Shop Ltd", "shop.example"],
        );
        check(r#"a 'b "c"' d\ e "f\"g" '' "#, &["a", "b \"c\"", "d e", "f\"g", ""]);
        check("nodes # how is it?", &["nodes"]);
        check("a#b", &["a#b"]);
        check("", &[]);
        assert!(split("a 'b").is_err());
        assert!(split("a\\").is_err());
    }

    #[test]
    fn distances() {
        assert_eq!(distance("tenants", "tenants"), 0);
        assert_eq!(distance("tenant", "tenants"), 1);
        assert_eq!(distance("tneants", "tenants"), 2);
        assert_eq!(distance("", "top"), 3);
    }
}
