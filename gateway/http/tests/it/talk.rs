//! The talking side of the test's little world: it says back what it was asked.

use bytes::Bytes;
use impresario_api::{
    Answered, AskKnowledge, FieldProblem, KnowledgeStatus, ModelCall, ModelCallRow, Page,
    SearchKnowledge, SearchReply, TranslatedWords, codes,
};
use impresario_http::{
    ChatFile, Hook, HookAnswer, Image, ModelCallFilter, PortError, PortTyped, Talk, Translated,
};
use impresario_ids::{CallId, TenantId, TraceId};

pub(crate) struct LittleTalk;

fn said<'a, T: Send + 'a>(value: T) -> PortTyped<'a, T> {
    Box::pin(async move { Ok(value) })
}

impl Talk for LittleTalk {
    fn tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }

    /// Every connection needs a token.
    fn check_connection(&self, _: &str, settings: &str) -> Vec<FieldProblem> {
        if settings.contains("\"token\"") {
            return Vec::new();
        }
        let detail = "a token is needed".to_owned();
        vec![FieldProblem { pointer: "/token".to_owned(), code: "missing".to_owned(), detail }]
    }

    fn describe(&self, _: TenantId, image: Image, _: TraceId) -> PortTyped<'_, Option<String>> {
        said((image.media == "image/png").then(|| "A red shoe on a table".to_owned()))
    }

    fn search(&self, _: TenantId, request: SearchKnowledge) -> PortTyped<'_, SearchReply> {
        said(SearchReply { mode: request.query, ..SearchReply::default() })
    }

    fn answer(&self, _: TenantId, request: AskKnowledge, _: TraceId) -> PortTyped<'_, Answered> {
        said(Answered { text: request.question, abstained: true, ..Answered::default() })
    }

    /// Into French by shouting; into nothing else.
    fn translate(
        &self,
        _: TenantId,
        texts: Vec<String>,
        language: String,
        _: TraceId,
    ) -> PortTyped<'_, Translated> {
        if language != "fr" {
            let refused = PortError::coded("translation_unavailable", "only French");
            return Box::pin(async move { Err(refused) });
        }
        let shout = |text: String| TranslatedWords {
            text: text.to_uppercase(),
            ..TranslatedWords::default()
        };
        let texts = texts.into_iter().map(shout).collect();
        said(Translated { texts, ..Translated::default() })
    }

    fn status(&self, _: TenantId) -> PortTyped<'_, KnowledgeStatus> {
        said(KnowledgeStatus { mode: "keyword".to_owned(), ..KnowledgeStatus::default() })
    }

    fn calls(&self, _: TenantId, _: ModelCallFilter) -> PortTyped<'_, Page<ModelCallRow>> {
        said(Page { items: Vec::new(), next: None })
    }

    fn call(&self, _: TenantId, _: CallId) -> PortTyped<'_, Option<ModelCall>> {
        said(None)
    }

    /// Has the file `F1` of every connection.
    fn fetch(&self, _: TenantId, _: String, place: String) -> PortTyped<'_, ChatFile> {
        Box::pin(async move {
            if place != "F1" {
                return Err(PortError::coded("chat_file_unavailable", "it is gone"));
            }
            let bytes = Bytes::from_static(b"<script>");
            Ok(ChatFile { media: "text/html".to_owned(), bytes })
        })
    }

    fn deposit(
        &self,
        _: TenantId,
        connection: String,
        name: String,
        file: ChatFile,
    ) -> PortTyped<'_, String> {
        said(format!("{connection}/{name}/{}/{}", file.media, file.bytes.len()))
    }

    /// Takes what carries the right word, and says back what it was sent.
    fn webhook(&self, _: TenantId, connection: String, hook: Hook) -> PortTyped<'_, HookAnswer> {
        Box::pin(async move {
            if hook.headers.get("x-signature").is_none_or(|value| value != "right") {
                let detail = "the signature is wrong".to_owned();
                return Err(PortError { code: &codes::HOOK_REFUSED, detail });
            }
            let head = format!("{} {} {connection} ", hook.method, hook.uri);
            Ok(HookAnswer {
                status: 202,
                headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
                body: Bytes::from([head.as_bytes(), &hook.raw].concat()),
            })
        })
    }
}
