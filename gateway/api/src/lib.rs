//! Requests, responses, problems and error codes of the HTTP edge; no server.
//!
//! - A1: every problem code has one row in [`codes`] and one page in `docs/errors/`; neither exists
//!   without the other, and a code never changes its meaning.
//! - A2: every type here has an OpenAPI schema with an example, and what the server answers reads
//!   back as the type that the schema describes.
//! - A3: in the own API, field names are `snake_case` and times are ISO 8601 in UTC.
//!
//! What it is not: a place where anything is decided, looked up or sent.

mod admin;
mod analytics;
mod budgets;
mod catalogue;
pub mod codes;
mod connections;
mod conversations;
mod events;
mod keys;
mod knowledge;
mod models;
mod page;
mod problem;
mod profiles;
mod retrieval;
mod segments;
mod tenants;
mod webhooks;

#[cfg(test)]
mod tests;

pub use admin::{
    BackupOrder, ClusterSettings, DrainNode, HoldActor, Insist, MoveReplica, NodeName, PinZone,
    PlaceTenant, RecoverQuorum, TransferLeader,
};
pub use analytics::{AnswerTimes, ConversationAnalytics, ConversationDay, ConversationRates};
pub use budgets::{Budget, BudgetLimit, BudgetScope, BudgetStanding, SaveBudget};
pub use catalogue::{ItemPatch, Product, SaveItem};
pub use connections::{Assistant, AssistantConfig, Connection, SaveConnection};
pub use conversations::{
    Assignment, Conversation, ConversationMessage, ConversationReply, ConversationRow, GiveBack,
    HandoffRequest, HumanReply, MessageChoice, NewNote, SendMessage, StoredFile, Translate,
    TranslatedMessage, TranslatedWords, Translation,
};
pub use events::{
    IngestReply, ItemResult, ItemStatus, OneOrMany, SegmentBatch, SegmentEvent, SegmentReply,
    TrackReply, UserEvent,
};
pub use keys::{ApiKey, ApiKeyWithSecret, NewApiKey, NewToken, RotateKey, SigningSecret, Token};
pub use knowledge::{
    Collection, CollectionField, Collections, Document, DocumentChunk, DocumentFailure,
    DocumentModel, DocumentPatch, DocumentReviewed, DocumentRow, DocumentSaved, DocumentSection,
    DocumentSource, DocumentVersion, ImportReport, ImportRow, SaveCollections, SaveDocument,
};
pub use models::{ModelCall, ModelCallRow};
pub use page::{EventCount, Health, LogFilter, Page, QuarantineCounts, QuarantineItem, UsageRow};
pub use problem::{FieldProblem, PROBLEM_JSON, Problem};
pub use profiles::{
    Consent, Consents, Counter, Group, Membership, Memberships, NewConsent, Orders, Profile,
    ProfileRow, Recent, Session, Timeline, TimelineEvent, Unmerge,
};
pub use retrieval::{
    AnswerSentence, Answered, AskKnowledge, Citation, Fusion, KnowledgeStatus, Passage,
    SearchKnowledge, SearchReply, Techniques,
};
pub use segments::{
    Build, Computed, ComputedDefinition, Member, Preview, PreviewRequest, SaveSegment, Saved,
    Segment, SegmentRow, SegmentVersion, Size,
};
pub use tenants::{
    Branding, Changed, LimitOverrides, Limits, NewTenant, PlanChange, Settings, SettingsPatch,
    Suspension, Tenant,
};
pub use webhooks::{
    Delivery, Endpoint, EndpointPatch, EndpointWithSecret, NewEndpoint, Replay, RotateSecret,
};
