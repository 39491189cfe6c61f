use serde_json::{Map, Value};

/// How deep schemas and values are followed.
const DEPTH_MAX: usize = 32;

/// A place where a value does not keep to its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the value (RFC 6901).
    pub pointer: String,
    /// What is wrong, in words for a model or a person. Names what the schema wants, never what the
    /// value is.
    pub message: String,
}

/// Checks a value against the part of JSON Schema that providers offer for structured output: types,
/// `enum`, `const`, properties, `required`, `additionalProperties`, items, lengths, bounds, `anyOf`,
/// `oneOf`, `allOf`, and `$ref` into `$defs`. Other keywords are not looked at; patterns least of
/// all, because a tenant's pattern could take for ever.
#[must_use]
pub fn check(schema: &Value, value: &Value) -> Vec<Mismatch> {
    let mut checker = Checker { root: schema, mismatches: Vec::new() };
    checker.check(schema, value, "", 0);
    checker.mismatches
}

struct Checker<'a> {
    root: &'a Value,
    mismatches: Vec<Mismatch>,
}

impl<'a> Checker<'a> {
    fn check(&mut self, schema: &'a Value, value: &Value, at: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return self.report(at, "is nested too deep".to_owned());
        }
        let Some(keywords) = schema.as_object() else {
            if schema == &Value::Bool(false) {
                self.report(at, "must not be there".to_owned());
            }
            return;
        };
        if let Some(target) = keywords.get("$ref").and_then(Value::as_str) {
            match target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) {
                Some(target) => self.check(target, value, at, depth + 1),
                None => self.report(at, "has a schema that cannot be found".to_owned()),
            }
        }
        if let Some(kinds) = keywords.get("type")
            && !is_of(kinds, value)
        {
            return self.report(at, format!("must be of type {kinds}"));
        }
        if let Some(allowed) = keywords.get("enum").and_then(Value::as_array)
            && !allowed.iter().any(|one| same(one, value))
        {
            self.report(at, format!("must be one of {}", Value::Array(allowed.clone())));
        }
        if let Some(wanted) = keywords.get("const")
            && !same(wanted, value)
        {
            self.report(at, format!("must be {wanted}"));
        }
        self.combine(keywords, value, at, depth);
        match value {
            Value::Object(fields) => self.check_object(keywords, fields, at, depth),
            Value::Array(items) => self.check_array(keywords, items, at, depth),
            Value::String(text) => {
                let length = text.chars().count() as u64;
                self.check_count(keywords, length, ["minLength", "maxLength"], "characters", at);
            }
            Value::Number(_) => self.check_number(keywords, value, at),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn combine(&mut self, keywords: &'a Map<String, Value>, value: &Value, at: &str, depth: usize) {
        if let Some(all) = keywords.get("allOf").and_then(Value::as_array) {
            all.iter().for_each(|schema| self.check(schema, value, at, depth + 1));
        }
        for (keyword, most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
            let Some(options) = keywords.get(keyword).and_then(Value::as_array) else { continue };
            let fitting = options.iter().filter(|schema| {
                let mut inner = Checker { root: self.root, mismatches: Vec::new() };
                inner.check(schema, value, at, depth + 1);
                inner.mismatches.is_empty()
            });
            if !(1..=most).contains(&fitting.count()) {
                self.report(at, format!("must fit {} of the options", exactly(most)));
            }
        }
    }

    fn check_object(
        &mut self,
        keywords: &'a Map<String, Value>,
        fields: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) {
        let required = keywords.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.report(at, format!("must have the property \"{name}\""));
            }
        }
        let properties = keywords.get("properties").and_then(Value::as_object);
        for (name, field) in fields {
            let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let own = properties.and_then(|properties| properties.get(name));
            match (own, keywords.get("additionalProperties")) {
                (Some(schema), _) | (None, Some(schema)) => {
                    self.check(schema, field, &place, depth + 1);
                }
                (None, None) => {}
            }
        }
    }

    fn check_array(
        &mut self,
        keywords: &'a Map<String, Value>,
        items: &[Value],
        at: &str,
        depth: usize,
    ) {
        self.check_count(keywords, items.len() as u64, ["minItems", "maxItems"], "items", at);
        if let Some(schema) = keywords.get("items") {
            for (place, item) in items.iter().enumerate() {
                self.check(schema, item, &format!("{at}/{place}"), depth + 1);
            }
        }
    }

    fn check_count(
        &mut self,
        keywords: &Map<String, Value>,
        count: u64,
        [least, most]: [&str; 2],
        what: &str,
        at: &str,
    ) {
        let bound = |name: &str| keywords.get(name).and_then(Value::as_u64);
        if let Some(least) = bound(least).filter(|least| count < *least) {
            self.report(at, format!("must have at least {least} {what}"));
        }
        if let Some(most) = bound(most).filter(|most| count > *most) {
            self.report(at, format!("must have at most {most} {what}"));
        }
    }

    fn check_number(&mut self, keywords: &Map<String, Value>, value: &Value, at: &str) {
        let Some(number) = value.as_f64() else { return };
        type Keeps = fn(f64, f64) -> bool;
        let bounds: [(&str, &str, Keeps); 4] = [
            ("minimum", "at least", |number, bound| number >= bound),
            ("maximum", "at most", |number, bound| number <= bound),
            ("exclusiveMinimum", "above", |number, bound| number > bound),
            ("exclusiveMaximum", "below", |number, bound| number < bound),
        ];
        for (keyword, words, keeps) in bounds {
            let bound = keywords.get(keyword).and_then(Value::as_f64);
            if let Some(bound) = bound.filter(|bound| !keeps(number, *bound)) {
                self.report(at, format!("must be {words} {bound}"));
            }
        }
    }

    fn report(&mut self, at: &str, message: String) {
        self.mismatches.push(Mismatch { pointer: at.to_owned(), message });
    }
}

const fn exactly(most: usize) -> &'static str {
    if most == 1 { "exactly one" } else { "at least one" }
}

fn is_of(kinds: &Value, value: &Value) -> bool {
    match kinds {
        Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
        Value::String(kind) => match kind.as_str() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "number" => value.is_number(),
            // 1.0 is an integer to JSON Schema.
            "integer" => {
                value.is_i64()
                    || value.is_u64()
                    || value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            _ => false,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

/// Equality in the sense of JSON Schema, where 1 is 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}
