//! An answer while it is being written: what is sure of it can be said before the rest is there.
//!
//! Only sentences of the first part, and only when the next one has begun: until then a marker may
//! follow. Each has been held against what it cites, as everything is that is said at the end.

use std::collections::BTreeMap;

use tokio::sync::mpsc::Sender;

use super::check::{Source, check_begun};

/// Where sentences go as soon as they are sure. While it is full they wait, and go together.
pub(crate) type Aloud = Sender<String>;

/// What has been said of an answer.
pub(crate) struct Draft {
    sources: Vec<Source>,
    aloud: Aloud,
    said: String,
}

impl Draft {
    pub(super) fn new(sources: Vec<Source>, aloud: Aloud) -> Self {
        Self { sources, aloud, said: String::new() }
    }

    /// Takes all that a model has written so far, and says what is new and sure. A model that begins
    /// anew says nothing before it says more than the one before it, in the same words.
    pub(crate) fn hear(&mut self, written: &str) {
        let Some((text, is_whole)) = first_text(written) else { return };
        let sources: BTreeMap<&str, &Source> =
            self.sources.iter().map(|source| (source.id.as_str(), source)).collect();
        let sure = check_begun(&text, is_whole, &sources).text();
        if let Some(more) = sure.strip_prefix(&self.said)
            && !more.is_empty()
            && self.aloud.try_send(more.to_owned()).is_ok()
        {
            self.said = sure;
        }
    }
}

/// Where a scanner of JSON is: in an object, at a key; or in a list, at a place.
enum Inside {
    Object { key: Option<String> },
    List { place: usize },
}

/// The text of the first part of an answer, as far as it is written, and whether it has ended.
fn first_text(written: &str) -> Option<(String, bool)> {
    let mut rest = &written[written.find('{')?..];
    let mut path: Vec<Inside> = Vec::new();
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '"' => {
                let (text, after) = string(after);
                if is_first_text(&path) {
                    return Some((text, after.is_some()));
                }
                if let Some(Inside::Object { key: key @ None }) = path.last_mut() {
                    *key = Some(text);
                }
                after?
            }
            '{' => {
                path.push(Inside::Object { key: None });
                after
            }
            '[' => {
                path.push(Inside::List { place: 0 });
                after
            }
            '}' | ']' => {
                path.pop();
                if path.is_empty() {
                    return None;
                }
                after
            }
            ',' => {
                match path.last_mut() {
                    Some(Inside::Object { key }) => *key = None,
                    Some(Inside::List { place }) => *place += 1,
                    None => {}
                }
                after
            }
            _ => after,
        };
    }
    None
}

/// Whether this is `parts[0].text`.
fn is_first_text(path: &[Inside]) -> bool {
    matches!(path, [
        Inside::Object { key: Some(parts) },
        Inside::List { place: 0 },
        Inside::Object { key: Some(text) },
    ] if parts == "parts" && text == "text")
}

/// The string after its first quote, as far as it is there, and what follows its last one.
fn string(rest: &str) -> (String, Option<&str>) {
    let mut end = rest.len();
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let after = rest.get(end + 1..).filter(|_| end < rest.len());
    let mut raw = &rest[..end];
    // An escape that is only half there is left for the next time: at most \uD83D\uDE00.
    for _ in 0..12 {
        if let Ok(text) = serde_json::from_str(&format!("\"{raw}\"")) {
            return (text, after);
        }
        let Some(last) = raw.char_indices().next_back() else { break };
        raw = &raw[..last.0];
    }
    (String::new(), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    use impresario_conversation::Citation;
    use tokio::sync::mpsc::channel;

    const WHOLE: &str = r#"```json
{"confidence": 0.9, "memory": {"parts": [{"text": "no"}], "key_facts": ["a \"text\": {"]},
 "parts": [{"citations": ["k1"], "intent": "", "text": "Gladly! Returns are free within 30 days [k1]. They cost 12 dollars. \u00c4h \ud83d\ude00, bye."},
 {"text": "Second."}]}"#;

    fn said(written: &[&str]) -> Vec<String> {
        let source = Source {
            id: "k1".to_owned(),
            title: String::new(),
            text: "Returns are free within 30 days of delivery.".to_owned(),
            citation: Citation::default(),
        };
        let (aloud, mut told) = channel(8);
        let mut draft = Draft::new(vec![source], aloud);
        written.iter().for_each(|text| draft.hear(text));
        drop(draft);
        std::iter::from_fn(|| told.try_recv().ok()).collect()
    }

    #[test]
    fn sentences_are_said_when_they_are_sure_and_what_does_not_hold_never_is() {
        let at = |until: &str| &WHOLE[..WHOLE.find(until).expect("it is there") + until.len()];
        let begun =
            [at("Gladly!"), at("within 30 days"), at("[k1"), at("[k1]."), at("They c"), WHOLE];
        let want = ["Gladly!", " Returns are free within 30 days.", " Äh 😀, bye."];
        assert_eq!(said(&begun), want);
    }

    #[test]
    fn however_it_is_cut_the_same_is_said() {
        let every: Vec<&str> = (0..=WHOLE.len()).filter_map(|end| WHOLE.get(..end)).collect();
        let want = "Gladly! Returns are free within 30 days. Äh 😀, bye.";
        assert_eq!(said(&every).concat(), want);
    }

    #[test]
    fn another_model_goes_on_only_in_the_same_words() {
        let answer = |text: &str| format!(r#"{{"parts": [{{"text": "{text}"}}]}}"#);
        let (first, other, longer) =
            (answer("Yes, gladly."), answer("No."), answer("Yes, gladly. Bye, then!"));
        assert_eq!(said(&[&first, &other, &longer]), ["Yes, gladly.", " Bye, then!"]);
    }

    #[test]
    fn what_is_no_answer_says_nothing() {
        for text in [
            "",
            "Sure!",
            "{",
            "[]",
            r#"{"parts": []}"#,
            r#"{"text": "a b c."}"#,
            r#"{"parts": [{"text": "\"#,
        ] {
            assert!(said(&[text]).is_empty(), "{text}");
        }
    }
}
