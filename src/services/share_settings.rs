//! What a share may be given, parsed: its name, password and end; the paths, host and methods that it covers.

use serde::Deserialize;

use super::error::{Faults, ServiceError};
use super::key_settings::parse_expiry;
use super::people;
use crate::clock::UnixMillis;
use crate::crypto::password::{MAX_BYTES, Password};
use crate::gate::reach;
use crate::store::shares::Shared;

const MIN_PASSWORD_BYTES: usize = 8;
const MAX_PATHS: usize = 20;
const MAX_PATH_BYTES: usize = 1_024;
const MAX_METHODS: usize = 20;

/// What a share of a project is made with.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectShareWishes {
    /// 1–100 characters, no control characters.
    pub name: Option<String>,
    /// 8–71 visible ASCII characters, and spaces within: a header carries no others. null = none.
    pub password: Option<String>,
    /// RFC 3339, in the future; a bare date is the end of that day (UTC). null = never.
    pub expires_at: Option<String>,
}

/// What a share of the API behind the gate is made with.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShareWishes {
    /// 1–100 characters, no control characters.
    pub name: Option<String>,
    /// 1–20 paths as rules have them: `/reports/7/{*rest}`. A catch-all covers the bare prefix too.
    pub paths: Vec<String>,
    /// A host name, without its port. null = any host.
    pub host: Option<String>,
    /// GET and HEAD by default; `*` is every method.
    pub methods: Option<Vec<String>>,
    /// 8–71 visible ASCII characters, and spaces within: a header carries no others. null = none.
    pub password: Option<String>,
    /// RFC 3339, in the future; a bare date is the end of that day (UTC). null = never.
    pub expires_at: Option<String>,
}

/// What every share has, checked.
pub struct Settings {
    /// Its name.
    pub name: Option<String>,
    /// In clear, for the moment until it is hashed.
    pub password: Option<Password>,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
}

/// The settings of a new share of a project.
pub fn for_a_project(wishes: ProjectShareWishes, now: UnixMillis) -> Result<Settings, ServiceError> {
    let mut faults = Faults::default();
    let settings = common(wishes.name, wishes.password, wishes.expires_at, now, &mut faults);
    faults.check()?;
    Ok(settings)
}

/// The settings of a new share of the API behind the gate, and what it covers.
pub fn for_requests(wishes: ShareWishes, now: UnixMillis) -> Result<(Settings, Shared), ServiceError> {
    let mut faults = Faults::default();
    let settings = common(wishes.name, wishes.password, wishes.expires_at, now, &mut faults);
    let paths = faults.take("paths", parse_paths(wishes.paths)).unwrap_or_default();
    let host = wishes.host.and_then(|host| faults.take("host", reach::check_host(host.trim())));
    let methods = match wishes.methods {
        None => vec![String::from("GET"), String::from("HEAD")],
        Some(methods) => faults.take("methods", parse_methods(methods)).unwrap_or_default(),
    };
    faults.check()?;
    Ok((settings, Shared::Requests { paths, host, methods }))
}

fn common(
    name: Option<String>,
    password: Option<String>,
    expires_at: Option<String>,
    now: UnixMillis,
    faults: &mut Faults,
) -> Settings {
    Settings {
        name: name.and_then(|name| faults.take("name", people::parse_name(&name))),
        password: password.and_then(|password| faults.take("password", parse_password(password))),
        expires_at: expires_at.and_then(|text| faults.take("expiresAt", parse_expiry(&text, now))),
    }
}

fn parse_password(text: String) -> Result<Password, String> {
    let visible = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && text.trim().len() == text.len();
    if !visible || !(MIN_PASSWORD_BYTES..=MAX_BYTES).contains(&text.len()) {
        return Err(format!(
            "must be {MIN_PASSWORD_BYTES} to {MAX_BYTES} visible ASCII characters, with spaces only within: \
             it is sent in a header"
        ));
    }
    Password::parse(text).map_err(|fault| fault.to_string())
}

