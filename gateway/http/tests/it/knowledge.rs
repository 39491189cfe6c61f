//! What a tenant knows: entries, files, imports, the catalogue, collections, questions.

use axum::body::Body;
use http::Request;
use impresario_api as api;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::edge::{Keys, World};

const DOCUMENTS: &str = "/api/v1/knowledge/product-docs/documents";

/// The answer reads as the documented type and loses nothing on the way.
#[track_caller]
pub(crate) fn check_shape<T: DeserializeOwned + Serialize>(body: &Value) {
    let typed: T = serde_json::from_value(body.clone()).unwrap_or_else(|error| {
        panic!("the documented shape: {error}\n{body}");
    });
    assert_eq!(serde_json::to_value(&typed).expect("json"), *body);
}

fn returns() -> Value {
    json!({
        "title": "Returns", "content": "# Returns\n\nSend it back within 30 days.\n\n## Shoes\n\nUnworn.",
        "keywords": ["refund"], "external_id": "handbook/returns", "metadata": {"edition": 3}
    })
}

async fn make(world: &World, keys: &Keys, body: Value) -> String {
    let made = world.ask("POST", DOCUMENTS, &keys.secret, body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    check_shape::<api::DocumentSaved>(&made.body);
    made.body["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn kno_02_an_entrys_life() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let id = make(&world, &keys, returns()).await;
    let path = format!("{DOCUMENTS}/{id}");
    let shown = world.ask("GET", &path, &keys.secret, Value::Null).await;
    check_shape::<api::Document>(&shown.body);
    assert_eq!(shown.body["sections"][1]["path"], json!(["Returns", "Shoes"]), "{}", shown.body);
    assert_eq!((&shown.body["language"], &shown.body["version"]), (&json!("en"), &json!(1)));
    // The same again, found by its external id.
    let again = world.ask("POST", DOCUMENTS, &keys.secret, returns()).await;
    assert_eq!((&again.body["id"], &again.body["changed"]), (&json!(id), &json!(false)));
    let mut next = returns();
    next["content"] = json!("Send it back within 60 days.");
    next["expected_version"] = json!(1);
    next.as_object_mut().expect("an object").remove("external_id");
    let saved = world.ask("PUT", &path, &keys.secret, next.clone()).await;
    assert_eq!((saved.status.as_u16(), &saved.body["version"]), (200, &json!(2)), "{}", saved.body);
    let conflict = world.ask("PUT", &path, &keys.secret, next).await;
    assert_eq!((conflict.status.as_u16(), conflict.code()), (409, "document_version_conflict"));
    assert_eq!(conflict.body["info"], json!({"expected": 1, "actual": 2}));
    let patched = world.ask("PATCH", &path, &keys.secret, json!({"priority": 7})).await;
    assert_eq!(patched.body["version"], 3, "{}", patched.body);
    let reviewed = world
        .ask(
            "POST",
            &format!("{path}/reviewed"),
            &keys.secret,
            json!({"next_review_at": "2027-05-01"}),
        )
        .await;
    assert_eq!(reviewed.status, 200, "{}", reviewed.body);
    let shown = world.ask("GET", &path, &keys.secret, Value::Null).await;
    assert_eq!(shown.body["external_id"], "handbook/returns", "it keeps its name");
    assert_eq!(shown.body["review_at"], "2027-05-01T00:00:00Z", "{}", shown.body);
    for (method, rest, status) in [
        ("DELETE", "", "deleted"),
        ("POST", "/restore", "active"),
        ("DELETE", "?erase=true", "erased"),
    ] {
        let answer = world.ask(method, &format!("{path}{rest}"), &keys.secret, Value::Null).await;
        assert_eq!(answer.body["status"], status, "{}", answer.body);
    }
    let gone = world.ask("GET", &path, &keys.secret, Value::Null).await;
    assert_eq!((gone.status.as_u16(), gone.code()), (404, "document_not_found"));
}

#[tokio::test]
async fn entries_that_cannot_be_are_refused_with_a_place() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let with = |name: &str, value: Value| {
        let mut body = returns();
        body[name] = value;
        body
    };
    for (body, code, pointer) in [
        (with("title", json!("")), "document_title_invalid", "/title"),
        (with("content", json!("  ")), "document_content_invalid", "/content"),
        (with("media", json!("image/png")), "invalid_request", "/media"),
        (with("priority", json!(1_000)), "document_field_invalid", "/priority"),
        (with("colour", json!(1)), "invalid_request", ""),
        (with("expires_at", json!("soon")), "parameter_invalid", ""),
    ] {
        let refused = world.ask("POST", DOCUMENTS, &keys.secret, body).await;
        assert_eq!(refused.code(), code, "{}", refused.body);
        if !pointer.is_empty() {
            assert_eq!(refused.body["pointer"], pointer, "{}", refused.body);
        }
    }
    let unknown = "/api/v1/knowledge/recipes/documents";
    let refused = world.ask("POST", unknown, &keys.secret, returns()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (404, "collection_unknown"));
    let id = make(&world, &keys, returns()).await;
    let elsewhere = format!("/api/v1/knowledge/market-trends/documents/{id}");
    for method in ["GET", "DELETE"] {
        let refused = world.ask(method, &elsewhere, &keys.secret, Value::Null).await;
        assert_eq!(refused.code(), "document_not_found", "{}", refused.body);
    }
}

#[tokio::test]
async fn ten_02_nobody_reads_what_another_tenant_knows() {
    let world = World::new().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let id = make(&world, &ours, returns()).await;
    let path = format!("{DOCUMENTS}/{id}");
    for (method, body) in [
        ("GET", Value::Null),
        ("PUT", returns()),
        ("PATCH", json!({"priority": 1})),
        ("DELETE", Value::Null),
    ] {
        let refused = world.ask(method, &path, &theirs.secret, body).await;
        assert_eq!(refused.code(), "document_not_found", "{method} {}", refused.body);
    }
    let listed = world.ask("GET", DOCUMENTS, &ours.secret, Value::Null).await;
    check_shape::<api::Page<api::DocumentRow>>(&listed.body);
    assert_eq!(listed.body["items"][0]["id"], json!(id), "{}", listed.body);
    let listed = world.ask("GET", DOCUMENTS, &theirs.secret, Value::Null).await;
    assert_eq!(listed.body, json!({"items": [], "next": null}));
    let wrong = format!("{DOCUMENTS}?status=lost");
    assert_eq!(
        world.ask("GET", &wrong, &ours.secret, Value::Null).await.code(),
        "parameter_invalid"
    );
}

#[tokio::test]
async fn kno_08_files_are_read_where_they_can_be() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let files = "/api/v1/knowledge/product-docs/files";
    let path = format!("{files}?filename=returns.md&category=service");
    let text = "# Returns\n\nSend it back within 30 days.";
    let made = world.post_bytes(&path, &keys.secret, "text/markdown", text).await;
    assert_eq!(made.status, 201, "{}", made.body);
    check_shape::<api::DocumentSaved>(&made.body);
    let id = made.body["id"].as_str().expect("an id");
    let shown =
        world.ask("GET", &format!("{DOCUMENTS}/{id}"), &keys.secret, Value::Null).await.body;
    assert_eq!((&shown["kind"], &shown["title"]), (&json!("file"), &json!("Returns")), "{shown}");
    assert_eq!(shown["source"]["filename"], "returns.md");
    let again = world.post_bytes(&path, &keys.secret, "text/markdown", text).await;
    assert_eq!((&again.body["id"], &again.body["changed"]), (&json!(id), &json!(false)));
    let png: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    let seen =
        world.post_bytes(&format!("{files}?filename=a.png"), &keys.secret, "image/png", png).await;
    assert_eq!(seen.status, 201, "a model describes it: {}", seen.body);
    for (name, media, bytes, status, code) in [
        (
            "x.bin",
            "application/octet-stream",
            &b"\0\x01\x02\xff\xfe"[..],
            415,
            "file_type_unsupported",
        ),
        ("x.pdf", "application/pdf", &b"%PDF-1.7 and nothing more"[..], 422, "file_damaged"),
        ("x.txt", "text/plain", &b"   "[..], 422, "file_without_text"),
    ] {
        let path = format!("{files}?filename={name}");
        let refused = world.post_bytes(&path, &keys.secret, media, bytes.to_vec()).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (status, code), "{}", refused.body);
    }
    let huge = vec![b'x'; 20 * 1_024 * 1_024 + 1];
    let refused = world.post_bytes(files, &keys.secret, "text/plain", huge).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (413, "body_too_large"));
}

