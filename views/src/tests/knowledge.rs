use impresario_ids::DocumentId;
use impresario_knowledge::{Chunk, ChunkHash, Command as Tell, Content, Document, Section, Status};

use super::*;

fn id(number: u8) -> DocumentId {
    DocumentId::from_bytes([number; 16])
}

fn put(store: &Store, tenant: TenantId, number: u8, collection: &str) {
    let chunk =
        Chunk { section: 0, start: 0, end: 4, tokens: 1, row: None, hash: ChunkHash([1; 32]) };
    let content = Content {
        collection: collection.to_owned(),
        title: "A title".to_owned(),
        sections: vec![Section { text: "text".to_owned(), ..Section::default() }],
        chunks: vec![chunk],
        external_id: Some(format!("ext-{number}")),
        ..Content::default()
    };
    let command = Tell::Put { content: Box::new(content), expected_version: None };
    tell(store, tenant, number, command);
}

fn tell(store: &Store, tenant: TenantId, number: u8, command: Tell) {
    let key = impresario_knowledge::key(tenant, id(number));
    store.tell::<Document>(&key, command).expect("accepted");
}

#[track_caller]
fn check(store: &Store, collection: Option<&str>, status: Option<Status>, want: &[u8]) {
    let got = walk(2, |after| store.views.documents(ACME, collection, status, after, 2));
    let want: Vec<_> = want.iter().map(|number| id(*number)).collect();
    assert_eq!(
        got.iter().map(|item| item.id).collect::<Vec<_>>(),
        want,
        "{collection:?} {status:?}"
    );
}

#[test]
fn kno_02_documents_are_listed_and_leave_when_they_are_deleted() {
    let store = Store::new();
    for number in 1..=5 {
        put(&store, ACME, number, "product-docs");
    }
    put(&store, ACME, 6, "catalogue");
    put(&store, OTHER, 7, "product-docs");
    tell(&store, ACME, 2, Tell::Delete);
    tell(&store, ACME, 3, Tell::Erase);
    check(&store, None, None, &[1, 4, 5, 6]);
    check(&store, Some("product-docs"), None, &[1, 4, 5]);
    check(&store, Some("catalogue"), Some(Status::Active), &[6]);
    check(&store, Some("catalogue"), Some(Status::Expired), &[]);
    check(&store, None, Some(Status::Deleted), &[2]);
    check(&store, Some("catalogue"), Some(Status::Deleted), &[]);
    check(&store, Some("product"), None, &[]);
    tell(&store, ACME, 2, Tell::Restore);
    check(&store, Some("product-docs"), None, &[1, 2, 4, 5]);
    put(&store, ACME, 2, "catalogue");
    check(&store, Some("catalogue"), None, &[2, 6]);
}

#[test]
fn kno_11_the_census_says_what_changed() {
    let store = Store::new();
    put(&store, ACME, 1, "product-docs");
    put(&store, ACME, 2, "catalogue");
    let before = store.views.knowledge_census(ACME).expect("it is read").documents;
    assert_eq!(before.len(), 2);
    put(&store, ACME, 1, "catalogue");
    tell(&store, ACME, 2, Tell::Delete);
    let after = store.views.knowledge_census(ACME).expect("it is read").documents;
    assert_eq!(after.keys().copied().collect::<Vec<_>>(), [id(1)]);
    assert!(after[&id(1)].revision > before[&id(1)].revision);
    assert_eq!((after[&id(1)].version, after[&id(1)].chunks), (2, 1));
    let loaded = store.views.document(ACME, id(1)).expect("it is read");
    assert_eq!(loaded.state.passages().map(|passage| passage.text).collect::<Vec<_>>(), ["text"]);
    let counts = store.views.knowledge_counts(ACME).expect("they are read");
    let short: Vec<_> =
        counts.iter().map(|(name, count)| (name.as_str(), count.documents, count.chunks)).collect();
    assert_eq!(short, [("catalogue", 1, 1)]);
    assert_eq!(store.views.documents_of_external(ACME, "catalogue", "ext-1"), Ok(vec![id(1)]));
    assert_eq!(store.views.documents_of_external(ACME, "product-docs", "ext-1"), Ok(Vec::new()));
    assert_eq!(store.views.documents_of_external(OTHER, "catalogue", "ext-1"), Ok(Vec::new()));
}