fn parse_paths(paths: Vec<String>) -> Result<Vec<String>, String> {
    if !(1..=MAX_PATHS).contains(&paths.len()) {
        return Err(format!("must be 1 to {MAX_PATHS} paths such as /reports/7/{{*rest}}"));
    }
    let mut distinct: Vec<String> = Vec::new();
    for path in paths {
        if path.len() > MAX_PATH_BYTES {
            return Err(format!("a path is longer than {MAX_PATH_BYTES} bytes"));
        }
        reach::check_path(&path).map_err(|fault| format!("`{path}`: {fault}"))?;
        if !distinct.contains(&path) {
            distinct.push(path);
        }
    }
    Ok(distinct)
}

fn parse_methods(methods: Vec<String>) -> Result<Vec<String>, String> {
    if !(1..=MAX_METHODS).contains(&methods.len()) {
        return Err(format!("must be 1 to {MAX_METHODS} methods such as GET, or *"));
    }
    let mut distinct: Vec<String> = Vec::new();
    for method in methods {
        let method = method.trim().to_ascii_uppercase();
        let fits =
            (1..=32).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        if method != "*" && !fits {
            return Err(String::from("must be methods of HTTP such as GET, or *"));
        }
        if !distinct.contains(&method) {
            distinct.push(method);
        }
    }
    Ok(distinct)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = 1_893_456_000_000;

    fn parse(wishes: serde_json::Value) -> Result<(Settings, Shared), ServiceError> {
        for_requests(serde_json::from_value(wishes).unwrap(), NOW)
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let long = "/a".repeat(600);
        let many: Vec<String> = (0..21).map(|number| format!("/{number}")).collect();
        let cases = [
            ("name", serde_json::json!({ "paths": ["/a"], "name": "a\nb" })),
            ("paths", serde_json::json!({ "paths": [] })),
            ("paths", serde_json::json!({ "paths": many })),
            ("paths", serde_json::json!({ "paths": [long] })),
            ("paths", serde_json::json!({ "paths": ["/a", "/a/../b"] })),
            ("paths", serde_json::json!({ "paths": ["/{*rest}/b"] })),
            ("host", serde_json::json!({ "paths": ["/a"], "host": "https://api.example.com" })),
            ("methods", serde_json::json!({ "paths": ["/a"], "methods": [] })),
            ("methods", serde_json::json!({ "paths": ["/a"], "methods": ["G E T"] })),
            ("password", serde_json::json!({ "paths": ["/a"], "password": "short" })),
            ("password", serde_json::json!({ "paths": ["/a"], "password": "a".repeat(72) })),
            ("password", serde_json::json!({ "paths": ["/a"], "password": " secret 1" })),
            ("password", serde_json::json!({ "paths": ["/a"], "password": "geheim-wört" })),
            ("password", serde_json::json!({ "paths": ["/a"], "password": "secret\u{0}1" })),
            ("expiresAt", serde_json::json!({ "paths": ["/a"], "expiresAt": "2029-12-31" })),
            ("expiresAt", serde_json::json!({ "paths": ["/a"], "expiresAt": "soon" })),
        ];
        for (field, json) in cases {
            let error = parse(json.clone()).err().unwrap_or_else(|| panic!("{json}"));
            assert!(error.fields.contains_key(field), "{json}: {error:?}");
        }
    }

    #[test]
    fn what_is_left_out_has_its_default_and_lists_are_canonical() {
        let (settings, shared) =
            parse(serde_json::json!({ "paths": ["/a", "/a"], "host": "API.example.com", "password": "secret 12" }))
                .unwrap();
        assert!(settings.name.is_none() && settings.expires_at.is_none() && settings.password.is_some());
        let expected = Shared::Requests {
            paths: vec!["/a".into()],
            host: Some("api.example.com".into()),
            methods: vec!["GET".into(), "HEAD".into()],
        };
        assert_eq!(shared, expected);
        let (_, shared) = parse(serde_json::json!({ "paths": ["/a"], "methods": ["post", "*", "POST"] })).unwrap();
        assert!(matches!(shared, Shared::Requests { methods, .. } if methods == ["POST", "*"]));
    }
}
