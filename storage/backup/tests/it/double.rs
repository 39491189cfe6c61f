//! A store that speaks S3 as far as backups need it: it checks every signature (version 4) and
//! payload hash, and fails as S3 does, on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(crate) const BUCKET: &str = "vault";

/// How the next requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `503 SlowDown`.
    SlowDown,
    /// `500 InternalError`.
    Internal,
    /// The answer's body ends in the middle, with the connection.
    Torn,
    /// The connection ends before an answer.
    Closed,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    faults: Vec<Fault>,
    /// Requests that were refused because of their signature.
    refused: u32,
    answered: u32,
}

/// The store. It ends with the runtime.
#[derive(Clone)]
pub(crate) struct Double {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Double {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let double = Self { url, state: Arc::default() };
        let serving = double.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let double = serving.clone();
                tokio::spawn(async move { double.serve(stream).await });
            }
        });
        double
    }

    /// The next requests fail like this, in this order.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        let mut state = self.state.lock().expect("the state");
        state.faults = faults.iter().rev().copied().collect();
    }

    pub(crate) fn refused(&self) -> u32 {
        self.state.lock().expect("the state").refused
    }

    pub(crate) fn pending_faults(&self) -> usize {
        self.state.lock().expect("the state").faults.len()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.state.lock().expect("the state").objects.keys().cloned().collect()
    }

    /// Changes a stored byte.
    pub(crate) fn damage(&self, name: &str, at: usize) {
        let mut state = self.state.lock().expect("the state");
        state.objects.get_mut(name).expect("it is there")[at] ^= 1;
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(request) = read(&mut stream, &mut buffer).await {
            let fault = {
                let mut state = self.state.lock().expect("the state");
                state.answered += 1;
                state.faults.pop()
            };
            let answer = match fault {
                Some(Fault::Closed) => return,
                Some(Fault::SlowDown) => failure(503, "SlowDown"),
                Some(Fault::Internal) => failure(500, "InternalError"),
                Some(Fault::Torn) | None => self.answer(&request),
            };
            let is_torn = fault == Some(Fault::Torn) && !answer.is_empty();
            let cut = if is_torn { answer.len().saturating_sub(7) } else { answer.len() };
            if stream.write_all(&answer[..cut]).await.is_err() || is_torn {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> Vec<u8> {
        if let Err(why) = check_signature(request) {
            self.state.lock().expect("the state").refused += 1;
            return failure(403, why);
        }
        let Some(name) = request.path.strip_prefix(&format!("/{BUCKET}")) else {
            return failure(404, "NoSuchBucket");
        };
        let name = decoded(name.trim_start_matches('/'));
        let mut state = self.state.lock().expect("the state");
        match request.method.as_str() {
            "PUT" => {
                let is_new = request.headers.contains_key("if-none-match");
                if is_new && state.objects.contains_key(&name) {
                    return failure(412, "PreconditionFailed");
                }
                state.objects.insert(name, request.body.clone());
                response(200, "etag: \"e\"\r\n", b"")
            }
            "GET" if name.is_empty() => list(&state.objects, &request.query),
            "GET" => match state.objects.get(&name) {
                Some(bytes) => response(200, HEAD, bytes),
                None => failure(404, "NoSuchKey"),
            },
            "DELETE" => {
                state.objects.remove(&name);
                response(204, "", b"")
            }
            "POST" if request.query.contains("delete") => {
                let text = String::from_utf8_lossy(&request.body).into_owned();
                let mut body = String::new();
                for key in text.split("<Key>").skip(1).filter_map(|part| part.split('<').next()) {
                    state.objects.remove(key);
                    // Also for what was not there, as S3 does.
                    body += &format!("<Deleted><Key>{key}</Key></Deleted>");
                }
                let body = format!("<DeleteResult>{body}</DeleteResult>");
                response(200, "content-type: application/xml\r\n", body.as_bytes())
            }
            _ => failure(405, "MethodNotAllowed"),
        }
    }
}

const HEAD: &str = "etag: \"e\"\r\nlast-modified: Fri, 20 Nov 2026 21:05:00 GMT\r\n";

fn response(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn failure(status: u16, code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
    response(status, "content-type: application/xml\r\n", body.as_bytes())
}

/// Two objects a page, so that paging is needed.
fn list(objects: &BTreeMap<String, Vec<u8>>, query: &str) -> Vec<u8> {
    let fields: BTreeMap<String, String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect();
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (prefix, delimiter, after) =
        (field("prefix"), field("delimiter"), field("continuation-token"));
    let mut body = String::new();
    let (mut count, mut last, mut more) = (0, String::new(), false);
    let mut folders: Vec<String> = Vec::new();
    for (name, bytes) in objects.iter().filter(|(name, _)| name.starts_with(&prefix)) {
        let rest = &name[prefix.len()..];
        let folder = (!delimiter.is_empty())
            .then(|| rest.split_once(&delimiter))
            .flatten()
            .map(|(folder, _)| format!("{prefix}{folder}{delimiter}"));
        let entry = folder.clone().unwrap_or_else(|| name.clone());
        if entry <= after || folders.contains(&entry) {
            continue;
        }
        if count == 2 {
            more = true;
            break;
        }
        count += 1;
        last.clone_from(&entry);
        match folder {
            Some(folder) => {
                body += &format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>");
                folders.push(folder);
            }
            None => {
                body += &format!(
                    "<Contents><Key>{name}</Key><LastModified>2026-11-20T21:05:00.000Z</LastModified>\
                     <ETag>\"e\"</ETag><Size>{}</Size></Contents>",
                    bytes.len()
                );
            }
        }
    }
    if more {
        body += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
    }
    let body = format!(
        "<ListBucketResult><Name>{BUCKET}</Name><IsTruncated>{more}</IsTruncated>{body}\
         </ListBucketResult>"
    );
    response(200, "content-type: application/xml\r\n", body.as_bytes())
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(buffer[..head].to_vec()).ok()?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, url) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(Ok(0), |text| text.parse()).ok()?;
    while buffer.len() < head + 4 + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[head + 4..head + 4 + length].to_vec();
    buffer.drain(..head + 4 + length);
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let pair = [*high, *low];
                let digits = std::str::from_utf8(&pair).unwrap_or("0");
                bytes.push(u8::from_str_radix(digits, 16).unwrap_or(0));
                rest = after;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As "Authenticating Requests (AWS Signature Version 4)" says.
fn check_signature(request: &Request) -> Result<(), &'static str> {
    let header = |name: &str| request.headers.get(name).ok_or("AccessDenied");
    let authorization = header("authorization")?;
    let fields: BTreeMap<&str, &str> = authorization
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or("AccessDenied")?
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .collect();
    let field = |name: &str| fields.get(name).copied().ok_or("AuthorizationHeaderMalformed");
    let scope: Vec<&str> = field("Credential")?.split('/').collect();
    let [key, date, region, "s3", "aws4_request"] = scope[..] else {
        return Err("AuthorizationHeaderMalformed");
    };
    if key != KEY {
        return Err("InvalidAccessKeyId");
    }
    let payload = header("x-amz-content-sha256")?;
    if payload != "UNSIGNED-PAYLOAD" && *payload != hex(&Sha256::digest(&request.body)) {
        return Err("XAmzContentSHA256Mismatch");
    }
    let signed = field("SignedHeaders")?;
    let mut canonical = format!("{}\n{}\n", request.method, request.path);
    let mut pairs: Vec<String> = request
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    pairs.sort();
    canonical += &format!("{}\n", pairs.join("&"));
    for name in signed.split(';') {
        canonical += &format!("{name}:{}\n", header(name)?);
    }
    canonical += &format!("\n{signed}\n{payload}");
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{date}/{region}/s3/aws4_request\n{}",
        header("x-amz-date")?,
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let mut key = mac(format!("AWS4{SECRET}").as_bytes(), date.as_bytes());
    for part in [region, "s3", "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    if hex(&mac(&key, text.as_bytes())) == field("Signature")? {
        Ok(())
    } else {
        Err("SignatureDoesNotMatch")
    }
}
