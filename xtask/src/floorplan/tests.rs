use std::path::PathBuf;

use super::*;

fn plan() -> Plan {
    load(&workspace::root()).expect("the plan can be read")
}

#[track_caller]
fn check_house(name: &str, manifest: &str, want: &[&str]) {
    let house = tempfile::tempdir().expect("a folder");
    let members = ["impresario-host", "impresario-profile", "impresario-tenant"];
    let list = members.map(|member| format!("{member:?}")).join(", ");
    write(
        house.path().join("Cargo.toml"),
        &format!("[workspace]\nresolver = \"3\"\nmembers = [{list}]\n"),
    );
    for member in members {
        let extra = if member == name { manifest } else { "" };
        let text = format!(
            "[package]\nname = \"{member}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n{extra}"
        );
        write(house.path().join(member).join("Cargo.toml"), &text);
        write(house.path().join(member).join("src/lib.rs"), "");
    }
    let graph = graph(&workspace::metadata(house.path()).expect("cargo reads the house"));
    let problems: Vec<String> = check(&plan(), &graph)
        .into_iter()
        .filter(|problem| !problem.starts_with("the room "))
        .collect();
    assert_eq!(problems, want);
}

fn write(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("a file");
}

#[test]
fn the_house_follows_its_plan() {
    run(&workspace::root(), false).expect("`cargo xtask floorplan` says what is wrong");
}

#[test]
fn a_forbidden_import_fails() {
    check_house("impresario-profile", "", &[]);
    check_house(
        "impresario-profile",
        "[dependencies]\nimpresario-host = { path = \"../impresario-host\" }\n",
        &["profile may not import host"],
    );
    check_house(
        "impresario-profile",
        "[dependencies]\nimpresario-tenant = { path = \"../impresario-tenant\" }\n",
        &["profile may not import tenant"],
    );
    check_house(
        "impresario-profile",
        "[dev-dependencies]\nimpresario-host = { path = \"../impresario-host\" }\n",
        &["the tests of profile may not import host"],
    );
}

#[test]
fn a_forbidden_outside_name_fails() {
    check_house(
        "impresario-profile",
        "[dependencies]\ntokio = \"1\"\n",
        &[
            "profile may not import the outside crate tokio",
            "profile may not name tokio: only redb, backup, host, wire, consensus, steward, router, webhooks, llm, discord, farm, outbox, answers, views, \
             http, server, chaos-tests may, \
             because whoever only decides has nothing to wait for",
        ],
    );
    check_house(
        "impresario-host",
        "[dependencies]\nredb = \"4\"\n",
        &[
            "host may not name redb: only redb may, because the journal is a port; one crate knows the store behind it",
        ],
    );
}

#[test]
fn a_crate_without_a_room_fails() {
    let mut graph = Graph::new();
    graph.insert("attic".to_owned(), Imports::default());
    let problems = check(&plan(), &graph);
    assert!(problems.contains(
        &"attic has no room: add it to xtask/floorplan.toml (and write an ADR)".to_owned()
    ));
}
