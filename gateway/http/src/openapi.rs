//! The OpenAPI 3.1 document, built from the table of routes: what is registered is documented.

use std::collections::BTreeMap;

use impresario_api::codes::{self, Code};
use impresario_api::{PROBLEM_JSON, Problem};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, Content, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref,
    RefOr, Required, Response, ResponseBuilder, Schema,
};

use crate::auth::Access;
use crate::route::{BodyRule, Method, Param, ParamKind, Route, Schemas, schema_of};
use crate::routes;

const ABOUT: &str = "\
Events in, live profiles and segments out.\n\n\
**Credentials.** API keys (`imp_wk_…` to send events, `imp_sk_…` with scopes) and user tokens as \
`Authorization: Bearer`; the tracking routes also take the key as the Basic user name or as \
`writeKey` in the body. The tenant is always that of the credential.\n\n\
**Limits.** Every plan has a burst per second and requests per UTC day (free 1 000, pro 100 000 by \
default; a batch counts once). `RateLimit-Policy` and `RateLimit` say where you stand; past them \
the answer is 429 with `Retry-After`.\n\n\
**Repeating.** Send `Idempotency-Key` with a `POST` to make repeating it safe for at least 24 \
hours; events are counted once by their message id anyway.\n\n\
**Problems.** Every error is `application/problem+json` (RFC 9457) with a stable `code`, explained \
under `/docs/errors/<code>`.\n\n\
**JSON.** At most 32 levels deep; U+0000 and lone surrogates are refused. Of duplicate keys in an \
event the last one counts; other documents with duplicate fields are refused.";

/// The document's text.
pub(crate) fn document_json() -> String {
    // The document holds only values that have a JSON form.
    serde_json::to_string(&document()).unwrap_or_default()
}

fn document() -> OpenApi {
    let mut schemas: Schemas = Vec::new();
    schema_of::<Problem>(&mut schemas);
    let mut paths = Paths::new();
    for route in routes::all() {
        let operation = operation(route, &mut schemas);
        let item = paths.paths.entry(route.path.to_owned()).or_default();
        item.merge_operations(PathItem::new(method(route.method), operation));
    }
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)))
        .security_scheme(
            "header",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
        )
        .security_scheme("root", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Impresario")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(ABOUT))
                .build(),
        )
        .paths(paths)
        .components(Some(components))
        .tags(Some(CHAPTERS.map(|name| TagBuilder::new().name(name).build())))
        .build()
}

/// The order in which the reference shows the tags: what a newcomer needs comes first.
const CHAPTERS: [&str; 20] = [
    "Tracking",
    "Events",
    "Profiles",
    "Segments",
    "Conversations",
    "Knowledge",
    "Catalogue",
    "Assistant",
    "Models",
    "Platforms",
    "Widget",
    "OpenAI",
    "Agents",
    "Webhooks",
    "Live",
    "Account",
    "Tenants",
    "Operators",
    "Health",
    "Documentation",
];

fn method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    }
}

fn operation(route: &Route, schemas: &mut Schemas) -> Operation {
    let mut about = route.about.to_owned();
    if let Some(scope) = route.access.scope() {
        about.push_str(&format!("\n\nScope: `{scope}`."));
    }
    let mut operation = OperationBuilder::new()
        .tag(route.tag)
        .summary(Some(route.summary))
        .description(Some(about.trim_start().to_owned()))
        .operation_id(Some(operation_id(route)));
    for security in securities(route.access) {
        operation = operation.security(security);
    }
    for name in path_params(route.path) {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).build();
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(Schema::Object(text)))
                .build(),
        );
    }
    for param in route.query {
        operation = operation.parameter(query_param(param));
    }
    if route.idempotent {
        operation = operation
            .parameter(header_param("Idempotency-Key", "Makes repeating the request safe."));
    }
    if route.path.starts_with("/v1/") {
        operation = operation.parameter(header_param(
            "X-Strict-Mode",
            "`1`: say what is wrong with refused events.",
        ));
    }
    if let Some(takes) = route.takes {
        let content = ContentBuilder::new().schema(Some(takes(schemas))).build();
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .content("application/json", content)
                .required(Some(Required::True))
                .build(),
        ));
    }
    if matches!(route.body, BodyRule::File | BodyRule::Hook) {
        operation = operation.request_body(Some(bytes_body(route.body)));
    }
    operation = operation.response(route.status.to_string(), success(route, schemas));
    if takes_many(route) {
        operation = operation.response("207", partial(schemas));
    }
    for (status, response) in problems(route) {
        operation = operation.response(status.to_string(), response);
    }
    operation.build()
}

/// Whatever bytes: the media type says what they are.
fn bytes_body(rule: BodyRule) -> utoipa::openapi::request_body::RequestBody {
    let required = if rule == BodyRule::File { Required::True } else { Required::False };
    RequestBodyBuilder::new()
        .content("application/octet-stream", Content::default())
        .required(Some(required))
        .build()
}

/// Routes whose body may be many events answer `207` when some were refused.
fn takes_many(route: &Route) -> bool {
    route.body == BodyRule::Events
        && (route.path.starts_with("/api/") || route.path.ends_with("/batch"))
}

fn partial(schemas: &mut Schemas) -> Response {
    let schema = schema_of::<impresario_api::IngestReply>(schemas);
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description("Some events were refused")
        .content("application/json", content)
        .build()
}

