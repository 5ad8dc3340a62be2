//! A message as it goes over the wire: headers, and both parts (RFC 5322, RFC 2046).

use mail_send::mail_builder::MessageBuilder;
use mail_send::mail_builder::headers::address::Address;
use mail_send::mail_builder::headers::date::Date;
use mail_send::mail_builder::headers::raw::Raw;

use super::message::Body;
use crate::clock::{SECOND, UnixMillis};
use crate::config::Mailbox;

/// A message and where it goes.
#[derive(Debug)]
pub struct Letter<'a> {
    /// The id in the outbox: the Message-ID is made of it, so that a receiver knows one that came twice.
    pub id: &'a str,
    /// The address.
    pub to: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// Both parts.
    pub body: &'a Body,
    /// When it was written.
    pub created_at: UnixMillis,
}

impl Letter<'_> {
    /// Whether the address means nothing to a mail server but itself. (What is stored was judged when it came.)
    pub(super) fn can_be_addressed(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&byte);
        self.to.len() <= 254 && self.to.contains('@') && self.to.bytes().all(plain)
    }

    /// The whole of it.
    pub(super) fn to_bytes(&self, from: &Mailbox) -> std::io::Result<Vec<u8>> {
        MessageBuilder::new()
            .from(Address::new_address(from.name.as_deref(), from.address.as_str()))
            .to(self.to)
            .subject(self.subject)
            .date(Date::new(self.created_at / SECOND))
            .message_id(format!("{}@{}", self.id, from.domain()))
            // So that no holiday answers it (RFC 3834).
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .text_body(self.body.text.as_str())
            .html_body(self.body.html.as_str())
            .write_to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_has_its_headers_and_both_parts_and_no_line_that_was_smuggled_in() {
        let body = Body { text: String::from("Grüße\n.\nEnd"), html: String::from("<p>Grüße</p>") };
        let letter = Letter {
            id: "mail_1",
            to: "ada@example.com",
            subject: "Ein Schlüssel läuft ab\r\nBcc: eve@example.com",
            body: &body,
            created_at: 1_893_456_000_000,
        };
        let from = Mailbox::parse("Claviger <keys@example.com>").unwrap();
        let text = String::from_utf8(letter.to_bytes(&from).unwrap()).unwrap();
        for wanted in [
            "Message-ID: <mail_1@example.com>\r\n",
            "Date: Tue, 1 Jan 2030 00:00:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
            "multipart/alternative",
            "text/plain",
            "text/html",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in {text}");
        }
        assert!(text.contains("<keys@example.com>") && text.contains("<ada@example.com>"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
        assert!(text.is_ascii(), "{text}");
    }

    #[test]
    fn an_address_that_would_mean_more_than_itself_is_not_used() {
        let body = Body { text: String::new(), html: String::new() };
        let letter = |to| Letter { id: "mail_1", to, subject: "", body: &body, created_at: 0 };
        assert!(letter("a+b@example.com").can_be_addressed());
        for wrong in ["", "ada", "a@b>\r\nRCPT TO:<c@d", "a@b c", "a@b\0", "ä@b"] {
            assert!(!letter(wrong).can_be_addressed(), "{wrong:?}");
        }
    }
}
