//! What the widget and the endpoints for programs need of the server, in small: signs from what the
//! host commits, an answer that says back what it was asked, vectors of two numbers.

use std::collections::HashMap;

use impresario_conversation::{AnswerPath, Citation, ReplyPart, TurnAnswer};
use impresario_http::{Chat, ChatSign, ChatSigns, Embedded, PortTyped, Said};
use impresario_ids::{ConversationId, TenantId, TraceId};
use impresario_messages::Content;
use tokio::sync::broadcast;
use tokio::sync::mpsc::Sender;

pub(crate) struct LittleChat {
    pub(crate) commits: broadcast::Sender<TenantId>,
}

impl Chat for LittleChat {
    fn signs(&self, tenant: TenantId, _: ConversationId) -> PortTyped<'_, ChatSigns> {
        let commits = self.commits.subscribe();
        let signs = futures_util::stream::unfold(commits, move |mut commits| async move {
            while commits.recv().await.ok()? != tenant {}
            Some((ChatSign::Changed, commits))
        });
        Box::pin(async move { Ok(Box::pin(signs) as ChatSigns) })
    }

    fn reply(
        &self,
        _: TenantId,
        said: Said,
        _: TraceId,
        aloud: Option<Sender<String>>,
    ) -> PortTyped<'_, Box<TurnAnswer>> {
        let cited = |title: &str, url: Option<&str>| Citation {
            document: "doc_1".to_owned(),
            chunk: "c".to_owned(),
            title: title.to_owned(),
            url: url.map(ToOwned::to_owned),
        };
        let text = format!("After {} you asked: {}", said.history.len(), said.text);
        // Half of it is sure at once; of what is to fail something else was.
        let begun = if said.text == "another model" { "No." } else { &text[..text.len() / 2] };
        if let Some(aloud) = aloud {
            aloud.try_send(begun.to_owned()).expect("somebody listens");
        }
        let part = ReplyPart {
            content: vec![Content::text(text)],
            citations: vec![
                cited("Returns", Some("https://shop.example/returns")),
                cited("FAQ", None),
            ],
            ..ReplyPart::default()
        };
        let parts = if said.text == "nothing" { Vec::new() } else { vec![part] };
        let answer = TurnAnswer { parts, path: AnswerPath::Extractive, ..TurnAnswer::default() };
        Box::pin(async move {
            // What is said aloud is heard before.
            tokio::task::yield_now().await;
            Ok(Box::new(answer))
        })
    }

    fn embed(&self, _: TenantId, texts: Vec<String>) -> PortTyped<'_, Embedded> {
        let lengths: HashMap<usize, usize> = texts.iter().map(String::len).enumerate().collect();
        let vector = |place: usize| vec![lengths[&place] as f32, 0.5];
        let vectors = (0..texts.len()).map(vector).collect();
        let embedded = Embedded { model: "little".to_owned(), vectors, tokens: 7 };
        Box::pin(async move { Ok(embedded) })
    }
}
