use serde::Serialize;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Lower-case words joined by underscores; each has a page in `docs/errors/`.
    pub code: &'static str,
    /// What is wrong. It may quote a name from the file, never its text.
    pub message: String,
    /// What the sender can do.
    pub way_out: &'static str,
}

impl Problem {
    fn new(code: &'static str, message: impl Into<String>, way_out: &'static str) -> Self {
        Self { code, message: message.into(), way_out }
    }

    pub(crate) fn too_large(bytes: usize, bytes_max: usize) -> Self {
        Self::new(
            "file_too_large",
            format!("the file has {bytes} bytes, at most {bytes_max} are read"),
            "split the file, or remove its pictures",
        )
    }

    pub(crate) fn unsupported(what: &str) -> Self {
        Self::new(
            "file_type_unsupported",
            format!("files of this kind are not read: {what}"),
            "convert it to PDF, DOCX, HTML, Markdown, plain text, XLSX, CSV, JSON or EML",
        )
    }

    pub(crate) fn damaged(format: &str, why: impl std::fmt::Display) -> Self {
        Self::new(
            "file_damaged",
            format!("the file is not sound {format}: {why}"),
            "open the file in the program that made it and save it again",
        )
    }

    pub(crate) fn encrypted() -> Self {
        Self::new(
            "file_encrypted",
            "the file is protected by a password",
            "save it without a password",
        )
    }

    pub(crate) fn inflates(bytes_max: usize) -> Self {
        Self::new(
            "file_inflates_too_much",
            format!("unpacked, the file has more than {bytes_max} bytes"),
            "split the file, or remove its pictures",
        )
    }

    pub(crate) fn too_deep(depth_max: usize) -> Self {
        Self::new(
            "file_too_deep",
            format!("the file is nested more than {depth_max} levels deep"),
            "take the inner files out and send them by themselves",
        )
    }

    pub(crate) fn too_much_text(what: &str, max: usize) -> Self {
        Self::new(
            "file_text_too_large",
            format!("the file has more than {max} {what}"),
            "split the file into parts, by chapter or by sheet",
        )
    }

    pub(crate) fn no_text() -> Self {
        Self::new(
            "file_without_text",
            "there is no text in the file",
            "a scanned page has only a picture of its text: send it through text recognition, or give a caption",
        )
    }

    pub(crate) fn too_many_chunks(max: usize) -> Self {
        Self::new(
            "document_too_many_chunks",
            format!("the document has more than {max} chunks"),
            "split the document into parts",
        )
    }

    pub(crate) fn import(message: impl Into<String>) -> Self {
        Self::new(
            "import_unreadable",
            message,
            "send a CSV file with a line of column names, a JSON array of objects, or one JSON object per line",
        )
    }
}
