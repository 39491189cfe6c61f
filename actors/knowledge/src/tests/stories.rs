use super::*;

#[test]
fn kno_02_a_document_is_put_changed_deleted_and_restored() {
    check(&[], put_text("a b"), "v1 Active, embed v1 minilm");
    let put_once = [put_text("a b")];
    check(&put_once, put_text("a b"), "unchanged v1 Active");
    check(&put_once, put_text("a c"), "v2 Active, embed v2 minilm");
    check(&put_once, Command::Delete, "v1 Deleted");
    let deleted = [put_text("a b"), Command::Delete];
    check(&deleted, Command::Delete, "unchanged v1 Deleted");
    check(&deleted, put_text("a b"), "document_deleted");
    check(&deleted, patch(Patch::default()), "document_deleted");
    check(&deleted, Command::Restore, "v1 Active, embed v1 minilm");
    check(&put_once, Command::Restore, "unchanged v1 Active");
    check(&put_once, Command::Erase, "v1 Erased");
    let erased = [put_text("a b"), Command::Erase];
    check(&erased, Command::Restore, "document_not_found");
    check(&erased, Command::Erase, "unchanged v1 Erased");
    check(&erased, put_text("a b"), "v2 Active, embed v2 minilm");
    for command in [Command::Delete, Command::Restore, Command::Erase, patch(Patch::default())] {
        check(&[], command, "document_not_found");
    }
}

#[test]
fn versions_are_checked_before_a_put() {
    let expecting =
        |version| Command::Put { content: Box::new(content("x")), expected_version: Some(version) };
    check(&[], expecting(0), "v1 Active, embed v1 minilm");
    check(&[], expecting(1), "document_version_conflict");
    check(&[put_text("a")], expecting(1), "v2 Active, embed v2 minilm");
    check(&[put_text("a")], expecting(0), "document_version_conflict");
    check(&[put_text("a"), Command::Erase], expecting(0), "v2 Active, embed v2 minilm");
}

#[test]
fn kno_11_only_changed_chunks_lose_their_vectors() {
    let embedded = [put_text("a b"), vectors(MODEL, &["a", "b"])];
    let [put_it, vectors_of_it] = embedded.clone();
    check(&[put_it], vectors_of_it.clone(), "v1 Active, serves minilm 2");
    check(&embedded, vectors_of_it, "unchanged v1 Active, serves minilm 2");
    check(&embedded, put_text("b a"), "v2 Active, serves minilm 2");
    check(&embedded, put_text("a c"), "v2 Active, serves minilm 1, embed v2 minilm");
    let changed = [put_text("a b"), vectors(MODEL, &["a", "b"]), put_text("a c")];
    let state = after(changed.clone());
    assert_eq!(state.missing(MODEL), [hash_of("c")]);
    check(&changed, vectors(MODEL, &["b"]), "unchanged v2 Active, serves minilm 1");
    check(&changed, vectors(MODEL, &["b", "c"]), "v2 Active, serves minilm 2");
    check(&[put_text("a b")], vectors(MODEL, &["a"]), "v1 Active, builds minilm 1");
    check(&[], vectors(MODEL, &["a"]), "unchanged v0 Draft");
}

#[test]
fn kno_10_another_model_serves_when_it_is_complete() {
    let embedded = [put_text("a b"), vectors(MODEL, &["a", "b"])];
    check(&embedded, reembed(MODEL), "unchanged v1 Active, serves minilm 2");
    check(
        &embedded,
        reembed("large"),
        "v1 Active, serves minilm 2, builds large 0, embed v1 large",
    );
    let asked = [embedded.as_slice(), &[reembed("large")]].concat();
    check(&asked, reembed("large"), "v1 Active, serves minilm 2, builds large 0, embed v1 large");
    check(&asked, vectors("large", &["a"]), "v1 Active, serves minilm 2, builds large 1");
    check(&asked, reembed(MODEL), "v1 Active, serves minilm 2");
    let half = [asked.as_slice(), &[vectors("large", &["a"])]].concat();
    check(&half, vectors("large", &["b"]), "v1 Active, serves large 2");
    // The chunk that is left is embedded already.
    check(&half, put_text("a"), "v2 Active, serves large 1, embed v2 minilm");
    check(&[], reembed("large"), "unchanged v0 Draft");
}

#[test]
fn a_model_of_another_form_replaces_its_vectors() {
    let state = after([put_text("a b"), vectors(MODEL, &["a", "b"])]);
    let wider = Command::RecordVectors {
        model: MODEL.to_owned(),
        dim: 4,
        encoding: Encoding::I8,
        items: vec![VectorItem { hash: hash_of("a"), bytes: vec![1, 2, 3, 4].into() }],
    };
    let decision = decide_at(&state, wider, 9).expect("accepted");
    assert_eq!(words(&state, &decision), "v1 Active, serves minilm 1");
}

