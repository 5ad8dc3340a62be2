//! The pages for people, and the files that they load.

use std::io::Read;

use reqwest::Method;

use super::support::{App, error_of, header};

const PAGES: &[&str] = &[
    "/",
    "/account",
    "/admin/audit",
    "/admin/mail",
    "/admin/settings/developer",
    "/admin/settings/organization",
    "/admin/settings/team",
    "/admin/settings/templates",
    "/admin/settings/webhooks",
    "/admin/settings/widgets",
    "/projects",
    "/share",
    "/invite",
    "/sign-in",
    "/sign-in-link",
    "/setup",
    "/register",
    "/forgot-password",
    "/reset-password",
    "/verify-email",
];

async fn get(app: &App, path: &str) -> reqwest::Response {
    app.request(Method::GET, path).send().await.unwrap()
}

/// Every file that a page or a script names.
fn assets() -> Vec<String> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".html")).map(|name| format!("/assets/{name}")).collect()
}

#[tokio::test]
async fn every_page_is_html_with_headers_that_let_nothing_in_from_elsewhere() {
    let app = App::bare().await;
    for path in PAGES {
        let response = get(&app, path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
        let policy = header(&response, "content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", ""),
        ] {
            assert_eq!(header(&response, name), value, "{path}: {name}");
        }
        assert!(header(&response, "x-request-id").starts_with("req_"));
        let html = response.text().await.unwrap();
        assert!(html.starts_with("<!doctype html>"), "{path}");
        for inline in ["<style", "style=", " onclick=", " onload=", "javascript:"] {
            assert!(!html.contains(inline), "{path}: {inline}");
        }
        assert_eq!(
            html.matches("<script").count(),
            html.matches("src=\"/assets/").count() - html.matches("<img src").count()
        );
    }
}

#[tokio::test]
async fn over_https_browsers_are_told_to_stay_there() {
    let app = App::bare_with(|config| {
        config.server.trusted_proxies = vec![String::from("127.0.0.1").try_into().unwrap()];
    })
    .await;
    let request = app.request(Method::GET, "/").header("X-Forwarded-For", "192.0.2.1");
    let response = request.header("X-Forwarded-Proto", "https").send().await.unwrap();
    assert_eq!(header(&response, "strict-transport-security"), "max-age=31536000");
    let request = app.request(Method::GET, "/").header("X-Forwarded-For", "192.0.2.1");
    let response = request.header("X-Forwarded-Proto", "http").send().await.unwrap();
    assert_eq!(error_of(response).await, (403, "HTTPS_REQUIRED".into()));
}

#[tokio::test]
async fn everything_that_a_page_names_is_there() {
    let app = App::bare().await;
    let there = assets();
    assert!(there.len() > 5);
    for path in PAGES.iter().map(|path| (*path).to_owned()).chain(there.clone()) {
        let text = get(&app, &path).await.text().await.unwrap();
        for (at, _) in text.match_indices("/assets/") {
            let name: String = text[at + 8..]
                .chars()
                .take_while(|char| char.is_ascii_alphanumeric() || "-_.".contains(*char))
                .collect();
            assert!(there.contains(&format!("/assets/{name}")), "{path} names {name}");
        }
        for (at, _) in text.match_indices("from \"./") {
            let name = text[at + 8..].split('"').next().unwrap();
            assert!(there.contains(&format!("/assets/{name}")), "{path} imports {name}");
        }
    }
}

#[tokio::test]
async fn every_asset_has_its_type_and_an_etag_that_spares_sending_it_again() {
    let app = App::bare().await;
    for path in assets().into_iter().chain(PAGES.iter().map(|path| (*path).to_owned())) {
        let response = get(&app, &path).await;
        assert_eq!(response.status(), 200, "{path}");
        let expected = match path.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(header(&response, "content-type"), expected, "{path}");
        assert_eq!(header(&response, "cache-control"), "no-cache");
        let etag = header(&response, "etag").to_owned();
        assert!(etag.starts_with('"') && etag.len() > 10, "{etag}");
        let ask = |tag: String| app.request(Method::GET, &path).header("If-None-Match", tag).send();
        let again = ask(etag.clone()).await.unwrap();
        assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, etag.as_str()), "{path}");
        assert_eq!(again.bytes().await.unwrap().len(), 0);
        assert_eq!(ask("\"other\"".into()).await.unwrap().status(), 200, "{path}");
        let head = app.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!((head.status().as_u16(), header(&head, "etag")), (200, etag.as_str()), "{path}");
    }
}

