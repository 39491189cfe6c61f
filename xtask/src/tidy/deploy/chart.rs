//! The Helm chart renders, and what it renders fits together.

mod fit;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::template::Templates;
use super::{CHART, names, text};
use crate::tidy::{File, Finding};

/// The longest name that all kinds of objects may have.
const NAME_MAX: usize = 63;

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = documents(files);
    findings.extend(unused(files));
    let full = format!("{CHART}ci/full-values.yaml");
    for more in ["", &full] {
        match rendered(files, more) {
            Ok(objects) => findings.extend(objects_fit(files, more, &objects)),
            Err(finding) => findings.push(finding),
        }
    }
    findings
}

/// One object of Kubernetes, and the template that it comes from.
pub(super) struct Object {
    path: String,
    value: Value,
}

impl Object {
    fn at(&self, pointer: &str) -> &Value {
        self.value.pointer(pointer).unwrap_or(&Value::Null)
    }

    fn kind(&self) -> &str {
        self.at("/kind").as_str().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.at("/metadata/name").as_str().unwrap_or_default()
    }
}

/// Files that are read as they are.
fn documents(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("deploy/")) {
        if file.path.ends_with(".json") {
            if let Err(error) = serde_json::from_str::<Value>(&file.text) {
                findings.push(Finding::new(&file.path, error.line(), format!("not JSON: {error}")));
            }
        } else if file.path.ends_with(".yaml")
            && !file.path.contains("/templates/")
            && let Err(error) = yaml(&file.text)
        {
            findings.push(Finding::new(&file.path, 1, format!("not YAML: {error}")));
        }
    }
    findings
}

/// Values that no template uses.
fn unused(files: &[File]) -> Vec<Finding> {
    let path = format!("{CHART}values.yaml");
    let Ok(Value::Object(values)) = yaml(text(files, &path)) else { return Vec::new() };
    let templates: String = templates(files).map(|file| file.text.as_str()).collect();
    let mut findings = Vec::new();
    let mut look = |name: &str| {
        let used = templates.match_indices(&format!(".Values.{name}")).any(|(at, mark)| {
            let next = templates[at + mark.len()..].chars().next();
            !next.is_some_and(|c| c.is_alphanumeric())
        });
        if !used {
            findings.push(Finding::new(&path, 1, format!("no template uses `{name}`")));
        }
    };
    for (name, value) in &values {
        look(name);
        // A map that goes into a template as a whole is the user's own below.
        if !templates.contains(&format!("toYaml .Values.{name} ")) {
            let inner = value.as_object().into_iter().flat_map(|map| map.keys());
            inner.for_each(|inner| look(&format!("{name}.{inner}")));
        }
    }
    findings
}

fn templates(files: &[File]) -> impl Iterator<Item = &File> {
    let place = format!("{CHART}templates/");
    files.iter().filter(move |file| file.path.starts_with(&place))
}

/// All objects of the chart with its values, and more from a file.
fn rendered(files: &[File], more: &str) -> Result<Vec<Object>, Finding> {
    let wrong = |path: &str, why: String| Finding::new(path, 1, why);
    let path = format!("{CHART}values.yaml");
    let mut values =
        yaml(text(files, &path)).map_err(|error| wrong(&path, format!("not YAML: {error}")))?;
    let added = if more.is_empty() { "{}" } else { text(files, more) };
    merge(&mut values, yaml(added).map_err(|error| wrong(more, format!("not YAML: {error}")))?);
    let data = json!({
        "Values": values,
        "Chart": {"Name": "impresario", "Version": "0.1.0", "AppVersion": "0.1.0"},
        "Release": {"Name": "crm", "Namespace": "shop", "Service": "Helm", "IsInstall": true},
    });
    let inside: BTreeMap<String, String> = files
        .iter()
        .filter_map(|file| Some((file.path.strip_prefix(CHART)?.to_owned(), file.text.clone())))
        .collect();
    let mut all = Templates::new(inside);
    for file in templates(files) {
        all.add(&file.path, &file.text).map_err(|error| wrong(&file.path, error.to_string()))?;
    }
    let mut objects = Vec::new();
    for file in templates(files).filter(|file| !file.path.ends_with(".tpl")) {
        let text =
            all.render(&file.path, &data).map_err(|error| wrong(&file.path, error.to_string()))?;
        if !file.path.ends_with(".yaml") {
            continue;
        }
        for part in text.split("\n---\n") {
            let value = yaml(part)
                .map_err(|error| wrong(&file.path, format!("renders no YAML: {error}")))?;
            if !value.is_null() {
                objects.push(Object { path: file.path.clone(), value });
            }
        }
    }
    Ok(objects)
}

fn objects_fit(files: &[File], more: &str, objects: &[Object]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for object in objects {
        let has = |pointer: &str| object.at(pointer).is_string();
        if !(has("/apiVersion") && has("/kind") && has("/metadata/name")) {
            findings.push(Finding::new(
                &object.path,
                1,
                "an object without apiVersion, kind or name",
            ));
        }
        if object.name().len() > NAME_MAX {
            findings.push(Finding::new(&object.path, 1, "a name is longer than 63 characters"));
        }
        for (key, value) in object.at("/metadata/labels").as_object().into_iter().flatten() {
            if !value.is_string() {
                findings.push(Finding::new(&object.path, 1, format!("the label {key} is no text")));
            }
        }
    }
    findings.extend(fit::check(files, objects));
    findings.extend(settings(files, more, objects));
    findings
}

/// The variables that were put together from values name options.
fn settings(files: &[File], more: &str, objects: &[Object]) -> Vec<Finding> {
    let known = names::known_options(files);
    let variables =
        objects.iter().filter(|object| object.kind() == "StatefulSet").flat_map(|set| {
            set.at("/spec/template/spec/containers/0/env").as_array().into_iter().flatten()
        });
    let options = variables.filter_map(|variable| {
        let name = variable.get("name")?.as_str()?.strip_prefix("IMPRESARIO__")?;
        Some(name.to_lowercase().replace("__", "."))
    });
    let path = if more.is_empty() { format!("{CHART}values.yaml") } else { more.to_owned() };
    options
        .filter(|option| !known.contains(option))
        .map(|option| Finding::new(&path, 1, format!("there is no option `{option}`")))
        .collect()
}

/// A document of YAML.
pub(super) fn yaml(text: &str) -> Result<Value, String> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Value::Null);
    }
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// Puts one tree of values over another, as helm does.
pub(super) fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}
