//! One page of a list whose order is not that of a number: the cursor is any text.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::error::ServiceError;
use super::pages::Page;
use crate::clock::UnixMillis;

/// What a caller asks of such a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPage {
    /// How many.
    pub limit: usize,
    /// Only what stands after this place (exclusive).
    pub after: Option<String>,
}

/// A page and the cursor of the next one.
#[derive(Clone, Debug)]
pub struct TextListed<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// `None` on the last page.
    pub next: Option<String>,
}

fn wrong_cursor() -> ServiceError {
    ServiceError::field("cursor", "must be the nextCursor of an earlier answer")
}

impl TextPage {
    /// Reads `?limit=` and `?cursor=`.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, ServiceError> {
        let limit = Page::parse(limit, None)?.limit;
        let after = match cursor {
            None => None,
            Some(cursor) => {
                let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong_cursor())?;
                Some(String::from_utf8(bytes).map_err(|_| wrong_cursor())?)
            }
        };
        Ok(TextPage { limit, after })
    }

    /// The place as a time and an id.
    pub fn after_time(&self) -> Result<Option<(UnixMillis, &str)>, ServiceError> {
        let Some(after) = &self.after else { return Ok(None) };
        let (at, id) = after.split_once(' ').ok_or_else(wrong_cursor)?;
        Ok(Some((at.parse().map_err(|_| wrong_cursor())?, id)))
    }

    /// The place as an id of this kind.
    pub fn after_id(&self, prefix: &str) -> Result<Option<&str>, ServiceError> {
        let Some(after) = self.after.as_deref() else { return Ok(None) };
        let number = after.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
        let is_id = |number: &str| number.len() == 32 && number.bytes().all(|byte| byte.is_ascii_hexdigit());
        if number.is_some_and(is_id) { Ok(Some(after)) } else { Err(wrong_cursor()) }
    }

    /// Cuts what was read (one more than the limit, to see whether there is more) to a page; `place` says where an
    /// entry stands.
    pub fn cut<T>(&self, mut rows: Vec<T>, place: impl Fn(&T) -> String) -> TextListed<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = if more { rows.last().map(|row| BASE64_URL_SAFE_NO_PAD.encode(place(row))) } else { None };
        TextListed { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_s_cursor_leads_to_the_place_where_it_ended() {
        let first = TextPage::parse(Some("2"), None).unwrap();
        let listed = first.cut(vec!["5 a", "5 b", "4 c"], |row| (*row).to_owned());
        assert_eq!(listed.items, ["5 a", "5 b"]);
        let next = TextPage::parse(Some("2"), listed.next.as_deref()).unwrap();
        assert_eq!(next.after_time().unwrap(), Some((5, "b")));
        assert_eq!(first.cut(vec!["5 a", "5 b"], |row| (*row).to_owned()).next, None);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(TextPage::parse(None, Some("not base64!")).is_err());
        assert!(TextPage::parse(Some("0"), None).is_err());
        let odd = TextPage::parse(None, Some(&BASE64_URL_SAFE_NO_PAD.encode("nowhere"))).unwrap();
        assert!(odd.after_time().is_err());
        let id = format!("prj_{}", "0".repeat(32));
        let page = TextPage::parse(None, Some(&BASE64_URL_SAFE_NO_PAD.encode(&id))).unwrap();
        assert_eq!(page.after_id("prj").unwrap(), Some(id.as_str()));
        for other in [&page, &odd] {
            assert!(other.after_id("tpl").is_err());
        }
    }
}