#[tokio::test]
async fn every_file_is_sent_compressed_to_whoever_takes_that_under_a_tag_of_its_own() {
    let app = App::bare().await;
    for path in assets().into_iter().chain(PAGES.iter().map(|path| (*path).to_owned())) {
        let plain = get(&app, &path).await;
        assert_eq!((header(&plain, "vary"), header(&plain, "content-encoding")), ("Accept-Encoding", ""), "{path}");
        let plain_tag = header(&plain, "etag").to_owned();
        let text = plain.bytes().await.unwrap();
        for _ in 0..2 {
            let ask = || app.request(Method::GET, &path).header("Accept-Encoding", "gzip, deflate, br, zstd");
            let packed = ask().send().await.unwrap();
            assert_eq!(header(&packed, "vary"), "Accept-Encoding", "{path}");
            if header(&packed, "content-encoding").is_empty() {
                assert!(text.len() < 400, "{path} is worth compressing");
                assert_eq!(header(&packed, "etag"), plain_tag);
                continue;
            }
            assert_eq!(header(&packed, "content-encoding"), "gzip", "{path}");
            let tag = header(&packed, "etag").to_owned();
            assert_eq!(tag, plain_tag.trim_end_matches('"').to_owned() + "-gzip\"");
            assert_eq!(header(&packed, "content-type"), header(&get(&app, &path).await, "content-type"), "{path}");
            let packed = packed.bytes().await.unwrap();
            assert!(packed.len() < text.len(), "{path}");
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, text, "{path}");

            // What is kept of one form spares nothing of the other.
            let again = ask().header("If-None-Match", &tag).send().await.unwrap();
            assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, tag.as_str()), "{path}");
            assert_eq!((header(&again, "vary"), header(&again, "content-encoding")), ("Accept-Encoding", ""));
            assert_eq!(ask().header("If-None-Match", &plain_tag).send().await.unwrap().status(), 200, "{path}");
            let plain = app.request(Method::GET, &path).header("If-None-Match", &tag).send().await.unwrap();
            assert_eq!(plain.status(), 200, "{path}");
        }
    }
}

#[tokio::test]
async fn what_the_browser_prefers_is_sent() {
    let app = App::bare().await;
    for (accepted, encoding) in [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br, gzip", "gzip"),
        ("gzip;q=0.1", "gzip"),
        ("gzip;q=0", ""),
        ("gzip;q=0, *", ""),
        ("gzip;q=0.5, identity", ""),
        ("identity;q=0.5, gzip;q=0.6", "gzip"),
        ("identity", ""),
        ("br", ""),
        ("", ""),
        ("gzip;q=high", ""),
        ("*", ""),
    ] {
        let response =
            app.request(Method::GET, "/assets/style.css").header("Accept-Encoding", accepted).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "content-encoding")), (200, encoding), "{accepted}");
    }
    // Secrets and what a stranger has put in stand side by side in answers of the API.
    for path in ["/openapi.json", "/api/auth/session", "/livez"] {
        let response = app.request(Method::GET, path).header("Accept-Encoding", "gzip").send().await.unwrap();
        assert_eq!(header(&response, "content-encoding"), "", "{path}");
    }
}

#[tokio::test]
async fn what_is_kept_is_told_by_one_tag_of_several_weak_ones_too_or_by_a_star() {
    let app = App::bare().await;
    let tag = header(&get(&app, "/sign-in").await, "etag").to_owned();
    for (known, status) in [
        (format!("\"other\", {tag}"), 304),
        (format!("W/{tag}"), 304),
        (format!("W/\"other\" , W/{tag} ,\"more\""), 304),
        ("*".into(), 304),
        ("\"other\", W/\"more\"".into(), 200),
        (tag.trim_matches('"').into(), 200),
        ("\"*\"".into(), 200),
        (String::new(), 200),
    ] {
        let response = app.request(Method::GET, "/sign-in").header("If-None-Match", &known).send().await.unwrap();
        assert_eq!(response.status(), status, "{known}");
    }
}

/// The files of `static/` with their text.
fn sources() -> Vec<(String, String)> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The pages of what the keys guard, and the script for customers' pages.
const GUARDED: &[&str] = &[
    "editing.js",
    "embed.js",
    "markdown.js",
    "project.js",
    "project_parts.js",
    "project_shares.js",
    "projects.js",
    "share.js",
    "templates.js",
    "verification.js",
    "webhooks.js",
    "widgets.js",
];

