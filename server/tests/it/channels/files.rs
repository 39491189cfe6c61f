//! Files of chats: fetched from the platform for people, and given to it to be sent.

use serde_json::{Value, json};

use super::shop::{Shop, is, now_s, whatsapp, written};

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_fetched_from_the_platform_and_a_file_is_sent_through_it() {
    let shop = Shop::connected(&["whatsapp", "slack"], &[]).await;
    let picture = json!({
        "type": "image",
        "image": { "id": "900100", "mime_type": "image/jpeg", "caption": "Is this broken?" },
    });
    shop.hear("whatsapp", &whatsapp("wamid.A", now_s(), picture)).await;
    let shown = shop.until(|shown| shown["counters"]["received"] == 1).await;
    let sent = &shown["messages"][0];
    assert_eq!(sent["content"][0]["id_or_url"], "900100", "{sent}");
    let path = shop.path().await;
    let (status, headers, bytes) =
        shop.node.download(&format!("{path}/messages/{}/file", sent["seq"])).await;
    assert_eq!((status.as_u16(), bytes.as_slice()), (200, b"bytes of 900100".as_slice()));
    assert_eq!(headers["content-type"], "image/jpeg");
    assert_eq!(headers["content-disposition"], "attachment; filename=\"file\"");
    assert_eq!(headers["content-security-policy"], "default-src 'none'; sandbox");
    let log = shop.farm.farm.log();
    let asked = log.iter().filter(|entry| entry.method == "GET" && entry.path.contains("900100"));
    let keys: Vec<_> = asked.map(|entry| entry.header("authorization")).collect();
    assert_eq!(keys, [Some("Bearer token"); 2], "its address, and then itself");

    let upload = "/api/v1/connections/whatsapp/files?filename=label.pdf";
    let (status, stored) = shop.node.upload(upload, "application/pdf", b"%PDF-1.7 a label").await;
    assert_eq!(status.as_u16(), 201, "{stored}");
    let label = json!({
        "type": "media", "kind": "document", "id_or_url": stored["id"], "name": "label.pdf",
        "mime": "application/pdf", "caption": "Your label",
    });
    let reply = shop.reply(label).await;
    shop.fate(&reply, is("sent")).await;
    let given = shop.given("whatsapp").pop().expect("one").json();
    let document = json!({ "id": stored["id"], "caption": "Your label", "filename": "label.pdf" });
    assert_eq!((&given["type"], &given["document"]), (&json!("document"), &document));
    let log = shop.farm.farm.log();
    let stored = log.iter().find(|entry| entry.path.ends_with("/1065/media")).expect("given");
    assert!(stored.body.contains("filename=\"label.pdf\""), "{}", stored.body);
    assert!(stored.body.contains("%PDF-1.7 a label"), "{}", stored.body);
    refused(&shop, &path).await;
}

/// What has no file, and who keeps none.
async fn refused(shop: &Shop, path: &str) {
    shop.hear("whatsapp", &written("whatsapp", "wamid.B", "Thanks")).await;
    let shown = shop.until(|shown| shown["counters"]["received"] == 2).await;
    let last = shown["messages"].as_array().and_then(|all| all.last()).cloned().expect("one");
    for number in [last["seq"].as_u64().unwrap_or_default(), 1_000] {
        let (status, answer) =
            shop.node.ask("GET", &format!("{path}/messages/{number}/file"), Value::Null).await;
        assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("chat_file_unavailable")));
    }
    for (connection, status, code) in
        [("slack", 422, "chat_file_unsupported"), ("fax", 404, "connection_unknown")]
    {
        let path = format!("/api/v1/connections/{connection}/files?filename=a.pdf");
        let (given, answer) = shop.node.upload(&path, "application/pdf", b"%PDF").await;
        assert_eq!((given.as_u16(), &answer["code"]), (status, &json!(code)), "{answer}");
    }
}
