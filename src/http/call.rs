//! What a handler is given: who asks, when, with which body and query.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::http::header::{CONTENT_TYPE, HeaderMap, USER_AGENT};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use serde::de::DeserializeOwned;

use super::answer::HttpError;
use super::client::Client;
use super::{App, csrf};
use crate::clock::Moment;
use crate::error_code::ErrorCode;
use crate::gate::decide::Credential;
use crate::services::error::ServiceError;
use crate::services::lockout::{self, Attempt, Whose};
use crate::services::{Actor, Context, Services};

/// What [`super::envelope`] knows of every request.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// Its name.
    pub id: String,
    /// When it came.
    pub at: Moment,
    /// From whom.
    pub client: Client,
}

/// One call of an endpoint.
#[derive(Clone)]
pub struct Call {
    /// Everything there is.
    pub app: web::Data<App>,
    /// What is known of the request.
    pub info: RequestInfo,
    /// Whose it is.
    pub credential: Credential,
    /// The same, for services.
    pub context: Context,
}

impl FromRequest for Call {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(of_request(request).ok_or_else(|| ErrorCode::Internal.into()))
    }
}

fn of_request(request: &HttpRequest) -> Option<Call> {
    let app = request.app_data::<web::Data<App>>()?.clone();
    let info = request.extensions().get::<RequestInfo>()?.clone();
    let credential = request.extensions().get::<Credential>().cloned().unwrap_or(Credential::Anonymous);
    let user_agent = user_agent(request.headers());
    let context = Context {
        actor: Actor::Credential(credential.clone()),
        now: info.at.unix_ms,
        ip: Some(info.client.address.to_string()),
        user_agent,
        request_id: Some(info.id.clone()),
    };
    Some(Call { app, info, credential, context })
}

/// What the client calls itself, as it is stored.
pub fn user_agent(headers: &HeaderMap) -> Option<String> {
    headers.get(USER_AGENT).map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        crate::gate::clean(&text, 512).into_string()
    })
}

impl Call {
    /// The same call, for a second service.
    pub fn share(&self) -> Call {
        Call {
            app: self.app.clone(),
            info: self.info.clone(),
            credential: self.credential.clone(),
            context: self.context.clone(),
        }
    }

    /// Runs a service away from the threads that answer requests.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Services, &Context) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, HttpError> {
        let services = self.app.services.clone();
        let context = self.context;
        let work = move || {
            services.gate.settle_clock(context.now)?;
            work(&services, &context)
        };
        match web::block(work).await {
            Ok(result) => result.map_err(HttpError),
            Err(cause) => Err(HttpError(ServiceError::failed(cause))),
        }
    }
}

impl Call {
    /// The same for a service that checks a password: waits for a place before the lockout first, and holds no thread
    /// meanwhile.
    pub async fn run_at_place<T: Send + 'static>(
        self,
        whose: Whose,
        work: impl FnOnce(&Services, &Context, Attempt) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, HttpError> {
        let attempt = lockout::reserve(&self.app.services, &self.context, whose).await?;
        self.run(move |services, context| work(services, context, attempt)).await
    }

    /// The same, for the password of whoever is signed in.
    pub async fn run_at_own_place<T: Send + 'static>(
        self,
        work: impl FnOnce(&Services, &Context, Attempt) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, HttpError> {
        let whose = Whose::User(self.context.session()?.user.clone());
        self.run_at_place(whose, work).await
    }
}

/// How long a body may take to arrive.
const BODY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// The body of a request, before it is read as JSON: so that 403 and 404 come before 400.
pub struct Body {
    bytes: web::Bytes,
    is_json: bool,
}

impl FromRequest for Body {
    type Error = actix_web::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let typed = request.headers().contains_key(CONTENT_TYPE);
        let is_json = csrf::is_json(request.headers()) || !typed;
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            match actix_web::rt::time::timeout(BODY_TIMEOUT, bytes).await {
                Ok(bytes) => Ok(Body { bytes: bytes?, is_json }),
                Err(_) => Err(HttpError::from(ErrorCode::Timeout).into()),
            }
        })
    }
}

impl Body {
    /// Reads it as JSON; what does not fit is named by its field.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ServiceError> {
        if !self.is_json {
            return Err(ErrorCode::UnsupportedMediaType.into());
        }
        // serde reads a list as an object too, field by field.
        if self.bytes.trim_ascii_start().first() == Some(&b'[') {
            return Err(ServiceError::field("body", "must be a JSON object"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(&self.bytes);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            wrong_body(&path, error.inner())
        })?;
        deserializer.end().map_err(|error| wrong_body(".", &error))?;
        Ok(value)
    }

    /// The same; a body that is not there is an empty object.
    pub fn parse_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, ServiceError> {
        if self.bytes.is_empty() { Ok(T::default()) } else { self.parse() }
    }
}

fn wrong_body(path: &str, error: &serde_json::Error) -> ServiceError {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => {
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or(&text);
            // serde names an unknown or a missing field in its text only.
            let named = text.split('`').nth(1).filter(|_| text.contains(" field `"));
            let message = match (named, text.starts_with("unknown field")) {
                (Some(_), true) => String::from("is not known here"),
                (Some(_), false) if text.starts_with("missing field") => String::from("is needed"),
                _ => format!("cannot be used: {text}"),
            };
            let field = named.unwrap_or(if path == "." { "body" } else { path });
            ServiceError::field(field, message)
        }
        Category::Io | Category::Syntax | Category::Eof => {
            ServiceError::new(ErrorCode::MalformedJson, format!("The body is not valid JSON: {error}"))
        }
    }
}

/// The query of a request: each name once, and only those that the endpoint knows.
pub struct Query(BTreeMap<String, String>);

impl FromRequest for Query {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        ready(match pairs {
            Ok(pairs) => collect(pairs.into_inner()).map_err(HttpError),
            Err(_) => Err(HttpError(ServiceError::field("query", "cannot be read"))),
        })
    }
}

fn collect(pairs: Vec<(String, String)>) -> Result<Query, ServiceError> {
    let mut query = BTreeMap::new();
    for (name, value) in pairs {
        if query.insert(name.clone(), value).is_some() {
            return Err(ServiceError::field(&name, "stands twice in the query"));
        }
    }
    Ok(Query(query))
}

impl Query {
    /// Refuses every name that is not one of these.
    pub fn only(&self, known: &[&str]) -> Result<(), ServiceError> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(ServiceError::field(name, format!("is not known here; there are {}", known.join(", ")))),
            None => Ok(()),
        }
    }

    /// A value; an empty one is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The same, but an empty one is one.
    pub fn even_empty(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A value, owned.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// `?limit=`, for a list whose cursor is a text.
    pub fn limit(&self) -> Result<usize, ServiceError> {
        Ok(crate::services::pages::Page::parse(self.get("limit"), None)?.limit)
    }

    /// `?limit=` and `?cursor=`.
    pub fn page(&self) -> Result<crate::services::pages::Page, ServiceError> {
        crate::services::pages::Page::parse(self.get("limit"), self.get("cursor"))
    }

    /// The same, for lists whose cursor is text.
    pub fn text_page(&self) -> Result<crate::services::text_pages::TextPage, ServiceError> {
        crate::services::text_pages::TextPage::parse(self.get("limit"), self.get("cursor"))
    }
}
