//! The part of Go's templates that our chart uses, so that the chart is checked where there is no
//! helm. What it does not know is an error, and so is a value that is not there.

mod eval;
mod parse;

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use eval::Scope;

/// A piece of a template.
#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Print(Pipe),
    Set {
        name: String,
        is_new: bool,
        pipe: Pipe,
    },
    /// Branches in order; the one without a condition is the `else`.
    If(Vec<(Option<Pipe>, Vec<Node>)>),
    With(Pipe, Vec<Node>),
    Range {
        names: Vec<String>,
        pipe: Pipe,
        body: Vec<Node>,
    },
}

/// `a | b c`: the value of each goes to the next as its last argument.
type Pipe = Vec<Vec<Term>>;

/// One word of a pipeline.
#[derive(Clone, Debug)]
enum Term {
    /// `.a.b`, `$.a.b` (the name is empty) or `$name.a.b`.
    Path {
        variable: Option<String>,
        fields: Vec<String>,
    },
    Literal(Value),
    Function(String),
    Pipe(Pipe),
}

/// The templates and files of a chart.
#[derive(Debug, Default)]
pub(super) struct Templates {
    defined: BTreeMap<String, Vec<Node>>,
    files: BTreeMap<String, String>,
}

impl Templates {
    /// With these files for `.Files.Get`.
    pub(super) fn new(files: BTreeMap<String, String>) -> Self {
        Self { defined: BTreeMap::new(), files }
    }

    /// Reads a file of templates under its name, and what it defines.
    pub(super) fn add(&mut self, name: &str, text: &str) -> Result<()> {
        let body = parse::parse(text, &mut self.defined)?;
        self.defined.insert(name.to_owned(), body);
        Ok(())
    }

    /// The text of a file of templates with this data.
    pub(super) fn render(&self, name: &str, data: &Value) -> Result<String> {
        let mut out = String::new();
        let body = self.defined.get(name).map_or(&[][..], Vec::as_slice);
        Scope::new(self, data).run(body, &mut out)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let data = serde_json::json!({
            "Values": {"a": "x", "on": true, "off": false, "none": {}, "map": {"k": 1, "l": [true, {"m": "n"}]}, "list": ["p", "q"], "long": 67_108_864},
        });
        let mut templates = Templates::new([("f".to_owned(), "1\n2".to_owned())].into());
        let found = templates
            .add("t", "{{ define \"d\" }}<{{ .a }}>{{ end }}")
            .and_then(|()| templates.add("t", text))
            .and_then(|()| templates.render("t", &data))
            .map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), want, "{text}");
    }

    #[test]
    fn it_says_what_helm_says() {
        check("a {{- .Values.a -}} b", Ok("axb"));
        check("a {{ .Values.a | quote }} b{{/* c */}}", Ok("a \"x\" b"));
        check("{{ if .Values.off }}1{{ else if .Values.on }}2{{ else }}3{{ end }}", Ok("2"));
        check("{{ if or .Values.none (not .Values.on) }}1{{ end }}", Ok(""));
        check("{{ with .Values.map }}{{ .k }}{{ $.Values.a }}{{ end }}", Ok("1x"));
        check("{{ range $k, $v := .Values.map }}{{ $k | upper }} {{ end }}", Ok("K L "));
        check("{{ range .Values.list }}{{ . }},{{ end }}", Ok("p,q,"));
        check("{{ include \"d\" .Values }}", Ok("<x>"));
        check(
            "{{ toYaml .Values.map | nindent 2 }}",
            Ok("\n  k: 1\n  l:\n    - true\n    - m: \"n\""),
        );
        check("{{ $a := \"1\" }}{{ if .Values.on }}{{ $a = \"2\" }}{{ end }}{{ $a }}", Ok("2"));
        check("{{ .Files.Get \"f\" | nindent 1 }}", Ok("\n 1\n 2"));
        check("{{ printf \"%s-%s\" .Values.a \"b\" | trunc 2 | trimSuffix \"-\" }}", Ok("x"));
        check("{{ .Values.long }} {{ add 1 (mul 2 3) }}", Ok("67108864 7"));
    }

    #[test]
    fn what_it_does_not_know_is_an_error() {
        check("{{ .Values.b }}", Err("there is no .Values.b"));
        check("{{ tpl .Values.a . }}", Err("the function `tpl` is not known to this check"));
        check("{{ if .Values.on }}", Err("an `end` is missing"));
        check("{{ end }}", Err("`end` stands alone"));
        check("{{ $x }}", Err("there is no $x"));
        check("{{ include \"e\" . }}", Err("there is no template \"e\""));
        check("{{ .Values.a", Err("`{{` is not closed"));
    }
}
