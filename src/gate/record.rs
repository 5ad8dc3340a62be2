//! What the ledger keeps of a request.

use std::borrow::Cow;
use std::sync::Arc;

use compact_str::{CompactString, ToCompactString};

use super::Decision;
use super::decide::{Credential, Facts};
use super::demand::Demand;
use crate::error_code::ErrorCode;
use crate::store::requests::RequestRow;

/// The longest path, host and user agent that are stored, in bytes.
const STORED_BYTES: usize = 2_048;
const STORED_NAME_BYTES: usize = 512;

/// The ledger's row; `None` for what nobody's credential was presented with.
pub(super) fn row_of(demand: &Demand, decision: &Decision, facts: &Facts<'_>) -> Option<RequestRow> {
    let (organization, family, key, subject) = match &decision.credential {
        Credential::Key(key) => (key.organization.number, key.family, key.number, key.subject()),
        Credential::Session(_) if !demand.records_sessions => return None,
        Credential::Session(session) => (session.organization.number, 0, 0, session.user.as_str().into()),
        Credential::Share(share) => {
            let share = &share.record;
            (share.organization.number, share.number, share.number, Arc::clone(&share.subject))
        }
        Credential::Widget(widget) => {
            (widget.organization.number, widget.number, widget.number, Arc::clone(&widget.subject))
        }
        Credential::Anonymous | Credential::Refused(_) => return None,
    };
    let code = decision.outcome.err();
    Some(RequestRow {
        at: facts.at.unix_ms,
        organization,
        family,
        key,
        credential: decision.credential.method().into(),
        subject,
        method: method_name(facts.method),
        host: clean(facts.host, STORED_NAME_BYTES),
        path: clean(facts.path, STORED_BYTES),
        status: code.map_or(200, ErrorCode::status),
        code: code.map(|code| code.as_str().into()),
        ip: if facts.ip.is_unspecified() { CompactString::default() } else { facts.ip.to_compact_string() },
        user_agent: clean(facts.user_agent, STORED_NAME_BYTES),
        class: decision.class.clone(),
        // What drew on no limit does not fill a window after a restart.
        cost: if demand.key_limit { facts.cost } else { 0 },
        count: 1,
    })
}

/// The usual methods need no room of their own.
fn method_name(method: &str) -> Cow<'static, str> {
    const USUAL: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    match USUAL.into_iter().find(|usual| *usual == method) {
        Some(usual) => usual.into(),
        None => clean(method, STORED_NAME_BYTES).into_string().into(),
    }
}

/// Text for the ledger: cut, and with control characters escaped.
pub fn clean(text: &str, max: usize) -> CompactString {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = &text[..end];
    if cut.chars().any(char::is_control) {
        cut.chars()
            .flat_map(|char| if char.is_control() { char.escape_default().collect() } else { vec![char] })
            .collect()
    } else {
        cut.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_long_texts_cut_between_characters() {
        assert_eq!(clean("a\r\nb", 100), "a\\r\\nb");
        assert_eq!(clean("ééé", 3), "é");
        assert_eq!(clean("plain", 100), "plain");
    }
}
