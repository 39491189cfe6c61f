//! The objects of the chart name each other, and pages, ports and scripts, by names that exist.

use serde_json::Value;

use super::Object;
use crate::tidy::deploy::{find, text};
use crate::tidy::{File, Finding};

/// What open requests, effects under way and the last checkpoint may take, in seconds.
const CLOSING_S: u64 = 30;
const POD: &str = "/spec/template/spec";
const CONTAINER: &str = "/spec/template/spec/containers/0";

pub(super) fn check(files: &[File], objects: &[Object]) -> Vec<Finding> {
    let Some(set) = objects.iter().find(|object| object.kind() == "StatefulSet") else {
        return vec![Finding::new(super::CHART, 1, "the chart has no StatefulSet")];
    };
    let mut wrong = ports(files, set);
    wrong.extend(probes(files, set));
    wrong.extend(volumes(set, objects));
    wrong.extend(safety(set));
    wrong.extend(founding(set));
    wrong.extend(stop(files, set));
    let mut findings: Vec<Finding> =
        wrong.into_iter().map(|message| Finding::new(&set.path, 1, message)).collect();
    findings.extend(services(set, objects));
    findings.extend(budget(set, objects));
    findings
}

fn list<'a>(object: &'a Object, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.at(pointer).as_array().into_iter().flatten()
}

fn string<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn variable<'a>(set: &'a Object, name: &str) -> &'a str {
    let all = list(set, &format!("{CONTAINER}/env"));
    all.into_iter().find(|one| string(one, "/name") == name).map_or("", |one| string(one, "/value"))
}

fn has_port(set: &Object, name: &str) -> bool {
    list(set, &format!("{CONTAINER}/ports")).any(|port| string(port, "/name") == name)
}

/// Whether a selector finds the pods.
fn selects(selector: &Value, set: &Object) -> bool {
    let labels = set.at("/spec/template/metadata/labels");
    let wanted = selector.as_object();
    wanted.is_some_and(|wanted| {
        !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    })
}

/// Ports are those that the node listens on.
fn ports(files: &[File], set: &Object) -> Vec<String> {
    let mut wrong = Vec::new();
    let listens =
        [("http", "IMPRESARIO__HTTP__LISTEN"), ("cluster", "IMPRESARIO__CLUSTER__LISTEN")];
    for (name, option) in listens {
        let address = variable(set, option);
        let port =
            list(set, &format!("{CONTAINER}/ports")).find(|port| string(port, "/name") == name);
        let number = port.and_then(|port| port.get("containerPort")).and_then(Value::as_u64);
        let number = number.unwrap_or_default().to_string();
        if address.rsplit(':').next() != Some(number.as_str()) {
            wrong.push(format!("the port {name} is {number}, and the node listens on {address}"));
        }
        let exposed =
            text(files, "deploy/Dockerfile").lines().find(|line| line.starts_with("EXPOSE"));
        if !exposed.unwrap_or_default().split(' ').any(|port| port == number) {
            wrong.push(format!("deploy/Dockerfile does not expose the port {number}"));
        }
    }
    wrong
}

