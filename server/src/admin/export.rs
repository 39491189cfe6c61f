//! Streams: everything a tenant has, and what happens in it from now on.

use std::time::Duration;

use futures_util::stream;
use impresario_conversation::Conversation;
use impresario_http::PortStream;
use impresario_ids::{ConversationId, SegmentId, TenantId, TraceId};
use impresario_kernel::EntityKey;
use impresario_knowledge::Document;
use impresario_profile::Profile;
use impresario_router::{Envelope, Router};
use impresario_segment::Segment;
use impresario_tenant::Tenant;
use impresario_views::{Cursor, Views};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Admin;

/// Lines made ahead of the reader; the maker waits for it past this.
const LINES_AHEAD: usize = 64;
const PAGE: usize = 500;
/// Messages of one conversation: more than are remembered.
const TRANSCRIPT: u32 = 1_000;
/// How long one entity may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

impl Admin {
    pub(super) fn export_stream(&self, tenant: TenantId) -> PortStream {
        let (lines, reader) = mpsc::channel(LINES_AHEAD);
        let export = Export {
            tenant,
            views: self.parts.views.clone(),
            router: self.parts.router.clone(),
            lines,
        };
        tokio::spawn(async move {
            let last = match export.write().await {
                Ok(()) => json!({ "type": "end", "complete": true }),
                Err(Stopped::Failed(why)) => {
                    json!({ "type": "end", "complete": false, "error": why })
                }
                Err(Stopped::ReaderLeft) => return,
            };
            // The reader may have left.
            let _ = export.lines.send(last).await;
        });
        streamed(reader)
    }

    pub(super) fn tail_stream(&self, tenant: TenantId) -> PortStream {
        match self.parts.live.follow(tenant) {
            Some(events) => events,
            None => Box::pin(stream::iter([
                json!({ "type": "refused", "detail": "too many subscribers" }),
            ])),
        }
    }
}

fn streamed(reader: mpsc::Receiver<Value>) -> PortStream {
    Box::pin(stream::unfold(reader, |mut reader| async move {
        reader.recv().await.map(|line| (line, reader))
    }))
}

struct Export {
    tenant: TenantId,
    views: Views,
    router: Router,
    lines: mpsc::Sender<Value>,
}

enum Stopped {
    ReaderLeft,
    Failed(String),
}

/// For any failure on the way: the last line tells it.
fn failed(error: impl std::fmt::Display) -> Stopped {
    Stopped::Failed(error.to_string())
}

impl Export {
    async fn write(&self) -> Result<(), Stopped> {
        let key = impresario_tenant::key(self.tenant);
        for query in [
            impresario_tenant::Query::Get,
            impresario_tenant::Query::Keys,
            impresario_tenant::Query::Endpoints,
            impresario_tenant::Query::Assistant,
            impresario_tenant::Query::Connections,
            impresario_tenant::Query::Collections,
        ] {
            let answer =
                self.router.query::<Tenant>(key, query, self.envelope()).await.map_err(failed)?;
            let line = match answer {
                impresario_tenant::Answer::Tenant(view) => {
                    json!({ "type": "tenant", "tenant": view })
                }
                impresario_tenant::Answer::Keys(keys) => json!({ "type": "keys", "keys": keys }),
                impresario_tenant::Answer::Endpoints(endpoints) => {
                    json!({ "type": "endpoints", "endpoints": endpoints })
                }
                impresario_tenant::Answer::Assistant(assistant) => {
                    json!({ "type": "assistant", "assistant": assistant })
                }
                // Without their secrets.
                impresario_tenant::Answer::Connections(connections) => {
                    json!({ "type": "connections", "connections": connections })
                }
                impresario_tenant::Answer::Collections(collections) => {
                    json!({ "type": "collections", "collections": collections })
                }
            };
            self.line(line).await?;
        }
        self.segments().await?;
        self.profiles().await?;
        self.documents().await?;
        self.conversations().await
    }

    async fn documents(&self) -> Result<(), Stopped> {
        let census = self.views.knowledge_census(self.tenant).map_err(failed)?;
        for id in census.documents.into_keys() {
            let key = EntityKey::new(self.tenant, impresario_knowledge::KIND, id);
            let query = impresario_knowledge::Query::Get;
            let asked = self.router.query::<Document>(key, query, self.envelope());
            if let impresario_knowledge::Answer::Document(Some(view)) =
                asked.await.map_err(failed)?
            {
                self.line(json!({ "type": "document", "document": view })).await?;
            }
        }
        Ok(())
    }

    async fn conversations(&self) -> Result<(), Stopped> {
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.views.inbox(self.tenant, &[], after.as_ref(), PAGE).map_err(failed)?;
            for item in page.items {
                self.conversation(item.id).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A conversation as it is remembered.
    async fn conversation(&self, id: ConversationId) -> Result<(), Stopped> {
        let key = EntityKey::new(self.tenant, impresario_conversation::KIND, id);
        let query = impresario_conversation::Query::Show { before: None, limit: TRANSCRIPT };
        let asked = self.router.query::<Conversation>(key, query, self.envelope());
        if let impresario_conversation::Answer::Conversation(Some(view)) =
            asked.await.map_err(failed)?
        {
            self.line(json!({ "type": "conversation", "conversation": view })).await?;
        }
        Ok(())
    }

    async fn segments(&self) -> Result<(), Stopped> {
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.views.segments(self.tenant, after.as_ref(), PAGE).map_err(failed)?;
            for item in page.items {
                self.line(json!({ "type": "segment", "segment": self.segment(item.id).await? }))
                    .await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn segment(&self, id: SegmentId) -> Result<Value, Stopped> {
        let key = EntityKey::new(self.tenant, impresario_segment::KIND, id);
        let query = impresario_segment::Query::Get;
        match self.router.query::<Segment>(key, query, self.envelope()).await.map_err(failed)? {
            impresario_segment::Answer::Segment(view) => serde_json::to_value(view).map_err(failed),
            impresario_segment::Answer::Version(_) => {
                Err(failed("a segment answered another question"))
            }
        }
    }

    async fn profiles(&self) -> Result<(), Stopped> {
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.views.profiles(self.tenant, after.as_ref(), PAGE).map_err(failed)?;
            for item in page.items {
                let key = EntityKey::new(self.tenant, impresario_profile::KIND, item.id);
                let query = impresario_profile::Query::Get;
                let answer = self
                    .router
                    .query::<Profile>(key, query, self.envelope())
                    .await
                    .map_err(failed)?;
                if let impresario_profile::Answer::Profile(view) = answer {
                    self.line(json!({ "type": "profile", "profile": view })).await?;
                    self.timeline(item.id).await?;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn timeline(&self, profile: impresario_ids::ProfileId) -> Result<(), Stopped> {
        let mut after: Option<Cursor> = None;
        loop {
            let page =
                self.views.timeline(self.tenant, profile, after.as_ref(), PAGE).map_err(failed)?;
            for entry in page.items {
                self.line(json!({ "type": "event", "profile": profile, "event": entry })).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn line(&self, line: Value) -> Result<(), Stopped> {
        self.lines.send(line).await.map_err(|_| Stopped::ReaderLeft)
    }

    fn envelope(&self) -> Envelope {
        Envelope { key: None, deadline: self.router.deadline(ANSWER), trace: TraceId::NIL }
    }
}
