//! The schema of the chart's values takes what is right and refuses what is not.

use jsonschema::Validator;
use serde_json::Value;

use super::chart::{merge, yaml};
use super::tests::project;
use super::{CHART, text};
use crate::tidy::File;

fn schema(files: &[File]) -> Validator {
    let schema = text(files, &format!("{CHART}values.schema.json"));
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    jsonschema::draft7::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::draft7::new(&schema).expect("the schema can be used")
}

fn values(files: &[File], over: &str) -> Value {
    let defaults = text(files, &format!("{CHART}values.yaml"));
    let mut values = yaml(defaults).expect("the values are YAML");
    merge(&mut values, yaml(over).expect("the change is YAML"));
    values
}

#[test]
fn the_schema_takes_the_defaults_and_everything_on() {
    let files = project();
    let schema = schema(&files);
    let full = text(&files, &format!("{CHART}ci/full-values.yaml"));
    for over in ["{}", full, "global: {a: b}", "cluster: {replicas: 5}"] {
        let errors: Vec<String> = schema
            .iter_errors(&values(&files, over))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{over}: {errors:#?}");
    }
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let files = project();
    let schema = schema(&files);
    for over in [
        "replicaCount: 0",
        "replicaCount: three",
        "replicas: 3",
        "cluster: {replicas: 2}",
        "cluster: {partitions: 0}",
        "cluster: {partitions: 5000}",
        "cluster: {zone: \"a b\"}",
        "cluster: {founding: {minutes: 0}}",
        "cluster: {founding: {enabled: maybe}}",
        "masterKey: {existingSecret: \"\"}",
        "masterKey: {value: secret}",
        "tls: {existingSecret: \"\"}",
        "tls: {certManager: {enabled: true}}",
        "tls: {certManager: {enabled: true, clusterId: mine}}",
        "settings: {drain: 1}",
        "settings: {\"http.drain_ms\": [1]}",
        "persistence: {size: big}",
        "persistence: {whenDeleted: Keep}",
        "service: {type: Headless}",
        "service: {port: 70000}",
        "topologySpread: {zones: Perhaps}",
        "networkPolicy: {webhookPorts: [0]}",
        "fullnameOverride: Shop",
        "stop: {graceSeconds: 5}",
        "image: {pullPolicy: Sometimes}",
    ] {
        assert!(!schema.is_valid(&values(&files, over)), "{over} is taken");
    }
}
