//! One page of a list: how many, from where, and where the next begins.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::error::{Faults, ServiceError};

/// The most entries on a page.
pub const MAX_LIMIT: usize = 200;
/// Entries on a page where nothing is said.
pub const DEFAULT_LIMIT: usize = 50;

/// What a caller asks of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many.
    pub limit: usize,
    /// Only what stands before this number (exclusive).
    pub before: Option<i64>,
}

/// A page and where the next one begins.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The newest first.
    pub items: Vec<T>,
    /// `None` on the last page.
    pub next: Option<i64>,
}

impl Page {
    /// Reads `?limit=` and `?cursor=`.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, ServiceError> {
        let mut faults = Faults::default();
        let limit = match limit {
            None => DEFAULT_LIMIT,
            Some(text) => match text.parse() {
                Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => limit,
                _ => {
                    faults.add("limit", "must be a whole number from 1 to 200");
                    DEFAULT_LIMIT
                }
            },
        };
        let before = match cursor.map(decode) {
            Some(None) => {
                faults.add("cursor", "must be the nextCursor of an earlier answer");
                None
            }
            Some(before) => before,
            None => None,
        };
        faults.check()?;
        Ok(Page { limit, before })
    }

    /// Cuts what was read (one more than the limit, to see whether there is more) to a page.
    pub fn cut<T>(&self, mut rows: Vec<(i64, T)>) -> Listed<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = if more { rows.last().map(|(number, _)| *number) } else { None };
        Listed { items: rows.into_iter().map(|(_, row)| row).collect(), next }
    }
}

/// A cursor is a number that means nothing to clients.
pub fn encode(next: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(next.to_be_bytes())
}

fn decode(cursor: &str) -> Option<i64> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let number = i64::from_be_bytes(bytes.try_into().ok()?);
    (number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nonsense_is_refused() {
        assert_eq!(Page::parse(None, Some(&encode(77))).unwrap().before, Some(77));
        for (limit, cursor) in
            [(Some("0"), None), (Some("201"), None), (Some("x"), None), (None, Some("77")), (None, Some("__________8"))]
        {
            assert!(Page::parse(limit, cursor).is_err());
        }
    }

    #[test]
    fn a_page_knows_whether_there_is_another() {
        let page = Page { limit: 2, before: None };
        assert_eq!(page.cut(vec![(9, 'a'), (8, 'b'), (7, 'c')]).next, Some(8));
        assert_eq!(page.cut(vec![(9, 'a'), (8, 'b')]).next, None);
    }
}
