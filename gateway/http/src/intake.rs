//! Bytes that become documents: read, cut, put into a command. Reading is work for a thread that may
//! block, and only a few files are read at a time.

use std::sync::Arc;

use bytes::Bytes;
use impresario_api::codes::{self, Code};
use impresario_documents::{
    Chunk as CutChunk, ChunkOptions, Document as ReadDocument, Hint, Limits, Problem, chunk, ingest,
};
use impresario_knowledge::{CHUNKS_MAX, Chunk, ChunkHash, Content, Section};
use impresario_text::language;

use crate::call::Call;
use crate::fault::Fault;
use crate::port::Talk;

/// Tokens of a chunk: the embedding models read at most 256, headings included.
const TARGET_TOKENS: usize = 180;
/// Tokens that a chunk shares with the one before it.
const OVERLAP_TOKENS: usize = 30;
/// Bytes of text by which a language is told.
const LANGUAGE_BYTES: usize = 4_096;
/// How sure one must be of a language to note it.
const LANGUAGE_CONFIDENCE: f32 = 0.5;

/// What was sent, and what is known of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) bytes: Bytes,
    pub(crate) media: Option<String>,
    pub(crate) filename: Option<String>,
    pub(crate) caption: Option<String>,
}

/// A document that was read and cut, and those that were attached to it.
pub(crate) struct Read {
    pub(crate) document: ReadDocument,
    chunks: Vec<CutChunk>,
    pub(crate) attached: Vec<(String, Read)>,
    /// What was attached and could not be read.
    skipped: Vec<String>,
}

impl Read {
    /// Puts text, chunks and language into a document's content; what could not be read is answered.
    pub(crate) fn fill(self, content: &mut Content) -> Vec<String> {
        let Self { document, chunks, attached: _, skipped } = self;
        if content.language.is_none() {
            content.language = language_of(&document);
        }
        if content.metadata.is_empty() && !document.metadata.is_empty() {
            content.metadata = serde_json::json!(document.metadata).to_string();
        }
        let mut warnings = skipped;
        warnings.extend(document.warnings.into_iter().map(|warning| warning.message));
        content.sections = document
            .sections
            .into_iter()
            .map(|section| Section {
                path: section.path,
                page: section.page,
                sheet: section.sheet,
                text: section.text,
            })
            .collect();
        content.chunks = chunks
            .into_iter()
            .map(|chunk| Chunk {
                section: chunk.section,
                start: chunk.start,
                end: chunk.end,
                tokens: chunk.tokens,
                row: chunk.row,
                hash: ChunkHash(chunk.hash),
            })
            .collect();
        warnings
    }
}

fn language_of(document: &ReadDocument) -> Option<String> {
    let mut sample = String::new();
    for section in &document.sections {
        let left = LANGUAGE_BYTES.saturating_sub(sample.len());
        if left == 0 {
            break;
        }
        sample.push_str(&section.text[..section.text.floor_char_boundary(left)]);
        sample.push('\n');
    }
    let detected = language::detect(&sample);
    (detected.language != "und" && detected.confidence >= LANGUAGE_CONFIDENCE)
        .then(|| detected.language.to_owned())
}

/// Reads and cuts a text that came in a request.
pub(crate) async fn read_text(call: &Call, text: String, media: String) -> Result<Read, Fault> {
    let sent = Sent { bytes: text.into(), media: Some(media), ..Sent::default() };
    read(call, sent).await.map_err(|fault| {
        // In a request it is a field, not a file.
        if fault.code() == codes::FILE_WITHOUT_TEXT.name {
            Fault::new(&codes::DOCUMENT_CONTENT_INVALID)
                .detail("there is no text in it")
                .pointer("/content")
        } else {
            fault
        }
    })
}

/// Reads and cuts a file.
pub(crate) async fn read(call: &Call, sent: Sent) -> Result<Read, Fault> {
    let talk = Arc::clone(&call.edge.talk);
    blocking(call, move || {
        let Sent { bytes, media, filename, caption } = &sent;
        let hint = Hint {
            mime: media.as_deref(),
            filename: filename.as_deref(),
            caption: caption.as_deref(),
        };
        cut(ingest(bytes, &hint, &Limits::default())?, &*talk)
    })
    .await
}

fn cut(mut document: ReadDocument, talk: &dyn Talk) -> Result<Read, Problem> {
    let count = |text: &str| talk.tokens(text);
    let options = ChunkOptions {
        target_tokens: TARGET_TOKENS,
        overlap_tokens: OVERLAP_TOKENS,
        chunks_max: CHUNKS_MAX,
        count: &count,
    };
    let chunks = chunk(&document, &options)?;
    let (mut attached, mut skipped) = (Vec::new(), Vec::new());
    for (place, attachment) in std::mem::take(&mut document.attachments).into_iter().enumerate() {
        let name = attachment.name.unwrap_or_else(|| format!("attachment {}", place + 1));
        match attachment.outcome {
            Ok(inner) => attached.push((name, cut(inner, talk)?)),
            Err(problem) => skipped.push(format!("{name}: {problem}")),
        }
    }
    Ok(Read { document, chunks, attached, skipped })
}

/// Reads and cuts a text in Markdown; the caller is on a thread that may block.
pub(crate) fn cut_text(text: String, talk: &dyn Talk) -> Result<Read, Problem> {
    let hint = Hint { mime: Some("text/markdown"), ..Hint::default() };
    cut(ingest(text.as_bytes(), &hint, &Limits::default())?, talk)
}

/// Does work with a file on a thread that may block, when it is its turn.
pub(crate) async fn blocking<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Fault> {
    let wait = std::time::Duration::from_millis(call.edge.options.answer_timeout_ms);
    let turn = tokio::time::timeout(wait, Arc::clone(&call.edge.readers).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(Fault::new(&codes::OVERLOADED).detail("too many files are being read"));
    };
    let outcome = tokio::task::spawn_blocking(move || {
        let outcome = work();
        drop(turn);
        outcome
    });
    match outcome.await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(problem)) => Err(refused(&problem)),
        // The parsers are other people's work on hostile input: a panic is a damaged file.
        Err(error) => {
            tracing::error!(%error, "a file made its reader panic");
            Err(Fault::new(&codes::FILE_DAMAGED).detail("the file cannot be read"))
        }
    }
}

/// What the sender of a file is told.
pub(crate) fn refused(problem: &Problem) -> Fault {
    let code = Code::named(problem.code).unwrap_or_else(|| {
        tracing::error!(code = problem.code, "a file is refused with an unregistered code");
        &codes::FILE_DAMAGED
    });
    Fault::new(code).detail(format!("{}; {}", problem.message, problem.way_out))
}
