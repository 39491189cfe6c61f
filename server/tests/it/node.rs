//! A process of the program on a folder of its own, and its operator.

use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

/// Forty-four characters of base64: the same in every node of a cluster.
const MASTER_KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const TOKEN: &str = "a-root-token-that-every-node-of-the-test-has-0123456789";
/// What has not come about after this will not.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running node. Killed when dropped.
pub(crate) struct Node {
    url: String,
    token: PathBuf,
    child: Child,
    http: Client,
    /// Whose data is asked for, beside what is the operator's.
    tenant: Option<String>,
    more: Vec<String>,
    // Last: removed after the process that writes into it.
    folder: TempDir,
}

impl Node {
    /// Starts a node and waits until it serves.
    pub(crate) async fn start(more: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), more).await
    }

    /// The same on this folder, which has a `log` from then on.
    pub(crate) async fn start_in(folder: TempDir, more: &[&str]) -> Self {
        let token = folder.path().join("root-token");
        std::fs::write(&token, TOKEN).expect("written");
        std::fs::set_permissions(&token, Permissions::from_mode(0o600)).expect("set");
        let more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        let data = folder.path().to_owned();
        let words = more.clone();
        let starting = tokio::task::spawn_blocking(move || begin(&data, &words));
        let (child, url) = tokio::time::timeout(PATIENCE, starting)
            .await
            .expect("it is ready in time")
            .expect("no panic");
        let http = Client::new();
        Self { url, token, child, http, tenant: None, more, folder }
    }

    /// Ends it as a power failure would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }

    /// The same, and starts it again on the same folder.
    pub(crate) async fn kill_and_start(&mut self) {
        self.kill();
        let (data, more) = (self.folder.path().to_owned(), self.more.clone());
        let starting = tokio::task::spawn_blocking(move || begin(&data, &more));
        let started = tokio::time::timeout(PATIENCE, starting).await;
        (self.child, self.url) = started.expect("it is ready in time").expect("no panic");
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for this tenant's data from now on.
    pub(crate) fn be(&mut self, tenant: &str) {
        self.tenant = Some(tenant.to_owned());
    }

    /// What the node answers to its operator, and the status.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request =
            self.http.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN);
        if let Some(tenant) = self.tenant.as_ref().filter(|_| path.starts_with("/api/")) {
            request = request.header("impresario-tenant", tenant);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.expect("it answers");
        let status = response.status();
        (status, response.json().await.unwrap_or_default())
    }

    /// Sends a file as it is.
    pub(crate) async fn upload(&self, path: &str, media: &str, file: &[u8]) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(TOKEN);
        let tenant = self.tenant.as_deref().unwrap_or_default();
        let request = request.header("impresario-tenant", tenant).header("content-type", media);
        let response = request.body(file.to_vec()).send().await.expect("it answers");
        let status = response.status();
        (status, response.json().await.unwrap_or_default())
    }

    /// An answer as it came.
    pub(crate) async fn download(&self, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(TOKEN);
        let tenant = self.tenant.as_deref().unwrap_or_default();
        let response =
            request.header("impresario-tenant", tenant).send().await.expect("it answers");
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, response.bytes().await.expect("all of it").to_vec())
    }

    /// An answer that is a success.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", path, body).await;
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }

    /// Asks again until the answer is as it should be.
    pub(crate) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begin = tokio::time::Instant::now();
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        loop {
            let (_, body) = self.ask("GET", path, Value::Null).await;
            if is_so(&body) {
                return body;
            }
            assert!(begin.elapsed() < PATIENCE, "{path} stays {body}");
            pause.tick().await;
        }
    }

    /// What a program of the command line says about this node.
    pub(crate) async fn program(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_impresario"));
        command.args(words).args(["--url", &self.url, "--token-file"]).arg(&self.token);
        command.stdin(Stdio::null());
        let run = tokio::task::spawn_blocking(move || command.output());
        run.await.expect("no panic").expect("it runs")
    }

    /// The lines of a command of the shell that succeeds.
    pub(crate) async fn shell(&self, command: &str) -> String {
        let output = self.program(&["shell", "-c", command]).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn begin(data: &Path, more: &[String]) -> (Child, String) {
    let path = data.join("log");
    let log = File::create(&path).expect("a log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_impresario"))
        // A member tells the others where its edge is, so it must know its port beforehand.
        .args(["serve", "--listen", &free_address(), "--ready-line", "--data"])
        .arg(data)
        .args(["--set", "node.partitions=3"])
        .args(more)
        .env("IMPRESARIO_MASTER_KEY", MASTER_KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("it reads");
    let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
        panic!("the node is not ready: {}", std::fs::read_to_string(&path).unwrap_or_default())
    });
    let url = ready["listening"].as_str().expect("an address").to_owned();
    (child, url)
}

/// A port that was free just now.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}
