//! Canonical JSON: fixed order of keys, no spaces. Tracker ids are hashes of it, so it is a stored
//! format.

/// Writes one JSON object.
#[derive(Debug)]
pub(crate) struct ObjectWriter<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> ObjectWriter<'o> {
    pub(crate) fn new(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    /// Writes the key and hands out the place for its value.
    pub(crate) fn key(&mut self, key: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        text(key, self.out);
        self.out.push(':');
        self.out
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        text(value, self.key(key));
    }

    pub(crate) fn number(&mut self, key: &str, value: u32) {
        let value = value.to_string();
        self.key(key).push_str(&value);
    }

    pub(crate) fn flag(&mut self, key: &str) {
        self.key(key).push_str("true");
    }

    pub(crate) fn finish(self) {
        self.out.push('}');
    }
}

/// Writes a JSON list.
pub(crate) fn list<T>(items: &[T], out: &mut String, mut item: impl FnMut(&T, &mut String)) {
    out.push('[');
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        item(value, out);
    }
    out.push(']');
}

/// Writes a JSON string.
pub(crate) fn text(value: &str, out: &mut String) {
    // The quoting of serde_json: only `"`, `\` and control characters are escaped.
    out.push_str(&serde_json::Value::from(value).to_string());
}