#[tokio::test]
async fn kno_04_an_import_reports_every_row_and_changes_nothing_twice() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let path = "/api/v1/knowledge/import?collection=product-docs&filename=faq.csv";
    let csv = "id,title,content\n1,Returns,Within 30 days\n2,,No title here\n3,Shipping,Two days\n";
    let report = world.post_bytes(path, &keys.secret, "text/csv", csv).await;
    assert_eq!(report.status, 200, "{}", report.body);
    check_shape::<api::ImportReport>(&report.body);
    let sums = |body: &Value| {
        ["total", "created", "changed", "unchanged", "refused"].map(|name| body[name].as_u64())
    };
    assert_eq!(sums(&report.body), [3, 2, 0, 0, 1].map(Some), "{}", report.body);
    let again = world.post_bytes(path, &keys.secret, "text/csv", csv).await;
    assert_eq!(sums(&again.body), [3, 0, 0, 2, 1].map(Some), "{}", again.body);
    let changed = csv.replace("Two days", "Three days");
    let third = world.post_bytes(path, &keys.secret, "text/csv", changed).await;
    assert_eq!(sums(&third.body), [3, 0, 1, 1, 1].map(Some), "{}", third.body);
    let unreadable = world.post_bytes(path, &keys.secret, "application/json", "[1, 2").await;
    assert_eq!(unreadable.code(), "import_unreadable", "{}", unreadable.body);
    let nowhere = "/api/v1/knowledge/import?collection=none";
    let refused = world.post_bytes(nowhere, &keys.secret, "text/csv", csv).await;
    assert_eq!(refused.code(), "collection_unknown");
}

