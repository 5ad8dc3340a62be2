//! One page of a list that is in the order of its ids (which sort by the time they were made).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::error::ServiceError;
use super::pages::Page;

/// The longest id there is, with room to spare.
const MAX_ID: usize = 64;

/// What a caller asks of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPage {
    /// How many.
    pub limit: usize,
    /// Only what stands before this id (exclusive).
    pub before: Option<String>,
}

/// A page and where the next one begins.
#[derive(Clone, Debug)]
pub struct IdListed<T> {
    /// The newest first.
    pub items: Vec<T>,
    /// `None` on the last page.
    pub next: Option<String>,
}

impl IdPage {
    /// Reads `?limit=` and `?cursor=`.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, ServiceError> {
        let Page { limit, .. } = Page::parse(limit, None)?;
        let wrong = || ServiceError::field("cursor", "must be the nextCursor of an earlier answer");
        let before = cursor.map(|cursor| decode(cursor).ok_or_else(wrong)).transpose()?;
        Ok(IdPage { limit, before })
    }

    /// Cuts what was read (one more than the limit, to see whether there is more) to a page.
    pub fn cut<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> &str) -> IdListed<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = if more { rows.last().map(|row| id(row).to_owned()) } else { None };
        IdListed { items: rows, next }
    }
}

/// A cursor is an id that means nothing to clients.
pub fn encode(next: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(next)
}

fn decode(cursor: &str) -> Option<String> {
    let id = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let fits = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    fits.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nonsense_is_refused() {
        let page = IdPage::parse(Some("7"), Some(&encode("mail_7"))).unwrap();
        assert_eq!(page, IdPage { limit: 7, before: Some(String::from("mail_7")) });
        for cursor in ["", "mail_7", &encode("a b"), &encode(&"a".repeat(100))] {
            assert!(IdPage::parse(None, Some(cursor)).is_err(), "{cursor}");
        }
        assert!(IdPage::parse(Some("0"), None).is_err());
    }

    #[test]
    fn a_page_knows_whether_there_is_another() {
        let page = IdPage { limit: 2, before: None };
        assert_eq!(page.cut(vec!["c", "b", "a"], |id| id).next.as_deref(), Some("b"));
        assert_eq!(page.cut(vec!["c", "b"], |id| id).next, None);
    }
}
