//! The PRD: versioned Markdown, where no change overwrites another unseen; and its tree.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::at_once::{at_once, count, fault_of};
use super::people::{self, home_with};
use super::projects::{body, make_at, share};
use super::support::{Session, error_of, header, text};

const MEGABYTE: usize = 1 << 20;
const NODES: &str = "application/vnd.claviger.nodes+json";

async fn put(session: &Session, project: &str, tag: &str, content: &str) -> Response {
    let request = session.request(Method::PUT, &format!("{project}/prd")).header("If-Match", tag);
    request.json(&json!({ "content": content })).send().await.unwrap()
}

async fn nodes(session: &Session, path: &str) -> Response {
    session.request(Method::GET, path).header("Accept", NODES).send().await.unwrap()
}

#[tokio::test]
async fn a_prd_begins_empty_and_every_version_is_kept() {
    let (app, ada) = home_with(&[("max", "member")]).await;
    let max = people::sign_in(&app, "max").await;
    let project = make_at(&ada, "x").await;
    share(&ada, &project, "usr_max", "write").await;
    let path = format!("{project}/prd");
    let response = ada.get(&path).await;
    assert_eq!((header(&response, "etag"), header(&response, "vary")), ("\"0\"", "Accept"));
    let empty = json!({ "content": "", "version": 0, "updatedAt": null, "updatedBy": null });
    assert_eq!(body(response).await, empty);
    assert_eq!(body(ada.get(&format!("{path}/versions")).await).await, json!({ "items": [], "nextCursor": null }));
    let same = put(&ada, &project, "\"0\"", "").await;
    assert_eq!(body(same).await, empty, "the same text again is no version");

    let response = put(&ada, &project, "\"0\"", "# One").await;
    assert_eq!(header(&response, "etag"), "\"1\"");
    body(response).await;
    app.clock.advance_ms(1_000);
    let second = body(put(&max, &project, "\"1\"", "# Zwölf").await).await;
    assert_eq!(
        second,
        json!({ "content": "# Zwölf", "version": 2, "updatedAt": "2030-01-01T00:00:01.000Z",
                "updatedBy": { "kind": "user", "id": "usr_max", "name": "max" } })
    );
    assert_eq!(body(put(&ada, &project, "\"2\"", "# Zwölf").await).await, second);
    assert_eq!(body(ada.get(&path).await).await, second);
    let of_project = body(ada.get(&project).await).await;
    assert_eq!((&of_project["updatedAt"], &of_project["version"]), (&second["updatedAt"], &json!(2)));

    let versions = body(ada.get(&format!("{path}/versions")).await).await;
    assert_eq!(
        versions["items"][0],
        json!({ "version": 2, "bytes": 8, "updatedAt": second["updatedAt"], "updatedBy": second["updatedBy"] })
    );
    assert_eq!(
        (&versions["items"][1]["version"], &versions["items"][1]["updatedBy"]["name"]),
        (&json!(1), &json!("Ada"))
    );
    let page = body(ada.get(&format!("{path}/versions?limit=1")).await).await;
    let next = format!("{path}/versions?limit=1&cursor={}", text(&page["nextCursor"]));
    let page = body(ada.get(&next).await).await;
    assert_eq!((&page["items"][0], &page["nextCursor"]), (&versions["items"][1], &Value::Null));
    let response = ada.get(&format!("{path}/versions/1")).await;
    assert_eq!(header(&response, "etag"), "\"1\"");
    assert_eq!(body(response).await["content"], "# One");
    assert_eq!(body(ada.get(&format!("{path}/versions/2")).await).await, second);
    for none in ["0", "3", "-1", "x", "9223372036854775808"] {
        let response = ada.get(&format!("{path}/versions/{none}")).await;
        assert_eq!(error_of(response).await, (404, "NOT_FOUND".into()), "{none}");
    }
    assert_eq!(body(put(&ada, &project, "\"2\"", "").await).await["version"], 3, "it can be emptied");
}