#[tokio::test]
async fn cnv_20_products_are_kept_with_exact_prices() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let item = json!({
        "name": "Trail shoe", "sku": "TS-7", "price": 89.9, "currency": "EUR", "stock": 12,
        "aliases": ["hiking shoe"]
    });
    let made = world.ask("POST", "/api/v1/catalogue", &keys.secret, item.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("/api/v1/catalogue/{}", made.body["id"].as_str().expect("an id"));
    let shown = world.ask("GET", &path, &keys.secret, Value::Null).await;
    check_shape::<api::Document>(&shown.body);
    assert_eq!(shown.body["product"]["price_micros"], 89_900_000, "{}", shown.body);
    let patched =
        world.ask("PATCH", &path, &keys.secret, json!({"stock": 3, "price": 79.95})).await;
    assert_eq!(patched.status, 200, "{}", patched.body);
    let product = &world.ask("GET", &path, &keys.secret, Value::Null).await.body["product"];
    assert_eq!((&product["stock"], &product["price_micros"]), (&json!(3), &json!(79_950_000)));
    assert_eq!(product["aliases"], json!(["hiking shoe"]), "what is not given stays");
    let again = world.ask("POST", "/api/v1/catalogue", &keys.secret, item).await;
    assert_eq!(again.body["id"], made.body["id"], "known by its sku");
    let wrong = json!({"name": "x", "price": 0.000_000_1, "currency": "EUR"});
    let refused = world.ask("POST", "/api/v1/catalogue", &keys.secret, wrong).await;
    assert_eq!(
        (refused.code(), &refused.body["pointer"]),
        ("document_field_invalid", &json!("/price"))
    );
    let listed = world.ask("GET", "/api/v1/catalogue", &keys.secret, Value::Null).await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1), "{}", listed.body);
    let csv = "sku,name,price,currency\nA-1,Socks,4.50,EUR\nA-2,Hat,cheap,EUR\n";
    let report = world.post_bytes("/api/v1/catalogue/import", &keys.secret, "text/csv", csv).await;
    check_shape::<api::ImportReport>(&report.body);
    assert_eq!(
        (&report.body["created"], &report.body["refused"]),
        (&json!(1), &json!(1)),
        "{}",
        report.body
    );
}