fn operation_id(route: &Route) -> String {
    let mut id = route.method.as_str().to_lowercase();
    for part in route.path.split(['/', '-', '.']).filter(|part| !part.is_empty()) {
        id.push('_');
        id.push_str(part.trim_matches(['{', '}']));
    }
    id
}

fn path_params(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn query_param(param: &Param) -> utoipa::openapi::path::Parameter {
    let schema = match param.kind {
        ParamKind::Text => ObjectBuilder::new().schema_type(SchemaType::new(Type::String)),
        ParamKind::Flag => ObjectBuilder::new().schema_type(SchemaType::new(Type::Boolean)),
        ParamKind::Time => ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
        ParamKind::Number { min, max } => ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Integer))
            .minimum(Some(min))
            .maximum(Some(max)),
    };
    ParameterBuilder::new()
        .name(param.name)
        .parameter_in(ParameterIn::Query)
        .required(if param.required { Required::True } else { Required::False })
        .description(Some(param.about))
        .schema(Some(Schema::Object(schema.build())))
        .build()
}

fn header_param(name: &str, about: &str) -> utoipa::openapi::path::Parameter {
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(Schema::Object(text)))
        .build()
}

fn securities(access: Access) -> Vec<SecurityRequirement> {
    let any: [&str; 0] = [];
    let named = |name: &str| SecurityRequirement::new(name, any);
    match access {
        Access::Public => Vec::new(),
        Access::Root => vec![named("root")],
        Access::Tenant | Access::Scope(_) => vec![named("key"), named("header")],
        // The empty one: the key may be in the body.
        Access::Write => {
            vec![named("key"), named("basic"), named("header"), SecurityRequirement::default()]
        }
    }
}

fn success(route: &Route, schemas: &mut Schemas) -> Response {
    let mut response = ResponseBuilder::new().description(match route.status {
        101 => "The connection becomes a WebSocket",
        201 => "Made",
        204 => "Done",
        _ => "Done; this is the answer",
    });
    if let Some(gives) = route.gives {
        response = response
            .content(route.media, ContentBuilder::new().schema(Some(gives(schemas))).build());
    } else if route.status == 200 {
        response = response.content(route.media, Content::default());
    }
    response.build()
}

/// Problems by status: those that any route of this kind may answer, and the route's own.
fn problems(route: &Route) -> BTreeMap<u16, Response> {
    let mut known: Vec<&Code> =
        vec![&codes::PARAMETER_INVALID, &codes::INTERNAL, &codes::OVERLOADED, &codes::UNAVAILABLE];
    if route.access != Access::Public {
        known.extend([
            &codes::CREDENTIAL_MISSING,
            &codes::CREDENTIAL_INVALID,
            &codes::DEADLINE_EXCEEDED,
        ]);
        known.extend([
            &codes::OUTCOME_UNKNOWN,
            &codes::UNKNOWN_TENANT,
            &codes::ENTITY_RESTARTING,
            &codes::ENTITY_CRASHED,
        ]);
    }
    match route.access {
        Access::Public => {}
        Access::Root => known.push(&codes::ROOT_REQUIRED),
        Access::Write | Access::Tenant | Access::Scope(_) => {
            known.extend([
                &codes::KEY_REVOKED,
                &codes::KEY_EXPIRED,
                &codes::TOKEN_EXPIRED,
                &codes::TOKEN_INVALID,
            ]);
            known.extend([
                &codes::SCOPE_MISSING,
                &codes::TENANT_SUSPENDED,
                &codes::ORIGIN_NOT_ALLOWED,
            ]);
            known.extend([&codes::RATE_LIMITED, &codes::QUOTA_EXHAUSTED]);
            // With the root token, which names the tenant in a header.
            known.extend([&codes::TENANT_NOT_ONBOARDED, &codes::TENANT_DELETED]);
        }
    }
    if route.body.is_json() {
        known.extend([&codes::MALFORMED_JSON, &codes::INVALID_UTF8, &codes::INVALID_REQUEST]);
        known.extend([&codes::NESTED_TOO_DEEP, &codes::NUL_CHARACTER, &codes::NUMBER_OUT_OF_RANGE]);
    }
    if route.body.is_json() || route.body == BodyRule::File {
        known.extend([&codes::ENCODING_UNSUPPORTED, &codes::ENCODING_INVALID]);
    }
    if route.body != BodyRule::None {
        known.extend([&codes::BODY_TOO_LARGE, &codes::REQUEST_TIMEOUT]);
    }
    if route.idempotent {
        known.push(&codes::IDEMPOTENCY_KEY_INVALID);
        known.push(&codes::IDEMPOTENCY_KEY_REUSED);
    }
    if route.path.contains('{') {
        known.push(&codes::ROUTE_NOT_FOUND);
    }
    known.extend(route.codes);
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in known {
        let names = by_status.entry(code.status).or_default();
        if !names.contains(&code.name) {
            names.push(code.name);
        }
    }
    by_status.into_iter().map(|(status, names)| (status, problem(&names, route.foreign))).collect()
}

/// A problem document; a route that speaks for another API also answers in that one's own JSON.
fn problem(names: &[&str], is_foreign: bool) -> Response {
    let schema: RefOr<Schema> = RefOr::Ref(Ref::from_schema_name(Problem::name()));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response = ResponseBuilder::new();
    if is_foreign {
        response = response.content("application/json", Content::default());
    }
    response
        .description(names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
        .content(PROBLEM_JSON, content)
        .extensions(Some(
            utoipa::openapi::extensions::ExtensionsBuilder::new()
                .add("x-codes", json!(names))
                .build(),
        ))
        .build()
}
