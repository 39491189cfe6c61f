//! Who founds a cluster, as `deploy/docker/impresario-start` decides it: with another program in
//! the place of the node, which says what it was started with.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const FAR: &str = "99999999999";

/// A folder with a program called `impresario` that prints its arguments.
fn stage() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("impresario");
    fs::write(&program, "#!/bin/sh\necho \"$@\"\n").expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be run");
    folder
}

#[expect(clippy::disallowed_methods, reason = "the script needs the tools of the machine")]
fn start(folder: &Path, permit: &str, variables: &[(&str, &str)]) -> String {
    let file = folder.join("permit");
    if !permit.is_empty() {
        fs::write(&file, format!("{permit}\n")).expect("a permit");
    }
    let tools = std::env::var("PATH").unwrap_or_default();
    let script = crate::workspace::root().join("deploy/docker/impresario-start");
    let output = Command::new("bash")
        .arg(script)
        .arg("--ready-line")
        .env_clear()
        .env("PATH", format!("{}:{tools}", folder.display()))
        .env("IMPRESARIO__NODE__DATA", folder)
        .env("START_FOUNDER", "crm-0")
        .env("START_PERMIT", file)
        .env("START_SEEDS", "crm-0.peers:7400 crm-1.peers:7400")
        .envs(variables.iter().copied())
        .output()
        .expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[track_caller]
fn check(permit: &str, variables: &[(&str, &str)], want: &str) {
    let folder = stage();
    assert_eq!(start(folder.path(), permit, variables), format!("serve {want}"));
}

#[test]
fn only_the_first_pod_with_a_permit_and_no_neighbour_founds() {
    let first = ("START_NODE", "crm-0");
    check(FAR, &[first], "--ready-line");
    check("0", &[first], "--join crm-1.peers:7400 --ready-line");
    check("", &[first], "--join crm-1.peers:7400 --ready-line");
    check("soon", &[first], "--join crm-1.peers:7400 --ready-line");
    check(FAR, &[("START_NODE", "crm-1")], "--join crm-0.peers:7400 --ready-line");
    let both = "--join crm-0.peers:7400 --join crm-1.peers:7400 --ready-line";
    check(FAR, &[("START_NODE", "crm-10")], both);
    check(FAR, &[], both);
}

#[test]
fn a_neighbour_that_answers_is_a_cluster() {
    let neighbour = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = neighbour.local_addr().expect("an address").to_string();
    let node = ("START_NODE", "crm-0");
    check(FAR, &[node, ("START_PEERS", &at)], "--join crm-1.peers:7400 --ready-line");
    drop(neighbour);
    check(FAR, &[node, ("START_PEERS", &at)], "--ready-line");
}

#[test]
fn a_node_without_seeds_is_alone_and_has_its_zone() {
    check("", &[("START_SEEDS", ""), ("START_ZONE", "eu-1")], "--zone eu-1 --ready-line");
}

#[test]
fn the_shared_root_token_is_its_owners_alone() {
    let folder = stage();
    let shared = folder.path().join("shared");
    fs::write(&shared, "imp_root_shared").expect("a token");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o444)).expect("it is set");
    start(folder.path(), "", &[("START_TOKEN_FILE", &shared.to_string_lossy())]);
    let own = folder.path().join("root-token");
    assert_eq!(fs::read_to_string(&own).expect("a token"), "imp_root_shared");
    let mode = fs::metadata(&own).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