#[test]
fn all_pages_together_are_small() {
    let sizes: Vec<(usize, String)> = sources().into_iter().map(|(name, text)| (text.len(), name)).collect();
    let guarded = |name: &str| GUARDED.contains(&name);
    assert!(GUARDED.iter().all(|name| sizes.iter().any(|(_, there)| there == name)), "{sizes:?}");
    let sum = |of: bool| sizes.iter().filter(|(_, name)| guarded(name) == of).map(|(size, _)| size).sum::<usize>();
    let (admin, guarded) = (sum(false), sum(true));
    assert!(admin < 150_000, "{admin} bytes: {sizes:?}");
    assert!(guarded < 50_000, "{guarded} bytes: {sizes:?}");
}

#[test]
fn no_file_names_another_host_or_makes_markup_or_code_of_text() {
    for (name, text) in sources() {
        for scheme in ["http://", "https://", "ws://", "wss://"] {
            for (at, _) in text.match_indices(scheme) {
                let host = text[at + scheme.len()..].split(|char: char| !char.is_ascii_alphanumeric() && char != '.');
                let host = host.into_iter().next().unwrap();
                // The names of XML's dialects, and the hosts that are nobody's, for examples that people read.
                let harmless = ["", "www.w3.org", "example.com"].contains(&host) || host.ends_with(".example.com");
                assert!(harmless, "{name} names {host}");
            }
        }
        for inline in ["src=\"//", "href=\"//", "url(//", "@import", "<style", " style=\"", "javascript:"] {
            assert!(!text.contains(inline), "{name}: {inline}");
        }
        if name.ends_with(".html") {
            let handlers: Vec<&str> = text
                .match_indices(" on")
                .map(|(at, _)| text[at + 1..].split([' ', '>']).next().unwrap())
                .filter(|attribute| attribute.contains('='))
                .collect();
            assert!(handlers.is_empty(), "{name}: {handlers:?}");
        }
        if name.ends_with(".js") {
            for maker in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "setHTMLUnsafe",
                "document.write",
                "createContextualFragment",
                "DOMParser",
                "eval(",
                "new Function",
                "setAttribute(\"on",
                "setAttribute(\"style",
            ] {
                assert!(!text.contains(maker), "{name}: {maker}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_else_is_served_from_the_assets() {
    let app = App::bare().await;
    for name in ["workspace.html", "nothing.js", "..%2fCargo.toml", "%2e%2e/Cargo.toml", "a/b.js", ""] {
        let response = get(&app, &format!("/assets/{name}")).await;
        assert_eq!(error_of(response).await, (404, "NOT_FOUND".into()), "{name}");
    }
    assert_eq!(error_of(get(&app, "/nowhere").await).await, (404, "NOT_FOUND".into()));
    let response = app.request(Method::POST, "/sign-in").send().await.unwrap();
    assert_eq!(header(&response, "allow"), "GET, HEAD");
    assert_eq!(error_of(response).await, (405, "METHOD_NOT_ALLOWED".into()));
}

#[tokio::test]
async fn a_way_back_that_leads_elsewhere_is_taken_away() {
    let app = App::bare_with(|config| config.gate.origins = vec!["https://app.example.com".into()]).await;
    let own = format!("http://{}", app.address);
    let to = |target: &str| {
        let encoded: String = target.bytes().map(|byte| format!("%{byte:02x}")).collect();
        app.request(Method::GET, &format!("/sign-in?returnTo={encoded}")).send()
    };
    for elsewhere in [
        "//evil",
        "/\\evil",
        "\\/evil",
        "\\\\evil",
        "https:evil",
        "https:/evil",
        "https:///evil",
        "https://good@evil",
        "https://app.example.com@evil",
        "https://app.example.com.evil",
        "https://app.example.com:8443/x",
        "http://app.example.com/x",
        "https://evil/https://app.example.com",
        "https://evil#https://app.example.com",
        "https://evil?https://app.example.com/",
        "javascript:alert(1)",
        "JavaScript://app.example.com/%0aalert(1)",
        "data:text/html,x",
        " //evil",
        "/\t/evil",
        "/\n/evil",
        "\t//evil",
        "evil",
        "https://",
        "https://app.example.com\\@evil",
        "",
    ] {
        let response = to(elsewhere).await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "location")), (303, "/sign-in"), "{elsewhere:?}");
    }
    for known in
        ["/", "/admin/audit?x=1#y", "https://app.example.com", "https://app.example.com/a//b?c=https://evil", &own]
    {
        assert_eq!(to(known).await.unwrap().status(), 200, "{known}");
    }
    for query in ["", "?other=//evil"] {
        assert_eq!(get(&app, &format!("/sign-in{query}")).await.status(), 200, "{query}");
    }
    // The page takes the first of two, and so does the check.
    assert_eq!(get(&app, "/sign-in?returnTo=//evil&returnTo=/").await.status(), 303);
}
