use std::fmt;

use impresario_calls::{Call, Method, host_of};
use impresario_messages::{SendClass, SendError};

use crate::client::{Client, unsent};

/// The largest file that is fetched, in bytes.
const FILE_BYTES_MAX: usize = 50 * 1024 * 1024;

/// A file with its type.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// The MIME type.
    pub mime: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({}, {} bytes)", self.mime, self.bytes.len())
    }
}

impl Client {
    /// Fetches a file that a person shared. The token goes to Slack's hosts only.
    ///
    /// # Errors
    /// If it is gone, too large, or Slack cannot be reached.
    pub async fn download(&self, url: &str) -> Result<File, SendError> {
        let host = host_of(url).unwrap_or_default();
        let ours = host_of(&self.settings.base_url) == Some(host);
        let slacks =
            url.starts_with("https://") && (host == "slack.com" || host.ends_with(".slack.com"));
        if !ours && !slacks {
            let class = SendClass::Refused { code: "file_host".to_owned() };
            return Err(SendError::new(class, "the file is not on a host of Slack's"));
        }
        let call = Call::new(Method::GET, url)
            .token("Bearer", &self.settings.bot_token)
            .answer_bytes_max(FILE_BYTES_MAX);
        let answer = self.http.call(call).await.map_err(unsent)?;
        if !answer.is_success() {
            let class = crate::classify("", answer.status, answer.retry_after_ms());
            return Err(SendError::new(class, answer.excerpt()));
        }
        let mime = answer.header("content-type").unwrap_or("application/octet-stream").to_owned();
        Ok(File { mime, bytes: answer.body })
    }
}
