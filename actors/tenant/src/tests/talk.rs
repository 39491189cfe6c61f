use super::*;

fn configure(config: &str) -> Command {
    Command::ConfigureAssistant { config: config.to_owned() }
}

fn put(name: &str, settings: &str) -> Command {
    Command::PutConnection {
        name: name.to_owned(),
        kind: "whatsapp".to_owned(),
        settings: Personal(settings.to_owned()),
    }
}

fn remove(name: &str) -> Command {
    Command::RemoveConnection { name: name.to_owned() }
}

fn collection(name: &str) -> Collection {
    Collection {
        name: name.to_owned(),
        title: "Recipes".to_owned(),
        description: String::new(),
        embedding: None,
        fields: Vec::new(),
    }
}

fn collect(collections: Vec<Collection>) -> Command {
    Command::ConfigureCollections { collections }
}

#[test]
fn cnv_05_the_assistant_is_configured_and_counts_its_versions() {
    let given = || [onboard(Plan::Free), configure(r#"{"name":"Ada"}"#)];
    check(given(), configure(r#"{"name":"Ada"}"#), "unchanged");
    check(given(), configure("{}"), "AssistantConfigured");
    for wrong in ["", "[]", "{", "7"] {
        check(given(), configure(wrong), "refused assistant_invalid");
    }
    let huge = format!(r#"{{"name":"{}"}}"#, "x".repeat(64 * 1_024));
    check(given(), configure(&huge), "refused assistant_invalid");
    check([onboard(Plan::Free), suspend()], configure("{}"), "refused tenant_suspended");
    let mut story = Story::told(given());
    story.now = Timestamp::from_ms(5);
    story.tell(configure("{}"));
    let assistant = story.state.assistant().expect("it is configured");
    assert_eq!((assistant.config.as_str(), assistant.version), ("{}", 2));
    assert_eq!(assistant.changed_at, Timestamp::from_ms(5));
    assert_eq!(story.state.policy_version(), story.state.version());
}

#[test]
fn int_03_connections_are_put_and_removed() {
    let given = || [onboard(Plan::Free), put("shop-wa", r#"{"token":"t"}"#)];
    check(given(), put("shop-wa", r#"{"token":"t"}"#), "unchanged");
    check(given(), put("shop-wa", r#"{"token":"u"}"#), "ConnectionPut");
    check(given(), put("second", "{}"), "ConnectionPut");
    for name in ["", "Shop", "a b", "é", "x/y", &"x".repeat(41)] {
        check(given(), put(name, "{}"), "refused connection_invalid");
    }
    check(given(), put("x", "token"), "refused connection_invalid");
    let huge = format!(r#"{{"token":"{}"}}"#, "x".repeat(16 * 1_024));
    check(given(), put("x", &huge), "refused connection_invalid");
    check(given(), remove("shop-wa"), "ConnectionRemoved");
    check(given(), remove("other"), "refused connection_unknown");
    let full = (0..100).map(|n| put(&format!("c{n}"), "{}"));
    let full = || std::iter::once(onboard(Plan::Enterprise)).chain(full.clone());
    check(full(), put("one-more", "{}"), "refused plan_limit_reached");
    check(full(), put("c7", r#"{"a":1}"#), "ConnectionPut");
    let mut story = Story::told(given());
    story.now = Timestamp::from_ms(7);
    story.tell(put("shop-wa", r#"{"token":"u"}"#));
    let connection = story.state.connection("shop-wa").expect("it is there");
    assert_eq!((connection.version, connection.created_at.as_ms()), (2, 0));
    assert_eq!(story.state.policy_version(), story.state.version());
    story.tell(Command::Delete);
    assert_eq!(story.state.connections().count(), 0);
}

#[test]
fn a_view_of_a_connection_names_its_settings_and_hides_their_values() {
    let story = Story::told([
        onboard(Plan::Free),
        put("wa", r#"{"token":"s3cret-value","phone_number_id":"17"}"#),
    ]);
    let connection = story.state.connection("wa").expect("it is there");
    let view = ConnectionView::of(connection);
    assert_eq!(view.settings, ["phone_number_id", "token"]);
    let shown = format!("{} {view:?}", serde_json::json!(view));
    assert!(!shown.contains("s3cret-value") && !shown.contains("17\""), "{shown}");
    assert!(!format!("{:?} {connection:?}", story.state).contains("s3cret-value"));
}

#[test]
fn kno_07_collections_are_named_once() {
    let given = || [onboard(Plan::Free), collect(vec![collection("recipes")])];
    check(given(), collect(vec![collection("recipes")]), "unchanged");
    check(given(), collect(Vec::new()), "CollectionsConfigured");
    check(given(), collect(vec![collection("a"), collection("a")]), "refused collections_invalid");
    check(given(), collect(vec![collection("A b")]), "refused collections_invalid");
    let field = |name: &str| CollectionField {
        name: name.to_owned(),
        kind: FieldKind::Date,
        required: true,
    };
    let fields = |names: &[&str]| {
        collect(vec![Collection {
            fields: names.iter().map(|name| field(name)).collect(),
            ..collection("a")
        }])
    };
    check(given(), fields(&["season", "year"]), "CollectionsConfigured");
    check(given(), fields(&["year", "year"]), "refused collections_invalid");
    check(given(), fields(&[""]), "refused collections_invalid");
    let many = (0..51).map(|n| collection(&format!("c{n}"))).collect();
    check(given(), collect(many), "refused collections_invalid");
    let story = Story::told(given());
    assert_eq!(story.state.collections(), [collection("recipes")]);
}

#[test]
fn what_is_wrong_with_collections_has_a_position() {
    let mut story = Story::told([onboard(Plan::Free)]);
    let wrong = Collection { embedding: Some(String::new()), ..collection("B") };
    let refused = story.try_tell(collect(vec![collection("a"), wrong])).expect_err("it is wrong");
    let detail = refused.detail().expect("positions");
    assert!(detail.contains(r#""/1/name""#) && detail.contains(r#""/1/embedding""#), "{detail}");
}
