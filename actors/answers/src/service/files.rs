//! Files of chats: what a person sent, fetched from where the platform keeps it, and what is to be sent,
//! given to the platform beforehand. Nothing of them is kept here.

use impresario_ids::TenantId;
use impresario_messages::{SendClass, SendError};
use impresario_router::Failure;

use super::Answers;

/// A file of a chat.
#[derive(Clone, PartialEq, Eq)]
pub struct ChatFile {
    /// Its media type, as the platform or whoever sends it says.
    pub media: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ChatFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChatFile({}, {} bytes)", self.media, self.bytes.len())
    }
}

/// Why a file cannot be had, or not be given to the platform.
#[derive(Clone, Debug, PartialEq)]
pub enum FileRefusal {
    /// The tenant has no such connection to a chat platform.
    Unknown,
    /// The platform keeps no files for us: they have addresses of their own.
    Unsupported,
    /// The platform does not have it (any more), or does not take it: its code, or a word of ours.
    Refused(String),
    /// The platform cannot be asked now.
    Busy,
    /// The system failed.
    Failed(Failure),
}

impl From<SendError> for FileRefusal {
    fn from(error: SendError) -> Self {
        match error.class {
            SendClass::Refused { code } => Self::Refused(code),
            class @ (SendClass::WindowClosed | SendClass::OptedOut) => {
                Self::Refused(class.code().to_owned())
            }
            // Fetching and giving can both be repeated.
            SendClass::Retry { .. } | SendClass::Unknown => Self::Busy,
        }
    }
}

impl Answers {
    /// Fetches a file that a person sent over a connection, by the id or address in the message.
    ///
    /// # Errors
    /// [`FileRefusal`].
    pub async fn fetch(
        &self,
        tenant: TenantId,
        connection: &str,
        place: &str,
    ) -> Result<ChatFile, FileRefusal> {
        let desk = self.house.desk(tenant).await.map_err(FileRefusal::Failed)?;
        let channel = desk.channels.get(connection).ok_or(FileRefusal::Unknown)?;
        let (media, bytes) = channel.fetch(place).await.ok_or(FileRefusal::Unsupported)??;
        Ok(ChatFile { media, bytes })
    }

    /// Gives the platform a file that is to be sent, and tells the id to send it by.
    ///
    /// # Errors
    /// [`FileRefusal`].
    pub async fn deposit(
        &self,
        tenant: TenantId,
        connection: &str,
        name: &str,
        file: ChatFile,
    ) -> Result<String, FileRefusal> {
        let desk = self.house.desk(tenant).await.map_err(FileRefusal::Failed)?;
        let channel = desk.channels.get(connection).ok_or(FileRefusal::Unknown)?;
        let ChatFile { media, bytes } = file;
        let id = channel.deposit(name, media, bytes).await.ok_or(FileRefusal::Unsupported)??;
        Ok(id)
    }
}
