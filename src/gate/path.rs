//! One spelling for each path, so that a rule judges what the application behind the gate will see.
//!
//! Escapes of unreserved characters are decoded, dot segments resolved and repeated slashes joined (RFC 3986,
//! sections 6.2.2 and 5.2.4). What different servers read differently is refused: an encoded slash or backslash, a raw
//! backslash, a NUL, a malformed escape, a fragment, a way out of the root.

use std::borrow::Cow;

/// The longest path that is judged, in bytes.
pub const MAX_BYTES: usize = 16_384;

/// The path cannot be judged; the text says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathInvalid(pub &'static str);

/// The normal spelling of the path of a request target; its query is cut off.
pub fn normalize(target: &[u8]) -> Result<Cow<'_, str>, PathInvalid> {
    let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let path = &target[..end];
    if path.first() != Some(&b'/') {
        return Err(PathInvalid("The path must begin with a slash"));
    }
    if path.len() > MAX_BYTES {
        return Err(PathInvalid("The path is longer than 16384 bytes"));
    }
    match std::str::from_utf8(path) {
        Ok(text) if is_normal(path) => Ok(Cow::Borrowed(text)),
        _ => resolve_dots(&decode(path)?).map(Cow::Owned),
    }
}

/// The bytes that stand for themselves wherever they are.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-_~!$&'()*+,;=:@";
    let mut index = 0;
    while index < others.len() {
        plain[others[index] as usize] = true;
        index += 1;
    }
    plain
};

/// Whether nothing in it can need a change. Most paths are so.
fn is_normal(path: &[u8]) -> bool {
    let plain = |byte: u8| PLAIN[usize::from(byte)];
    path.windows(2).all(|pair| {
        let [first, second] = [pair[0], pair[1]];
        plain(second) || (second == b'/' && first != b'/') || (second == b'.' && first != b'/' && first != b'.')
    })
}

fn decode(path: &[u8]) -> Result<String, PathInvalid> {
    const MALFORMED: PathInvalid = PathInvalid("The path has a malformed percent escape");
    let mut text = String::with_capacity(path.len());
    let mut index = 0;
    while index < path.len() {
        let byte = path[index];
        index += 1;
        match byte {
            b'%' => {
                let digits = path.get(index..index + 2).ok_or(MALFORMED)?;
                let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(MALFORMED);
                push_escaped(&mut text, (digit(digits[0])? * 16 + digit(digits[1])?) as u8)?;
                index += 2;
            }
            b'\\' => return Err(PathInvalid("The path has a backslash")),
            b'#' => return Err(PathInvalid("The path has a fragment")),
            0..=0x20 | 0x7f => return Err(PathInvalid("The path has a space or a control character")),
            0x80.. => push_hex(&mut text, byte),
            _ => text.push(char::from(byte)),
        }
    }
    Ok(text)
}

/// What stood as an escape: unreserved characters are decoded, all others keep theirs, in upper case.
fn push_escaped(text: &mut String, byte: u8) -> Result<(), PathInvalid> {
    match byte {
        b'/' | b'\\' => Err(PathInvalid("The path has an encoded slash or backslash")),
        0 => Err(PathInvalid("The path has a NUL")),
        _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
            text.push(char::from(byte));
            Ok(())
        }
        _ => {
            push_hex(text, byte);
            Ok(())
        }
    }
}

fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// The path as a server reads it that drops the parameters of each segment.
pub fn without_parameters(path: &str) -> Result<String, PathInvalid> {
    let cut = |segment: &str| {
        let end = segment.find(';').into_iter().chain(segment.find("%3B")).min().unwrap_or(segment.len());
        segment[..end].to_owned()
    };
    resolve_dots(&path.split('/').map(cut).collect::<Vec<_>>().join("/"))
}

fn resolve_dots(path: &str) -> Result<String, PathInvalid> {
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_with_slash = false;
    for segment in path.split('/') {
        ends_with_slash = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop().ok_or(PathInvalid("The path leads out of the root"))?),
            _ => segments.push(segment),
        }
    }
    let mut resolved = String::with_capacity(path.len());
    for segment in &segments {
        resolved.push('/');
        resolved.push_str(segment);
    }
    if ends_with_slash || segments.is_empty() {
        resolved.push('/');
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_one() {
        for (given, normal) in [
            ("/", "/"),
            ("/admin", "/admin"),
            ("//admin", "/admin"),
            ("/%61dmin", "/admin"),
            ("/%61%64min/", "/admin/"),
            ("/a/../admin", "/admin"),
            ("/a/%2e%2e/admin", "/admin"),
            ("/a/.%2E/admin?x=/../y", "/admin"),
            ("/admin/.", "/admin/"),
            ("/a/b/..", "/a/"),
            ("/./a//b/", "/a/b/"),
            ("/a%20b%c3%a9", "/a%20b%C3%A9"),
            ("/é", "/%C3%A9"),
            ("/a.b/c..d/.e", "/a.b/c..d/.e"),
            ("/a%252e", "/a%252e"),
        ] {
            assert_eq!(normalize(given.as_bytes()).as_deref(), Ok(normal), "{given}");
        }
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        for given in [
            "",
            "admin",
            "*",
            "/a%2fadmin",
            "/a%5cadmin",
            "/a\\b",
            "/a%00",
            "/%",
            "/%4",
            "/%zz",
            "/..",
            "/a/../..",
            "/a#b",
            "/a b",
        ] {
            assert!(normalize(given.as_bytes()).is_err(), "{given}");
        }
        assert!(normalize("/a".repeat(10_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn normal_paths_stay_as_they_are_and_have_no_dot_segment(target in "/[a-zA-Z0-9%./?\\-]{0,40}") {
            if let Ok(normal) = normalize(target.as_bytes()) {
                let again = normalize(normal.as_bytes());
                prop_assert_eq!(again.as_deref(), Ok(normal.as_ref()));
                prop_assert!(!normal.contains("//"));
                prop_assert!(normal.split('/').all(|segment| segment != "." && segment != ".."));
            }
        }

        #[test]
        fn no_bytes_at_all_make_it_fail_otherwise(target in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = normalize(&target);
        }
    }
}
