use std::collections::BTreeSet;

use super::*;

const ANNOTATED: &str = include_str!("../impresario.toml");

#[track_caller]
fn check_refused(overrides: &[&str], want: &str) {
    let sources = Sources {
        overrides: overrides.iter().map(|text| (*text).to_owned()).collect(),
        ..Sources::default()
    };
    let error = load(&sources).expect_err("it is refused").to_string();
    assert!(error.contains(want), "{error}");
}

#[test]
fn the_annotated_file_names_every_key_with_its_default() {
    let parsed: Config = toml::from_str(ANNOTATED).expect("the annotated file parses");
    assert_eq!(parsed, Config::default());
    let keys = |value: &toml::Table| {
        let mut keys = BTreeSet::new();
        for (section, values) in value {
            let values = values.as_table().expect("the top level has only sections");
            keys.extend(values.keys().map(|key| format!("{section}.{key}")));
        }
        keys
    };
    let mut of_code =
        keys(&toml::Table::try_from(Config::default()).expect("the defaults serialise"));
    of_code.remove("http.tls");
    let of_file = keys(&toml::from_str(ANNOTATED).expect("the annotated file parses"));
    assert_eq!(of_file, of_code);
}

#[test]
fn later_sources_win() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("impresario.toml");
    std::fs::write(&file, "[http]\nlisten = \"127.0.0.1:1\"\ndrain_ms = 5\n").expect("a file");
    let sources = Sources {
        file: Some(file),
        overrides: vec!["http.listen=127.0.0.1:2".to_owned(), "node.partitions=4".to_owned()],
        ..Sources::default()
    };
    let config = load(&sources).expect("it loads");
    assert_eq!(config.http.listen.port(), 2);
    assert_eq!(config.http.drain_ms, 5);
    assert_eq!(config.node.partitions, 4);
}

#[test]
fn unknown_keys_wrong_types_and_absurd_values_are_refused_by_name() {
    check_refused(&["http.lisen=127.0.0.1:1"], "lisen");
    check_refused(&["node.partitions=many"], "partitions");
    check_refused(&["node.partitions=0"], "node.partitions");
    check_refused(&["host.seen_days=0"], "host.seen_days");
    check_refused(&["nonsense"], "key=value");
    check_refused(&["cluster.replicas=2"], "cluster.replicas");
    check_refused(&["cluster.join=127.0.0.1:7400"], "cluster.listen");
    check_refused(&["cluster.listen=here"], "cluster.listen");
    check_refused(&["cluster.listen=0.0.0.0:7400"], "loopback");
}

#[test]
fn a_node_with_a_port_for_others_speaks_to_them() {
    let of = |overrides: &[&str]| {
        let overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
        let config = load(&Sources { overrides, ..Sources::default() }).expect("it loads");
        (config.cluster.wire().expect("it is fine"), config.cluster.seeds())
    };
    assert_eq!(of(&[]), (None, Vec::new()));
    let (wire, seeds) = of(&["cluster.listen=127.0.0.1:7401", "cluster.join=a:1, b:2"]);
    assert!(wire.expect("it is open").plain);
    assert_eq!(seeds, ["a:1", "b:2"]);
    let (wire, _) = of(&["cluster.listen=0.0.0.0:7401", "cluster.tls.authority=ca.pem"]);
    let wire = wire.expect("it is open");
    assert_eq!((wire.plain, wire.tls.expect("TLS").authority), (false, "ca.pem".into()));
}