#[tokio::test]
async fn who_does_not_say_which_version_they_change_changes_none() {
    let (_app, ada) = home_with(&[]).await;
    let project = make_at(&ada, "x").await;
    let path = format!("{project}/prd");
    body(put(&ada, &project, "\"0\"", "first").await).await;
    let unsaid = ada.request(Method::PUT, &path).json(&json!({ "content": "second" })).send().await.unwrap();
    assert_eq!(error_of(unsaid).await, (428, "VERSION_REQUIRED".into()));
    for (tag, expected) in [
        ("*", (428, "VERSION_REQUIRED")),
        ("\"0\"", (412, "VERSION_MISMATCH")),
        ("\"2\"", (412, "VERSION_MISMATCH")),
        ("W/\"1\"", (412, "VERSION_MISMATCH")),
        ("\"one\"", (412, "VERSION_MISMATCH")),
        ("1", (400, "VALIDATION_FAILED")),
    ] {
        let (status, code) = error_of(put(&ada, &project, tag, "second").await).await;
        assert_eq!((status, code.as_str()), expected, "{tag}");
    }
    // Before the body is looked at.
    let nonsense = ada.request(Method::PUT, &path).json(&json!({ "nonsense": 1 })).send().await.unwrap();
    assert_eq!(error_of(nonsense).await.0, 428);
    for wish in
        [json!({}), json!({ "content": 7 }), json!({ "content": "x", "version": 9 }), json!({ "content": "a\u{0}" })]
    {
        let request = ada.request(Method::PUT, &path).header("If-Match", "\"1\"").json(&wish);
        let (status, code, _) = fault_of(request.send().await.unwrap()).await;
        assert_eq!((status, code.as_str()), (400, "VALIDATION_FAILED"), "{wish}");
    }
    assert_eq!(body(ada.get(&path).await).await["content"], "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_that_write_at_once_one_does_and_the_others_are_told() {
    let (_app, ada) = home_with(&[]).await;
    let project = make_at(&ada, "x").await;
    for version in 0..2 {
        let tag = format!("\"{version}\"");
        let (session, project, winner) = (&ada, &project, &AtomicUsize::new(usize::MAX));
        let results = at_once(64, |index| {
            let (session, project, tag) = (session.clone(), project.clone(), tag.clone());
            async move {
                let response = put(&session, &project, &tag, &format!("{tag} by {index}")).await;
                let status = response.status().as_u16();
                if status == 412 {
                    assert_eq!(error_of(response).await.1, "VERSION_MISMATCH");
                }
                (status, index)
            }
        })
        .await;
        let statuses: Vec<u16> = results.iter().map(|(status, _)| *status).collect();
        assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 63), "{statuses:?}");
        winner.store(results.iter().find(|(status, _)| *status == 200).unwrap().1, Ordering::SeqCst);
        let now = body(ada.get(&format!("{project}/prd")).await).await;
        assert_eq!(now["version"], version + 1);
        assert_eq!(now["content"], format!("{tag} by {}", winner.load(Ordering::SeqCst)));
    }
}

