//! `/api/projects/{id}/prd`: a project's PRD and its versions.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::body::SizedStream;
use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT, HeaderValue, VARY};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, HttpError, ok};
use super::call::{Body, Call, Query};
use super::openapi::ErrorBody;
use super::versions::{IfMatch, tag};
use crate::services::pages;
use crate::services::project_prd::{self, PrdNodes, PrdTree, PrdVersionView, PrdView, Wanted};

/// What to write.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrdRequest {
    /// Markdown, up to 1 MB.
    content: String,
}

/// A page of versions.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrdVersionPage {
    /// The newest first.
    items: Vec<PrdVersionView>,
    /// null on the last page.
    next_cursor: Option<String>,
}

/// The media type of a PRD as a tree.
pub const NODES: &str = "application/vnd.claviger.nodes+json";

/// Which of both shapes an answer has, by `Accept`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The Markdown.
    Content,
    /// A tree; only where it is asked for by its name.
    Nodes,
}

impl FromRequest for Shape {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut ranges = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
        let named = ranges.any(|value| value.split(',').any(asks_for_nodes));
        ready(Ok(if named { Shape::Nodes } else { Shape::Content }))
    }
}

fn asks_for_nodes(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(NODES));
    let refused = |part: &str| {
        let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")).map(str::parse::<f32>);
        matches!(weight, Some(Ok(weight)) if weight <= 0.0)
    };
    named && !parts.any(refused)
}

async fn read(call: Call, id: String, wanted: Wanted, shape: Shape) -> Answer {
    if shape == Shape::Content {
        return shown(call.run(move |services, context| project_prd::get(services, context, &id, &wanted)).await?);
    }
    let (first, again) = (id.clone(), wanted.clone());
    let kept = call.share().run(move |services, context| project_prd::kept_tree(services, context, &first, &again));
    if let Some(tree) = kept.await? {
        return Ok(shown_as_tree(tree));
    }
    // Of a long text it takes its time and its room: a few at a time, and nobody's look-up waits behind many.
    let place = call.app.services.prd_trees.place().await?;
    let made = call.run(move |services, context| project_prd::tree(services, context, &id, &wanted, place)).await?;
    Ok(shown_as_tree(made))
}

fn shown(view: PrdView) -> Answer {
    let mut response = tag(ok(&view)?, view.version);
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// So much of a tree is copied for one client at a time; else each who reads slowly would hold all of it.
const PIECE: usize = 32_768;

/// No tag: what is written back is the other shape.
fn shown_as_tree(PrdTree(parts): PrdTree) -> HttpResponse {
    let length: usize = parts.iter().map(Bytes::len).sum();
    let pieces = parts.into_iter().flat_map(|part| {
        let length = part.len();
        (0..length).step_by(PIECE).map(move |start| part.slice(start..length.min(start + PIECE)))
    });
    let body = SizedStream::new(length as u64, stream::iter(pieces.map(Ok::<_, Infallible>)));
    HttpResponse::Ok().content_type(NODES).insert_header((VARY, "Accept")).body(body)
}

/// The PRD
///
/// Empty and of version 0 on a new project. With `Accept: application/vnd.claviger.nodes+json` the Markdown is answered as a
/// tree, for a page to make elements of: raw HTML is text in it, and links lead to `http`, `https`, `mailto` and `#` alone.
#[utoipa::path(get, path = "/api/projects/{id}/prd", operation_id = "get_project_prd",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…")),
    responses((status = 200, content((PrdView = "application/json"), (PrdNodes = "application/vnd.claviger.nodes+json")),
            headers(("ETag" = String, description = "The version in quotes; with the Markdown alone"))),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn get(call: Call, id: web::Path<String>, asked: Shape) -> Answer {
    read(call, id.into_inner(), Wanted::Newest, asked).await
}

/// Writes the PRD
///
/// `If-Match` names the version that is changed, as `ETag` has it; `*` is not enough. Every version is kept. The same text
/// again makes none.
#[utoipa::path(put, path = "/api/projects/{id}/prd", operation_id = "put_project_prd",
    tag = "Projects", request_body = PrdRequest,
    params(("id" = String, Path, description = "prj_…"),
        ("If-Match" = String, Header, description = "The version in quotes; \"0\" for the first")),
    responses((status = 200, body = PrdView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 412, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 428, body = ErrorBody)))]
pub async fn put(call: Call, id: web::Path<String>, expected: IfMatch, body: Body) -> Answer {
    let view = call
        .run(move |services, context| {
            let content = || body.parse::<PrdRequest>().map(|request| request.content);
            project_prd::put(services, context, &id, &expected.0, content)
        })
        .await?;
    shown(view)
}

/// The versions of the PRD
///
/// The newest first, without their contents.
#[utoipa::path(get, path = "/api/projects/{id}/prd/versions", operation_id = "list_project_prd_versions",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…"),
        ("limit" = Option<i64>, Query, description = "1–200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = PrdVersionPage), (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub async fn versions(call: Call, id: web::Path<String>, query: Query) -> Answer {
    let page = move || query.only(&["limit", "cursor"]).and_then(|()| query.page());
    let listed = call.run(move |services, context| project_prd::versions(services, context, &id, page)).await?;
    ok(&PrdVersionPage { items: listed.items, next_cursor: listed.next.map(pages::encode) })
}

/// One version of the PRD
#[utoipa::path(get, path = "/api/projects/{id}/prd/versions/{n}", operation_id = "get_project_prd_version",
    tag = "Projects",
    params(("id" = String, Path, description = "prj_…"), ("n" = i64, Path, description = "From 1 on")),
    responses((status = 200, content((PrdView = "application/json"), (PrdNodes = "application/vnd.claviger.nodes+json"))),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn get_version(call: Call, ids: web::Path<(String, String)>, asked: Shape) -> Answer {
    let (id, version) = ids.into_inner();
    read(call, id, Wanted::Version(version), asked).await
}

#[cfg(test)]
mod tests {
    use super::asks_for_nodes;

    #[test]
    fn a_tree_is_asked_for_by_its_name() {
        for (range, asks) in [
            ("application/vnd.claviger.nodes+json", true),
            (" Application/Vnd.Claviger.Nodes+JSON ;q=0.5", true),
            ("application/vnd.claviger.nodes+json;q=0", false),
            ("application/vnd.claviger.nodes+json; q=0.000", false),
            ("application/json", false),
            ("*/*", false),
            ("application/*", false),
        ] {
            assert_eq!(asks_for_nodes(range), asks, "{range}");
        }
    }
}
