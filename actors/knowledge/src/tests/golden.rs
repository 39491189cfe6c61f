//! Bytes that were once stored must be read for ever.

use impresario_ids::MessageId;
use impresario_kernel::Personal;

use super::*;

/// Each value encodes to its line of the file, and the line decodes to the value.
#[derive(Default)]
struct Golden(Vec<String>);

impl Golden {
    fn add<T: Storable>(&mut self, name: &str, value: &T) {
        let bytes = encode(value);
        assert_eq!(decode::<T>(&bytes).ok().as_ref(), Some(value));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.push(format!("{name} {hex}"));
    }

    #[track_caller]
    fn check(&self, want: &str) {
        let got = self.0.join("\n");
        assert_eq!(got, want.trim_end(), "\n{got}\n");
    }
}

fn full() -> Content {
    Content {
        kind: Kind::Product,
        sections: vec![Section {
            path: vec!["h".to_owned()],
            page: Some(1),
            sheet: Some("s".to_owned()),
            text: "a b".to_owned(),
        }],
        chunks: vec![Chunk {
            section: 0,
            start: 0,
            end: 1,
            tokens: 1,
            row: Some(4),
            hash: ChunkHash([7; 32]),
        }],
        keywords: vec!["k".to_owned()],
        category: "c".to_owned(),
        priority: -1,
        audience: vec!["x".to_owned()],
        metadata: r#"{"m":1}"#.to_owned(),
        language: Some("en".to_owned()),
        product: Some(Product {
            sku: "D".to_owned(),
            price_micros: Some(1_000_000),
            currency: "EUR".to_owned(),
            stock: Some(3),
            slots: vec!["9:00".to_owned()],
            aliases: vec!["n".to_owned()],
            image: Some("i".to_owned()),
            complements: vec!["q".to_owned()],
        }),
        source: Source {
            filename: Some("f".to_owned()),
            mime: Some("m".to_owned()),
            url: Some("u".to_owned()),
            bytes: 5,
            hash: Some(ChunkHash([8; 32])),
        },
        external_id: Some("e".to_owned()),
        parent: Some(DocumentId::from_bytes([3; 16])),
        review_at: Some(at(5)),
        expires_at: Some(at(6)),
        ..content("a b")
    }
}

fn full_patch() -> Patch {
    Patch {
        title: Some("t".to_owned()),
        keywords: Some(vec!["k".to_owned()]),
        category: Some("c".to_owned()),
        priority: Some(1),
        audience: Some(vec!["x".to_owned()]),
        metadata: Some("{}".to_owned()),
        language: Field::Clear,
        review_at: Field::Set(at(1)),
        expires_at: Field::Keep,
        product: Some(Product::default()),
    }
}

#[test]
fn commands_and_replies() {
    let mut golden = Golden::default();
    golden.add("put", &Command::Put { content: Box::new(full()), expected_version: Some(2) });
    golden.add("put_bare", &put(Content::default()));
    golden.add("patch", &patch(full_patch()));
    golden.add("patch_nothing", &patch(Patch::default()));
    golden.add("delete", &Command::Delete);
    golden.add("restore", &Command::Restore);
    golden.add("erase", &Command::Erase);
    golden.add("vectors", &vectors("m", &["a"]));
    golden.add("reembed", &reembed("m"));
    golden.add("reviewed", &Command::MarkReviewed { next_review_at: Some(at(1)) });
    golden.add("failure", &failure(Stage::Embed));
    golden.add("expire", &Command::Expire);
    golden.add("remind", &Command::RemindReview);
    let reply = Reply { version: 1, status: Status::Active, changed: true, to_embed: 2 };
    golden.add("reply", &reply);
    golden.add("get", &Query::Get);
    golden.add("summary", &Query::Summary);
    golden.add("section", &Query::Section { section: 1 });
    golden.check(include_str!("golden/commands.txt"));
}

#[test]
fn events_and_effects() {
    let mut golden = Golden::default();
    golden.add("put", &Event::Put { version: 1, content: Box::new(full()), at: at(9) });
    golden.add("patched", &Event::Patched { version: 2, patch: Box::new(full_patch()), at: at(9) });
    golden.add("deleted", &Event::Deleted { at: at(9) });
    golden.add("restored", &Event::Restored { at: at(9) });
    golden.add("erased", &Event::Erased { at: at(9) });
    let items = vec![VectorItem { hash: ChunkHash([7; 32]), bytes: vec![1, 2].into() }];
    let (model, dim, encoding) = ("m".to_owned(), 1, Encoding::F16);
    golden.add("vectors", &Event::VectorsRecorded { model, dim, encoding, items, at: at(9) });
    golden.add("reembed", &Event::ReembedAsked { model: "m".to_owned(), at: at(9) });
    golden.add("reviewed", &Event::Reviewed { next_review_at: None, at: at(9) });
    golden.add("due", &Event::ReviewFellDue { at: at(9) });
    golden.add("expired", &Event::Expired { at: at(9) });
    let (collection, code, message) = ("c".to_owned(), "d".to_owned(), "e".to_owned());
    let (kind, stage) = (Kind::Service, Stage::Ingest);
    golden.add("failed", &Event::Failed { collection, kind, stage, code, message, at: at(9) });
    golden.add("embed", &Effect::Embed { version: 1, model: Some("m".to_owned()) });
    let webhook = Effect::Webhook {
        endpoint: EndpointId::from_bytes([5; 16]),
        message: MessageId::from_bytes([6; 16]),
        kind: "knowledge.expired".to_owned(),
        at: at(9),
        data: Personal("{}".to_owned()),
    };
    golden.add("webhook", &webhook);
    golden.check(include_str!("golden/events.txt"));
}

#[test]
fn states_rows_and_answers() {
    let mut golden = Golden::default();
    golden.add("empty", &State::default());
    let state = after([
        put_text("a b"),
        vectors("m", &["a", "b"]),
        reembed("n"),
        vectors("n", &["a"]),
        failure(Stage::Embed),
    ]);
    golden.add("state", &state);
    golden.add("row", &ListRow::of(&state));
    golden.add("document", &ask(&state, Query::Get));
    golden.add("section", &ask(&state, Query::Section { section: 0 }));
    golden.check(include_str!("golden/states.txt"));
}

#[test]
fn rejections_that_cross_nodes() {
    let mut golden = Golden::default();
    let problem = MetadataProblem { pointer: "/a".to_owned(), message: "m".to_owned() };
    for rejection in [
        Rejection::NotFound,
        Rejection::Deleted,
        Rejection::VersionConflict { expected: 1, actual: 2 },
        Rejection::CollectionNameInvalid,
        Rejection::CollectionUnknown("c".to_owned()),
        Rejection::TitleInvalid,
        Rejection::ContentInvalid("m".to_owned()),
        Rejection::TooManyChunks { chunks: 3_000 },
        Rejection::TooLarge { bytes: 9 },
        Rejection::FieldInvalid { field: "f".to_owned(), message: "m".to_owned() },
        Rejection::MetadataInvalid(vec![problem]),
        Rejection::VectorsInvalid("m".to_owned()),
        Rejection::VectorsTooLarge { bytes: 9 },
    ] {
        golden.add(rejection.code(), &rejection);
    }
    golden.check(include_str!("golden/rejections.txt"));
}