#[tokio::test]
async fn kno_07_collections_are_configured() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let path = "/api/v1/knowledge/collections";
    let body = json!({"collections": [{
        "name": "recipes", "title": "Recipes",
        "fields": [{"name": "season", "kind": "text", "required": true}]
    }]});
    let put = world.ask("PUT", path, &keys.secret, body).await;
    assert_eq!((put.status.as_u16(), &put.body["changed"]), (200, &json!(true)), "{}", put.body);
    let shown = world.ask("GET", path, &keys.secret, Value::Null).await;
    check_shape::<api::Collections>(&shown.body);
    assert_eq!(shown.body["collections"][0]["name"], "recipes");
    for (collection, pointer) in [
        (json!({"name": "Bad Name"}), "/collections/0/name"),
        (
            json!({"name": "a", "fields": [{"name": "x", "kind": "colour"}]}),
            "/collections/0/fields/0/kind",
        ),
    ] {
        let refused =
            world.ask("PUT", path, &keys.secret, json!({"collections": [collection]})).await;
        assert_eq!(refused.code(), "collections_invalid", "{}", refused.body);
        let at = &refused.body["errors"][0]["pointer"];
        assert!(*at == pointer || refused.body["pointer"] == pointer, "{}", refused.body);
    }
}

#[tokio::test]
async fn kno_03_questions_are_bounded_before_they_are_asked() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    for (path, name) in
        [("/api/v1/knowledge/search", "query"), ("/api/v1/knowledge/answer", "question")]
    {
        let asked = world
            .ask(
                "POST",
                path,
                &keys.secret,
                json!({name: "how long", "techniques": {"mmr": false}}),
            )
            .await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        for text in [String::new(), " ".to_owned(), "x".repeat(2_001)] {
            let refused = world.ask("POST", path, &keys.secret, json!({name: text})).await;
            assert_eq!(
                (refused.code(), &refused.body["pointer"]),
                ("invalid_request", &json!(format!("/{name}")))
            );
        }
        let refused = world
            .ask("POST", path, &keys.secret, json!({name: "x", "collections": ["none"]}))
            .await;
        assert_eq!(refused.code(), "collection_unknown");
        let refused = world
            .ask("POST", path, &keys.secret, json!({name: "x", "techniques": {"magic": true}}))
            .await;
        assert_eq!(refused.code(), "invalid_request");
    }
    let many = json!({"query": "x", "limit": 51});
    let refused = world.ask("POST", "/api/v1/knowledge/search", &keys.secret, many).await;
    assert_eq!(refused.body["pointer"], "/limit");
    let status = world.ask("GET", "/api/v1/knowledge/status", &keys.secret, Value::Null).await;
    check_shape::<api::KnowledgeStatus>(&status.body);
}

#[tokio::test]
async fn a_repeated_post_makes_one_entry() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let post = |content: &str| {
        Request::post(DOCUMENTS)
            .header("authorization", format!("Bearer {}", keys.secret))
            .header("idempotency-key", "one")
            .body(Body::from(json!({"title": "Hours", "content": content}).to_string()))
            .expect("a request")
    };
    let (first, again) =
        (world.send(post("Nine to five")).await, world.send(post("Nine to five")).await);
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.body, again.body);
    let other = world.send(post("Ten to four")).await;
    assert_eq!(other.code(), "idempotency_key_reused", "{}", other.body);
}
