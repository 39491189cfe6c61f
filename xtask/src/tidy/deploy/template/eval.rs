//! From the pieces of a template to text.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Node, Pipe, Templates, Term};

/// What names mean at a place of a template.
pub(super) struct Scope<'a> {
    templates: &'a Templates,
    root: &'a Value,
    dot: Value,
    variables: Vec<(String, Value)>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(templates: &'a Templates, root: &'a Value) -> Self {
        Self { templates, root, dot: root.clone(), variables: Vec::new() }
    }

    pub(super) fn run(&mut self, body: &[Node], out: &mut String) -> Result<()> {
        let depth = self.variables.len();
        for node in body {
            self.node(node, out)?;
        }
        self.variables.truncate(depth);
        Ok(())
    }

    fn node(&mut self, node: &Node, out: &mut String) -> Result<()> {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Print(pipe) => out.push_str(&plain(&self.pipe(pipe)?)),
            Node::Set { name, is_new, pipe } => {
                let value = self.pipe(pipe)?;
                if *is_new {
                    self.variables.push((name.clone(), value));
                } else {
                    let known = self.variables.iter_mut().rfind(|(known, _)| known == name);
                    known.with_context(|| format!("there is no ${name}"))?.1 = value;
                }
            }
            Node::If(branches) => {
                for (condition, body) in branches {
                    if condition
                        .as_ref()
                        .map_or(Ok(true), |pipe| self.pipe(pipe).map(|v| truth(&v)))?
                    {
                        return self.run(body, out);
                    }
                }
            }
            Node::With(pipe, body) => {
                let value = self.pipe(pipe)?;
                if truth(&value) {
                    self.inside(value, Vec::new(), body, out)?;
                }
            }
            Node::Range { names, pipe, body } => {
                for (key, value) in entries(self.pipe(pipe)?)? {
                    let variables = match names.as_slice() {
                        [] => Vec::new(),
                        [name] => vec![(name.clone(), value.clone())],
                        [first, second, ..] => {
                            vec![(first.clone(), key), (second.clone(), value.clone())]
                        }
                    };
                    self.inside(value, variables, body, out)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a block with another `.` and more variables.
    fn inside(
        &mut self,
        dot: Value,
        variables: Vec<(String, Value)>,
        body: &[Node],
        out: &mut String,
    ) -> Result<()> {
        let depth = self.variables.len();
        self.variables.extend(variables);
        let before = std::mem::replace(&mut self.dot, dot);
        let done = self.run(body, out);
        self.dot = before;
        self.variables.truncate(depth);
        done
    }

    fn pipe(&self, pipe: &Pipe) -> Result<Value> {
        let mut last = None;
        for call in pipe {
            last = Some(self.call(call, last)?);
        }
        last.context("a pipeline is empty")
    }

    fn call(&self, call: &[Term], last: Option<Value>) -> Result<Value> {
        let (head, rest) = call.split_first().context("a pipeline is empty")?;
        let mut arguments = rest.iter().map(|term| self.term(term)).collect::<Result<Vec<_>>>()?;
        arguments.extend(last);
        match head {
            Term::Function(name) => self.function(name, &arguments),
            Term::Path { variable: None, fields } if fields.join(".") == "Files.Get" => {
                let name = arguments.first().and_then(Value::as_str).unwrap_or_default();
                let text = self.templates.files.get(name);
                text.map(|text| text.as_str().into())
                    .with_context(|| format!("there is no file {name} in the chart"))
            }
            Term::Path { .. } | Term::Literal(_) | Term::Pipe(_) => {
                ensure!(arguments.is_empty(), "a value is used like a function");
                self.term(head)
            }
        }
    }

    fn term(&self, term: &Term) -> Result<Value> {
        match term {
            Term::Literal(value) => Ok(value.clone()),
            Term::Pipe(pipe) => self.pipe(pipe),
            Term::Function(name) => self.function(name, &[]),
            Term::Path { variable, fields } => {
                let start = match variable.as_deref() {
                    None => &self.dot,
                    Some("") => self.root,
                    Some(name) => {
                        let known = self.variables.iter().rfind(|(known, _)| known == name);
                        &known.with_context(|| format!("there is no ${name}"))?.1
                    }
                };
                let step = |value: &'_ Value, field: &String| value.get(field).cloned();
                let found =
                    fields.iter().try_fold(start.clone(), |value, field| step(&value, field));
                found.with_context(|| format!("there is no .{}", fields.join(".")))
            }
        }
    }

    fn function(&self, name: &str, arguments: &[Value]) -> Result<Value> {
        let number = |at: usize| arguments.get(at).and_then(Value::as_i64).unwrap_or_default();
        let text = |at: usize| arguments.get(at).map(plain).unwrap_or_default();
        let last = || arguments.last().map(plain).unwrap_or_default();
        let any = |at: usize| arguments.get(at).cloned().unwrap_or_default();
        Ok(match name {
            "include" => {
                let known = self.templates.defined.get(&text(0));
                let body = known.with_context(|| format!("there is no template {:?}", text(0)))?;
                let (dot, mut out) = (any(1), String::new());
                Scope {
                    templates: self.templates,
                    root: &dot,
                    dot: dot.clone(),
                    variables: Vec::new(),
                }
                .run(body, &mut out)?;
                out.into()
            }
            "quote" => Value::String(last()).to_string().into(),
            "toString" => last().into(),
            "upper" => last().to_uppercase().into(),
            "default" => {
                if arguments.last().is_some_and(truth) {
                    any(1)
                } else {
                    any(0)
                }
            }
            "trunc" => last().chars().take(usize::try_from(number(0))?).collect::<String>().into(),
            "trimSuffix" => last().strip_suffix(&text(0)).unwrap_or(&last()).into(),
            "replace" => last().replace(&text(0), &text(1)).into(),
            "contains" => last().contains(&text(0)).into(),
            "printf" => printf(&text(0), arguments.get(1..).unwrap_or_default()).into(),
            "nindent" => format!("\n{}", indent(&last(), usize::try_from(number(0))?)).into(),
            "toYaml" => to_yaml(&any(0)).trim_end().into(),
            "and" => choose(arguments, |value| !truth(value)),
            "or" => choose(arguments, truth),
            "not" => (!truth(&any(0))).into(),
            "add" => arguments.iter().filter_map(Value::as_i64).sum::<i64>().into(),
            "mul" => arguments.iter().filter_map(Value::as_i64).product::<i64>().into(),
            "int64" => last().parse::<i64>().context("int64 of something else")?.into(),
            // Numbers of YAML are floats for helm.
            "kindIs" => (text(0) == "float64" && any(1).is_number()).into(),
            // As at an installation into an empty place, at a fixed time.
            "lookup" => Value::Object(serde_json::Map::new()),
            "now" => 1_700_000_000_i64.into(),
            "unixEpoch" => last().into(),
            _ => bail!("the function `{name}` is not known to this check"),
        })
    }
}

/// The first value that is meant, or the last.
fn choose(values: &[Value], is_meant: impl Fn(&Value) -> bool) -> Value {
    values.iter().find(|value| is_meant(value)).or(values.last()).cloned().unwrap_or_default()
}

fn printf(format: &str, arguments: &[Value]) -> String {
    let mut pieces = format.split("%s");
    let first = pieces.next().unwrap_or_default().to_owned();
    let values = arguments.iter().map(plain).chain(std::iter::repeat(String::new()));
    pieces.zip(values).fold(first, |text, (piece, value)| text + &value + piece)
}

fn indent(text: &str, by: usize) -> String {
    let line = |line: &str| format!("{}{line}", " ".repeat(by));
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn entries(value: Value) -> Result<Vec<(Value, Value)>> {
    Ok(match value {
        Value::Object(map) => map.into_iter().map(|(key, value)| (key.into(), value)).collect(),
        Value::Array(items) => {
            items.into_iter().enumerate().map(|(at, value)| (at.into(), value)).collect()
        }
        _ => bail!("`range` over something else than a list or a map"),
    })
}

/// A value as YAML, with scalars as in JSON.
fn to_yaml(value: &Value) -> String {
    let nested = |value: &Value| match value {
        Value::Object(map) if !map.is_empty() => true,
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, value)| {
                let key = if key.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c)) {
                    key.clone()
                } else {
                    Value::from(key.as_str()).to_string()
                };
                if nested(value) {
                    format!("{key}:\n{}\n", indent(to_yaml(value).trim_end(), 2))
                } else {
                    format!("{key}: {value}\n")
                }
            })
            .collect(),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| format!("- {}\n", indent(to_yaml(item).trim_end(), 2).trim_start()))
            .collect(),
        other => format!("{other}\n"),
    }
}
