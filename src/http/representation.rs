//! A file of the pages as it is sent: compressed where the browser takes that, and not again where it has it already.
//!
//! Each file is compressed once and kept. Answers of the API are never compressed: their length would tell of secrets that
//! stand beside what a stranger may have put in.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

use actix_web::HttpRequest;
use actix_web::http::header::{AcceptEncoding, ContentEncoding, Encoding, EntityTag, Header, IfNoneMatch};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::Mutex;
use rust_embed::EmbeddedFile;

/// What is sent of a file.
pub struct Representation {
    /// As it is, or compressed.
    pub body: Bytes,
    /// The hash of the file; another one where it is compressed.
    pub etag: EntityTag,
    /// Whether it is compressed with gzip.
    pub gzip: bool,
}

/// A file's hash and what it is compressed. The hash is asked for too: a debug build reads files anew each time.
type Compressed = HashMap<String, ([u8; 32], Bytes)>;

static COMPRESSED: Mutex<Option<Compressed>> = Mutex::new(None);

impl Representation {
    /// The one that fits the request's `Accept-Encoding` best. A file that gzip makes no smaller is sent as it is.
    pub fn of(request: &HttpRequest, name: &str, file: EmbeddedFile) -> Self {
        let hash = file.metadata.sha256_hash();
        let tag: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        if takes_gzip(request)
            && let Some(body) = compressed(name, hash, &file.data)
            && body.len() < file.data.len()
        {
            return Representation { body, etag: EntityTag::new_strong(format!("{tag}-gzip")), gzip: true };
        }
        let body = match file.data {
            Cow::Borrowed(data) => Bytes::from_static(data),
            Cow::Owned(data) => Bytes::from(data),
        };
        Representation { body, etag: EntityTag::new_strong(tag), gzip: false }
    }

    /// Whether the request says (`If-None-Match`) that this very representation is there already.
    pub fn is_known_to(&self, request: &HttpRequest) -> bool {
        match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => true,
            Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&self.etag)),
            Err(_) => false,
        }
    }
}

/// Who says nothing of compression gets none: curl would show it as it stands.
fn takes_gzip(request: &HttpRequest) -> bool {
    let Ok(accepted) = AcceptEncoding::parse(request) else { return false };
    let gzip = Encoding::Known(ContentEncoding::Gzip);
    let offered = [gzip.clone(), Encoding::Known(ContentEncoding::Identity)];
    accepted.negotiate(offered.iter()) == Some(gzip)
}

fn compressed(name: &str, hash: [u8; 32], data: &[u8]) -> Option<Bytes> {
    if let Some((of, body)) = COMPRESSED.lock().get_or_insert_default().get(name)
        && *of == hash
    {
        return Some(body.clone());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).ok()?;
    let body = Bytes::from(encoder.finish().ok()?);
    COMPRESSED.lock().get_or_insert_default().insert(name.to_owned(), (hash, body.clone()));
    Some(body)
}
