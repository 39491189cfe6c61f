//! What stands in `deploy/` fits to the rest: the options, metrics, pages and scripts it names
//! exist, the versions are ours, the chart renders, and its parts fit together.

mod chart;
mod names;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod start;
mod template;

use super::{File, Finding};

const CHART: &str = "deploy/helm/impresario/";

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = names::check(files);
    findings.extend(chart::check(files));
    findings
}

fn find<'a>(files: &'a [File], path: &str) -> Option<&'a File> {
    files.iter().find(|file| file.path == path)
}

/// The text of a file, or nothing.
fn text<'a>(files: &'a [File], path: &str) -> &'a str {
    find(files, path).map_or("", |file| &file.text)
}

/// The longest piece from `at` on that is made of such characters.
fn word(text: &str, at: usize, is_part: impl Fn(char) -> bool) -> &str {
    let rest = &text[at..];
    &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The files of the project.
    pub(super) fn project() -> Vec<File> {
        crate::tidy::read(&crate::workspace::root()).expect("the workspace can be read")
    }

    /// What is found when a text of one file is replaced.
    #[track_caller]
    fn finds(files: &[File], path: &str, from: &str, to: &str, want: &str) {
        let mut files = files.to_vec();
        let file = files.iter_mut().find(|file| file.path == path).expect(path);
        assert!(file.text.contains(from), "{path} has no {from:?}");
        file.text = file.text.replace(from, to);
        let lines: Vec<String> = check(&files).iter().map(ToString::to_string).collect();
        assert!(lines.iter().any(|line| line.contains(want)), "{to:?} gives {lines:#?}");
    }

    #[test]
    fn a_chart_that_does_not_fit_is_found() {
        let files = project();
        let set = "deploy/helm/impresario/templates/statefulset.yaml";
        let check = |from, to, want| finds(&files, set, from, to, want);
        check("path: /readyz", "path: /ready", "`/ready`");
        check("containerPort: 8080", "containerPort: 8081", "8081");
        check("port: http\n", "port: web\n", "no port named `web`");
        check("command: [sleep,", "command: [impresario-dry,", "`impresario-dry`");
        check("name: {{ $name }}-founding", "name: {{ $name }}-found", "-found`");
        check("- name: tmp\n              m", "- name: temp\n              m", "`temp`");
        check("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "read-only");
        check("ManagementPolicy: Parallel", "ManagementPolicy: OrderedReady", "Parallel");
        check("{{ $name }}-0\n", "{{ $name }}-1\n", "START_FOUNDER");
        check(".Values.persistence.size", ".Values.persistence.bytes", ".Values.persistence.bytes");
        let services = "deploy/helm/impresario/templates/services.yaml";
        let check = |from, to, want| finds(&files, services, from, to, want);
        check("clusterIP: None", "clusterIP: \"\"", "headless");
        check("publishNotReadyAddresses: true", "publishNotReadyAddresses: false", "headless");
        check("targetPort: cluster", "targetPort: clusters", "`clusters`");
        let budget = "deploy/helm/impresario/templates/poddisruptionbudget.yaml";
        finds(&files, budget, "maxUnavailable: 1", "maxUnavailable: 2", "maxUnavailable");
        finds(&files, budget, "{{- end }}", "", "`end` is missing");
        let values = "deploy/helm/impresario/values.yaml";
        let check = |from, to, want| finds(&files, values, from, to, want);
        check("priorityClassName: \"\"", "priorityClass: \"\"", "no template uses `priorityClass`");
        check("graceSeconds: 120", "graceSeconds: 50", "of 50 s");
    }

    #[test]
    fn a_name_that_does_not_exist_is_found() {
        let files = project();
        let check = |path: &str, from, to, want| finds(&files, path, from, to, want);
        let set = "deploy/helm/impresario/templates/statefulset.yaml";
        check(set, "IMPRESARIO__HTTP__LISTEN", "IMPRESARIO__HTTP__LISTENS", "`http.listens`");
        let full = "deploy/helm/impresario/ci/full-values.yaml";
        check(full, "\"http.drain_ms\"", "\"http.drain_s\"", "`http.drain_s`");
        let rules = "deploy/helm/impresario/rules/alerts.yaml";
        check(rules, "impresario_dirty_bytes", "impresario_dirt_bytes", "`impresario_dirt_bytes`");
        check(rules, "impresario_commit_seconds_bucket", "impresario_commit_items", "a histogram");
        check(rules, "groups:", "groups: [", "YAML");
        let board = "deploy/helm/impresario/dashboards/impresario.json";
        check(board, "impresario_raft_groups", "impresario_raft_group", "`impresario_raft_group`");
        check(board, "\"panels\":", "\"panels\"", "JSON");
        let docker = "deploy/Dockerfile";
        check(docker, "rust:1.95.0", "rust:1.94.0", "rust-toolchain.toml");
        check(
            docker,
            "impresario-health /usr",
            "impresario-hale /usr",
            "no deploy/docker/impresario-hale",
        );
        let compose = "deploy/compose.yaml";
        check(compose, "image: impresario:0.1.0", "image: impresario:0.2.0", "version");
        check(compose, "__CLUSTER__LISTEN", "__CLUSTER__HEAR", "`cluster.hear`");
        let guide = "docs/operations/kubernetes.md";
        check(
            guide,
            "--set tls.certManager.enabled",
            "--set tls.certMan.enabled",
            "`tls.certMan.enabled`",
        );
    }
}