#[test]
fn bad_vectors_are_refused() {
    let record = |dim, encoding, bytes: Vec<u8>| Command::RecordVectors {
        model: MODEL.to_owned(),
        dim,
        encoding,
        items: vec![VectorItem { hash: hash_of("a"), bytes: bytes.into() }],
    };
    let given = [put_text("a")];
    check(&given, record(0, Encoding::I8, vec![]), "vectors_invalid");
    check(&given, record(2, Encoding::F32, vec![0; 4]), "vectors_invalid");
    check(&given, record(1, Encoding::F32, f32::NAN.to_le_bytes().to_vec()), "vectors_invalid");
    check(&given, record(1, Encoding::F16, vec![0, 0x7c]), "vectors_invalid");
    check(&given, record(1, Encoding::F16, vec![0, 0x3c]), "v1 Active, serves minilm 1");
    let many: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();
    check(
        &[put_text(&many.join(" "))],
        record(2_000, Encoding::F32, vec![0; 8_000]),
        "vectors_too_large",
    );
}

#[test]
fn kno_01_documents_expire_and_fall_due_for_review() {
    let dated = |review: Option<i64>, end: Option<i64>| {
        put(Content { review_at: review.map(at), expires_at: end.map(at), ..content("a") })
    };
    check(
        &[],
        dated(Some(200), Some(300)),
        "v1 Active, embed v1 minilm, expire at 300ms, review at 200ms",
    );
    check(&[], dated(None, Some(50)), "v1 Expired");
    let both = [dated(Some(50), Some(90))];
    check(&both, Command::RemindReview, "v1 Active, knowledge.review_due, no review");
    check(&both, Command::Expire, "v1 Expired, knowledge.expired, no expire, no review");
    check(&both, Command::Delete, "v1 Deleted, no expire, no review");
    check(&[dated(Some(150), Some(150))], Command::Expire, "unchanged v1 Active");
    check(&[dated(Some(150), None)], Command::RemindReview, "unchanged v1 Active");
    let reminded = [dated(Some(2), None), Command::RemindReview];
    check(&reminded, Command::RemindReview, "unchanged v1 Active");
    let reviewed = |next: Option<i64>| Command::MarkReviewed { next_review_at: next.map(at) };
    check(&reminded, reviewed(Some(500)), "v1 Active, review at 500ms");
    check(&reminded, reviewed(None), "v1 Active");
    // An import that says nothing about reviews leaves them alone.
    check(&reminded, put_text("a"), "unchanged v1 Active");
    let later = Patch { expires_at: Field::Set(at(500)), ..Patch::default() };
    let expired = [dated(None, Some(2)), Command::Expire];
    check(&expired, patch(later), "v2 Active, embed v2 minilm, expire at 500ms");
    check(&expired, put_text("a"), "v2 Active, embed v2 minilm");
    let state = after([dated(None, Some(50))]);
    assert!(state.answerable(at(49)).is_some() && state.answerable(at(50)).is_none());
}