#[tokio::test]
async fn a_megabyte_fits_however_it_is_spelled_and_one_byte_more_does_not() {
    let (_app, ada) = home_with(&[]).await;
    let project = make_at(&ada, "x").await;
    let path = format!("{project}/prd");
    let raw = |tag: &'static str, body: String| {
        let request = ada.request(Method::PUT, &path).header("If-Match", tag);
        request.header("Content-Type", "application/json").body(body).send()
    };
    let plain = "é".repeat(MEGABYTE / 2);
    let written = raw("\"0\"", json!({ "content": plain }).to_string()).await.unwrap();
    assert_eq!(body(written).await["version"], 1);
    let escaped = format!("{{\"content\":\"{}\"}}", "\\u0001".repeat(MEGABYTE));
    let written = raw("\"1\"", escaped).await.unwrap();
    assert_eq!(body(written).await["version"], 2);
    for body in [
        json!({ "content": "a".repeat(MEGABYTE + 1) }).to_string(),
        format!("{{\"content\":\"{}\"}}", "\\u0061".repeat(MEGABYTE + 1)),
    ] {
        let refused = raw("\"2\"", body).await.unwrap();
        assert_eq!(error_of(refused).await, (413, "PAYLOAD_TOO_LARGE".into()));
    }
    let read = body(ada.get(&path).await).await;
    assert_eq!((&read["version"], read["content"].as_str().unwrap().len()), (&json!(2), MEGABYTE));
    // Elsewhere a body is no longer than before.
    let elsewhere = ada.patch(&project, &json!({ "description": "a".repeat(100_000) })).await;
    assert_eq!(error_of(elsewhere).await, (413, "PAYLOAD_TOO_LARGE".into()));
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let (_app, ada) = home_with(&[]).await;
    let project = make_at(&ada, "x").await;
    let response = put(&ada, &project, "\"0\"", &"a".repeat(7 * MEGABYTE)).await;
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn markdown_is_answered_as_a_tree_to_who_asks_for_one() {
    let (_app, ada) = home_with(&[]).await;
    let project = make_at(&ada, "x").await;
    let path = format!("{project}/prd");
    let response = nodes(&ada, &path).await;
    assert_eq!((header(&response, "content-type"), header(&response, "vary")), (NODES, "Accept"));
    assert_eq!(
        body(response).await,
        json!({ "version": 0, "updatedAt": null, "updatedBy": null, "nodes": [], "truncated": false })
    );
    let content =
        "# Goal\n\nSee [this](javascript:alert(1)) or [that](https://example.com).\n\n<script>alert(1)</script>\n";
    body(put(&ada, &project, "\"0\"", content).await).await;
    body(put(&ada, &project, "\"1\"", "Later").await).await;
    let told = body(nodes(&ada, &format!("{path}/versions/1")).await).await;
    assert_eq!((&told["version"], &told["updatedBy"]["name"]), (&json!(1), &json!("Ada")));
    assert_eq!(
        told["nodes"],
        json!([
            { "type": "heading", "level": 1, "children": [{ "type": "text", "text": "Goal" }] },
            { "type": "paragraph", "children": [
                { "type": "text", "text": "See this or " },
                { "type": "link", "href": "https://example.com", "children": [{ "type": "text", "text": "that" }] },
                { "type": "text", "text": "." },
            ] },
            { "type": "paragraph", "children": [{ "type": "text", "text": "<script>alert(1)</script>\n" }] },
        ])
    );
    let newest = body(nodes(&ada, &path).await).await;
    assert_eq!(newest["nodes"], json!([{ "type": "paragraph", "children": [{ "type": "text", "text": "Later" }] }]));
    let both = ada.request(Method::GET, &path).header("Accept", format!("text/html, {NODES};q=0.9, */*")).send().await;
    assert_eq!(header(&both.unwrap(), "content-type"), NODES);
    for accept in ["application/json", "*/*", "application/vnd.claviger.nodes+json;q=0"] {
        let response = ada.request(Method::GET, &path).header("Accept", accept).send().await.unwrap();
        assert_eq!(header(&response, "content-type"), "application/json", "{accept}");
        assert_eq!(body(response).await["content"], "Later");
    }
    assert_eq!(error_of(nodes(&ada, "/api/projects/prj_x/prd").await).await, (404, "NOT_FOUND".into()));
}

#[tokio::test]
async fn a_megabyte_of_brackets_is_answered_as_a_tree_too() {
    let (_app, ada) = home_with(&[]).await;
    let project = make_at(&ada, "x").await;
    for (version, of) in [">", "[", "* "].into_iter().enumerate() {
        let content = of.repeat(MEGABYTE / of.len());
        body(put(&ada, &project, &format!("\"{version}\""), &content).await).await;
        let response = nodes(&ada, &format!("{project}/prd")).await;
        assert_eq!(response.status(), 200);
        assert!(response.bytes().await.unwrap().len() < 4 * MEGABYTE, "{of}");
    }
}
