use std::fmt;

use impresario_calls::{Call, Method, host_of};
use impresario_messages::{SendClass, SendError};

use crate::client::{Client, unsent};

/// The largest media that is fetched, in bytes.
const MEDIA_BYTES_MAX: usize = 20 * 1024 * 1024;

/// Media with its type.
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
    /// Fetches media that a person sent. Twilio answers with where its store has it: there the
    /// account's token does not go.
    ///
    /// # Errors
    /// If it is gone, too large, or Twilio cannot be reached.
    pub async fn download(&self, url: &str) -> Result<File, SendError> {
        let refused = |code: &str, detail: &str| {
            SendError::new(SendClass::Refused { code: code.to_owned() }, detail)
        };
        if host_of(url) != host_of(&self.settings.base_url) {
            return Err(refused("media_host", "the media is not on Twilio's host"));
        }
        let call = self.authorised(Call::new(Method::GET, url)).answer_bytes_max(MEDIA_BYTES_MAX);
        let mut answer = self.http.call(call).await.map_err(unsent)?;
        if (300..400).contains(&answer.status) {
            let place = answer.header("location").unwrap_or_default().to_owned();
            let ours = host_of(&place) == host_of(&self.settings.base_url);
            let stored = host_of(&place).is_some_and(|host| {
                host.ends_with(".twiliocdn.com") || host.ends_with(".amazonaws.com")
            });
            if !(ours || (stored && place.starts_with("https://"))) {
                return Err(refused("media_host", "the media is not on a host of Twilio's"));
            }
            let call = Call::new(Method::GET, place).answer_bytes_max(MEDIA_BYTES_MAX);
            answer = self.http.call(call).await.map_err(unsent)?;
        }
        if !answer.is_success() {
            let class = crate::classify(-1, answer.status, answer.retry_after_ms());
            return Err(SendError::new(class, answer.excerpt()));
        }
        let mime = answer.header("content-type").unwrap_or("application/octet-stream").to_owned();
        Ok(File { mime, bytes: answer.body })
    }
}