#[test]
fn kno_01_how_it_is_found_can_be_changed_alone() {
    let given = [put(Content { metadata: r#"{"a":1,"b":2}"#.to_owned(), ..content("a") })];
    let change = Patch {
        title: Some(" New ".to_owned()),
        keywords: Some(vec!["z".to_owned(), "k".to_owned(), "k".to_owned()]),
        metadata: Some(r#"{"a":null,"c":3}"#.to_owned()),
        ..Patch::default()
    };
    check(&given, patch(change.clone()), "v2 Active");
    let state = after([given[0].clone(), patch(change.clone())]);
    let content = state.content().expect("it was put");
    assert_eq!(content.title, "New");
    assert_eq!(content.keywords, ["k", "z"]);
    assert_eq!(content.metadata, r#"{"b":2,"c":3}"#);
    check(&[given[0].clone(), patch(change.clone())], patch(change), "unchanged v2 Active");
    check(
        &given,
        patch(Patch { priority: Some(101), ..Patch::default() }),
        "document_field_invalid",
    );
}

#[test]
fn kno_07_collections_and_their_metadata_are_checked() {
    let of = |collection: &str, metadata: &str| {
        let (collection, metadata) = (collection.to_owned(), metadata.to_owned());
        put(Content { collection, metadata, ..content("a") })
    };
    check(&[], of("Product Docs", ""), "collection_name_invalid");
    check(&[], of(&"x".repeat(41), ""), "collection_name_invalid");
    check(&[], of("unheard-of", ""), "collection_unknown");
    check(&[], of("papers", ""), "document_metadata_invalid");
    check(&[], of("papers", r#"{"author":"Ada","since":"soon"}"#), "document_metadata_invalid");
    check(
        &[],
        of("papers", r#"{"author":"Ada","since":"2026-01-31"}"#),
        "v1 Active, embed v1 minilm",
    );
    check(&[], of("product-docs", "[]"), "document_metadata_invalid");
    for name in COLLECTIONS {
        check(&[], of(name, ""), "v1 Active, embed v1 minilm");
    }
}

#[test]
fn what_is_put_is_checked() {
    let with = |change: fn(&mut Content)| {
        let mut content = content("a b");
        change(&mut content);
        put(content)
    };
    check(&[], with(|content| content.title = " ".to_owned()), "document_title_invalid");
    check(&[], with(|content| content.chunks[0].end = 9), "document_content_invalid");
    check(&[], with(|content| content.chunks[1].section = 1), "document_content_invalid");
    check(&[], with(|content| content.chunks[1].end = 2), "document_content_invalid");
    check(
        &[],
        with(|content| content.sections[0].text = "é b".to_owned()),
        "document_content_invalid",
    );
    check(
        &[],
        with(|content| content.chunks = vec![content.chunks[0]; 2_001]),
        "document_too_many_chunks",
    );
    check(
        &[],
        with(|content| content.sections[0].text.push_str(&"x".repeat(TEXT_BYTES_MAX))),
        "document_too_large",
    );
    check(
        &[],
        with(|content| content.language = Some("english!".to_owned())),
        "document_field_invalid",
    );
    check(&[], with(|content| content.kind = Kind::Product), "document_field_invalid");
    check(
        &[],
        with(|content| content.product = Some(Product::default())),
        "document_field_invalid",
    );
    check(&[], with(|content| content.external_id = Some(String::new())), "document_field_invalid");
}

#[test]
fn a_catalogue_item_is_a_document() {
    let item = |price: Option<i64>, currency: &str| {
        let product =
            Product { price_micros: price, currency: currency.to_owned(), ..Product::default() };
        let collection = "catalogue".to_owned();
        put(Content { kind: Kind::Product, product: Some(product), collection, ..content("a") })
    };
    check(&[], item(Some(9_990_000), "EUR"), "v1 Active, embed v1 minilm");
    check(&[], item(None, ""), "v1 Active, embed v1 minilm");
    check(&[], item(Some(1), ""), "document_field_invalid");
    check(&[], item(Some(-1), "EUR"), "document_field_invalid");
    check(&[], item(None, "euro"), "document_field_invalid");
    let sold = Product { stock: Some(2), ..Product::default() };
    check(&[item(None, "")], patch(Patch { product: Some(sold), ..Patch::default() }), "v2 Active");
}

#[test]
fn kno_08_failures_are_kept_until_the_next_success() {
    check(&[], failure(Stage::Ingest), "v0 Failed, knowledge.failed");
    check(&[failure(Stage::Ingest)], failure(Stage::Ingest), "unchanged v0 Failed");
    let retried = after([failure(Stage::Ingest), put_text("a")]);
    assert_eq!((retried.failure, retried.status), (None, Status::Active));
    let embedding = [put_text("a"), failure(Stage::Embed)];
    assert!(after(embedding.clone()).failure.is_some());
    let done = after([embedding.as_slice(), &[vectors(MODEL, &["a"])]].concat());
    assert_eq!(done.failure, None);
    check(&[put_text("a"), Command::Delete], failure(Stage::Embed), "unchanged v1 Deleted");
}

#[test]
fn the_view_is_ready_for_the_api() {
    let text = Content {
        metadata: r#"{"a":1}"#.to_owned(),
        expires_at: Some(at(86_400_000)),
        ..content("a b")
    };
    let state = after([put(text), vectors(MODEL, &["a", "b"])]);
    let Answer::Document(Some(view)) = ask(&state, Query::Get) else { panic!("no view") };
    let json = serde_json::to_value(&view).expect("serializes");
    assert_eq!(json["metadata"], serde_json::json!({"a": 1}));
    assert_eq!(json["expires_at"], "1970-01-02T00:00:00Z");
    assert_eq!(json["chunks"][1]["start"], 2);
    assert_eq!(
        json["models"],
        serde_json::json!([
            {"model": MODEL, "dim": 2, "encoding": "i8", "serving": true, "missing": 0}
        ])
    );
    let Answer::Document(Some(summary)) = ask(&state, Query::Summary) else { panic!("none") };
    assert!(summary.sections.is_empty() && summary.chunk_count == 2);
    let Answer::Section(Some(section)) = ask(&state, Query::Section { section: 0 }) else {
        panic!("no section")
    };
    assert_eq!(section.text, "a b");
    assert_eq!(ask(&state, Query::Section { section: 1 }), Answer::Section(None));
    assert_eq!(ask(&State::default(), Query::Get), Answer::Document(None));
    let texts: Vec<&str> = state.passages().map(|passage| passage.text).collect();
    assert_eq!(texts, ["a", "b"]);
    assert!(!format!("{state:?} {view:?}").contains("Returns"), "titles do not print");
}

#[test]
fn timers_and_ids_are_the_same_for_ever() {
    assert_eq!(Document::on_timer("expire"), Some(Command::Expire));
    assert_eq!(Document::on_timer("review"), Some(Command::RemindReview));
    assert_eq!(Document::on_timer("other"), None);
    let tenant = TenantId::from_bytes([1; 16]);
    assert_eq!(
        id_of_external(tenant, "product-docs", "q1").to_string(),
        "doc_5f0dwxyhp7w4r6dzm7hg185xjn"
    );
}
