use std::future::Future;
use std::pin::Pin;

use axum::response::Response;
use impresario_api::codes::Code;
use impresario_ids::TraceId;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::auth::Access;
use crate::call::Call;
use crate::fault::Fault;

/// What a handler does: everything about the request is in the call.
pub(crate) type Handler = for<'a> fn(&'a mut Call) -> Answering<'a>;
/// An answer that is on its way.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response, Fault>> + Send + 'a>>;

/// The schemas that a document collects: name and schema.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;
/// A reference to the schema of a type, after putting it and what it refers to into the collection.
pub(crate) type SchemaOf = fn(&mut Schemas) -> RefOr<Schema>;

/// One route: where, who may, what happens, and how it is documented. The table of all routes
/// ([`crate::routes::TABLE`]) is the only place that registers, authorises and documents them.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) body: BodyRule,
    pub(crate) run: Handler,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    pub(crate) takes: Option<SchemaOf>,
    pub(crate) gives: Option<SchemaOf>,
    pub(crate) status: u16,
    pub(crate) media: &'static str,
    pub(crate) query: &'static [Param],
    pub(crate) codes: &'static [&'static Code],
    /// Whether a repeated request with the same `Idempotency-Key` is answered as the first one was.
    pub(crate) idempotent: bool,
    /// How what went wrong is told: as a problem document, unless it speaks for another API.
    pub(crate) refuse: fn(Fault, TraceId) -> Response,
    /// Whether it tells what went wrong in the JSON of another API.
    pub(crate) foreign: bool,
}

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes or does.
    Post,
    /// Sets.
    Put,
    /// Changes some fields.
    Patch,
    /// Ends.
    Delete,
}

impl Method {
    /// In capital letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Which body a route reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyRule {
    /// None: whatever is sent is not read.
    None,
    /// A document of at most 256 KiB.
    Document,
    /// Tracking events, bounded by the options.
    Events,
    /// A document of at most 4 MiB.
    Long,
    /// A file of at most 20 MiB.
    File,
    /// What a chat platform sends, of at most 4 MiB, as it came: its signature is over these bytes.
    Hook,
}

impl BodyRule {
    /// Whether the body is JSON that the edge reads itself.
    pub(crate) const fn is_json(self) -> bool {
        matches!(self, Self::Document | Self::Events | Self::Long)
    }
}

/// A query parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) kind: ParamKind,
    pub(crate) required: bool,
}

/// What a query parameter holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ParamKind {
    Text,
    Time,
    Flag,
    Number { min: i64, max: i64 },
}

impl Param {
    pub(crate) const fn text(name: &'static str, about: &'static str) -> Self {
        Self { name, about, kind: ParamKind::Text, required: false }
    }

    pub(crate) const fn time(name: &'static str, about: &'static str) -> Self {
        Self { name, about, kind: ParamKind::Time, required: false }
    }

    pub(crate) const fn flag(name: &'static str, about: &'static str) -> Self {
        Self { name, about, kind: ParamKind::Flag, required: false }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// `limit`, as every list takes it.
pub(crate) const LIMIT: Param = Param {
    name: "limit",
    about: "How many entries at most; 50 if not given.",
    kind: ParamKind::Number { min: 1, max: 500 },
    required: false,
};
/// `cursor`, as every list takes it.
pub(crate) const CURSOR: Param =
    Param::text("cursor", "Where to go on: `next` of the page before.");

impl Route {
    const fn new(
        method: Method,
        path: &'static str,
        access: Access,
        body: BodyRule,
        run: Handler,
    ) -> Self {
        Self {
            method,
            path,
            access,
            body,
            run,
            tag: "",
            summary: "",
            about: "",
            takes: None,
            gives: None,
            status: 200,
            media: "application/json",
            query: &[],
            codes: &[],
            idempotent: false,
            refuse: Fault::into_response,
            foreign: false,
        }
    }

    pub(crate) const fn get(path: &'static str, access: Access, run: Handler) -> Self {
        Self::new(Method::Get, path, access, BodyRule::None, run)
    }

    pub(crate) const fn post(path: &'static str, access: Access, run: Handler) -> Self {
        Self::new(Method::Post, path, access, BodyRule::Document, run).idempotent()
    }

    /// A `POST` that takes no document.
    pub(crate) const fn act(path: &'static str, access: Access, run: Handler) -> Self {
        Self::new(Method::Post, path, access, BodyRule::None, run).idempotent()
    }

    /// A `POST` of a file.
    pub(crate) const fn upload(path: &'static str, access: Access, run: Handler) -> Self {
        Self::new(Method::Post, path, access, BodyRule::File, run).idempotent()
    }

    /// What a chat platform calls. It has no key: its signature is looked at by the handler.
    pub(crate) const fn hook(method: Method, path: &'static str, run: Handler) -> Self {
        Self::new(method, path, Access::Public, BodyRule::Hook, run)
    }

    pub(crate) const fn put(path: &'static str, access: Access, run: Handler) -> Self {
        Self::new(Method::Put, path, access, BodyRule::Document, run)
    }

    pub(crate) const fn patch(path: &'static str, access: Access, run: Handler) -> Self {
        Self::new(Method::Patch, path, access, BodyRule::Document, run)
    }

    pub(crate) const fn delete(path: &'static str, access: Access, run: Handler) -> Self {
        Self::new(Method::Delete, path, access, BodyRule::None, run)
    }

    /// A `POST` of tracking events.
    pub(crate) const fn track(path: &'static str, run: Handler) -> Self {
        Self::new(Method::Post, path, Access::Write, BodyRule::Events, run).idempotent()
    }

    pub(crate) const fn doc(
        mut self,
        tag: &'static str,
        summary: &'static str,
        about: &'static str,
    ) -> Self {
        self.tag = tag;
        self.summary = summary;
        self.about = about;
        self
    }

    pub(crate) const fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Some(schema_of::<T>);
        self
    }

    pub(crate) const fn gives<T: ToSchema>(mut self) -> Self {
        self.gives = Some(schema_of::<T>);
        self
    }

    pub(crate) const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) const fn media(mut self, media: &'static str) -> Self {
        self.media = media;
        self
    }

    pub(crate) const fn query(mut self, query: &'static [Param]) -> Self {
        self.query = query;
        self
    }

    pub(crate) const fn codes(mut self, codes: &'static [&'static Code]) -> Self {
        self.codes = codes;
        self
    }

    const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }
}

/// Puts the schema of a type and all that it refers to into the collection, once.
pub(crate) fn schema_of<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let name = T::name();
    if !schemas.iter().any(|(known, _)| *known == name) {
        schemas.push((name.clone().into_owned(), <T as PartialSchema>::schema()));
        T::schemas(schemas);
    }
    RefOr::Ref(Ref::from_schema_name(name))
}

/// A route as tests and other tools see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// In capital letters.
    pub method: &'static str,
    /// With its parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// The codes that are particular to it.
    pub codes: &'static [&'static Code],
}