/// Probes ask for pages that exist, at ports that exist.
fn probes(files: &[File], set: &Object) -> Vec<String> {
    let routes = text(files, "gateway/http/src/routes/ops.rs");
    let mut wrong = Vec::new();
    for (probe, page) in
        [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
    {
        let get = set.at(&format!("{CONTAINER}/{probe}/httpGet"));
        let path = string(get, "/path");
        if path != page || !routes.contains(&format!("\"{path}\"")) {
            wrong.push(format!(
                "the {probe} asks for `{path}`: it should be {page}, which must exist"
            ));
        }
        if !has_port(set, string(get, "/port")) {
            wrong
                .push(format!("there is no port named `{}` for the {probe}", string(get, "/port")));
        }
    }
    wrong
}

/// Each mount has its volume, each volume its object, as far as the chart makes it.
fn volumes(set: &Object, objects: &[Object]) -> Vec<String> {
    let mut wrong = Vec::new();
    let claims =
        list(set, "/spec/volumeClaimTemplates").map(|claim| string(claim, "/metadata/name"));
    let volumes = list(set, &format!("{POD}/volumes"));
    let names: Vec<&str> = volumes.map(|volume| string(volume, "/name")).chain(claims).collect();
    let mounts: Vec<&str> = list(set, &format!("{CONTAINER}/volumeMounts"))
        .map(|mount| string(mount, "/name"))
        .collect();
    let unknown = mounts.iter().filter(|name| !names.contains(name));
    wrong.extend(unknown.map(|name| format!("there is no volume `{name}` to mount")));
    let idle = names.iter().filter(|name| !mounts.contains(name));
    wrong.extend(idle.map(|name| format!("the volume `{name}` is not mounted")));
    for volume in list(set, &format!("{POD}/volumes")) {
        let map = string(volume, "/configMap/name");
        let made = objects.iter().any(|one| one.kind() == "ConfigMap" && one.name() == map);
        if !map.is_empty() && !made {
            wrong.push(format!("the chart makes no ConfigMap `{map}`"));
        }
    }
    wrong
}

fn safety(set: &Object) -> Vec<String> {
    let rules = [
        (format!("{POD}/securityContext/runAsNonRoot"), Value::Bool(true), "runs as root"),
        (
            format!("{CONTAINER}/securityContext/readOnlyRootFilesystem"),
            Value::Bool(true),
            "its root file system is not read-only",
        ),
        (
            format!("{CONTAINER}/securityContext/allowPrivilegeEscalation"),
            Value::Bool(false),
            "may gain privileges",
        ),
        (format!("{POD}/automountServiceAccountToken"), Value::Bool(false), "gets a token"),
        (format!("{POD}/enableServiceLinks"), Value::Bool(false), "gets variables of services"),
        (
            "/spec/podManagementPolicy".to_owned(),
            "Parallel".into(),
            "waits for ever after all were stopped: podManagementPolicy must be Parallel",
        ),
    ];
    let broken = rules.iter().filter(|(pointer, want, _)| set.at(pointer) != want);
    broken.map(|(_, _, why)| format!("the pod {why}")).collect()
}

/// The one pod that may found a cluster is the first, and it has a permit that can run out.
fn founding(set: &Object) -> Vec<String> {
    let mut wrong = Vec::new();
    if variable(set, "START_FOUNDER") != format!("{}-0", set.name()) {
        wrong.push("START_FOUNDER is not the first pod".to_owned());
    }
    let permit = variable(set, "START_PERMIT");
    let mounts = list(set, &format!("{CONTAINER}/volumeMounts"));
    let place = mounts.into_iter().find(|mount| string(mount, "/name") == "founding");
    let place = place.map_or("", |mount| string(mount, "/mountPath"));
    if permit != format!("{place}/found-until") {
        wrong.push(format!("START_PERMIT is {permit}, and the permit is in {place}"));
    }
    let own = format!("$(POD_NAME).{}.", string(&set.value, "/spec/serviceName"));
    if !variable(set, "IMPRESARIO__CLUSTER__ADVERTISE").starts_with(&own) {
        wrong.push(format!("IMPRESARIO__CLUSTER__ADVERTISE does not begin with {own}"));
    }
    for seed in variable(set, "START_SEEDS").split(' ') {
        if !seed.contains(&format!(".{}.", string(&set.value, "/spec/serviceName"))) {
            wrong.push(format!("the seed {seed} is not behind the headless service"));
        }
    }
    wrong
}

/// The stop has the time that its parts may take.
fn stop(files: &[File], set: &Object) -> Vec<String> {
    let mut wrong = Vec::new();
    let hook = set.at(&format!("{CONTAINER}/lifecycle/preStop/exec/command"));
    let script = string(hook, "/0");
    if script != "sleep" && find(files, &format!("deploy/docker/{script}")).is_none() {
        wrong.push(format!("there is no script `{script}` in deploy/docker"));
    }
    let grace =
        set.at(&format!("{POD}/terminationGracePeriodSeconds")).as_u64().unwrap_or_default();
    let wait = string(hook, "/1").parse::<u64>().unwrap_or(u64::MAX);
    let handover = variable(set, "IMPRESARIO__CLUSTER__HANDOVER_MS").parse::<u64>();
    let before = wait.saturating_add(handover.unwrap_or(u64::MAX) / 1_000);
    if grace < before.saturating_add(CLOSING_S) {
        wrong.push(format!(
            "of {grace} s until the kill {before} may pass before the node closes: too few are left"
        ));
    }
    wrong
}

fn services(set: &Object, objects: &[Object]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let all = || objects.iter().filter(|object| object.kind() == "Service");
    for service in all() {
        let mut say = |message: String| findings.push(Finding::new(&service.path, 1, message));
        if !selects(service.at("/spec/selector"), set) {
            say(format!("the service {} finds no pod", service.name()));
        }
        for port in list(service, "/spec/ports") {
            let target = string(port, "/targetPort");
            if !has_port(set, target) {
                say(format!("there is no port named `{target}` for {}", service.name()));
            }
        }
    }
    let wanted = string(&set.value, "/spec/serviceName");
    let governs = |service: &&Object| {
        service.name() == wanted
            && service.at("/spec/clusterIP") == "None"
            && service.at("/spec/publishNotReadyAddresses") == true
    };
    if all().find(governs).is_none() {
        let message =
            format!("{wanted} is not a headless service that names pods before they are ready");
        findings.push(Finding::new(&set.path, 1, message));
    }
    findings
}

fn budget(set: &Object, objects: &[Object]) -> Vec<Finding> {
    let Some(budget) = objects.iter().find(|object| object.kind() == "PodDisruptionBudget") else {
        return vec![Finding::new(&set.path, 1, "the chart has no PodDisruptionBudget")];
    };
    let mut findings = Vec::new();
    if budget.at("/spec/maxUnavailable") != 1 {
        findings.push(Finding::new(&budget.path, 1, "maxUnavailable is not 1"));
    }
    if !selects(budget.at("/spec/selector/matchLabels"), set) {
        findings.push(Finding::new(&budget.path, 1, "the PodDisruptionBudget finds no pod"));
    }
    findings
}
