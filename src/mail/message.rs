//! A message: its subject, and its text and HTML made from the same paragraphs.

use serde::{Deserialize, Serialize};

/// A finished message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What kind it is: `verify_email`, `invitation`, ….
    pub kind: &'static str,
    /// Says what happened.
    pub subject: String,
    /// Both parts.
    pub body: Body,
}

/// The two parts, as they are sealed in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Plain text.
    pub text: String,
    /// The same as HTML, with nothing remote in it.
    pub html: String,
}

/// Puts a message together: paragraphs, and links on lines of their own.
pub struct Draft {
    kind: &'static str,
    subject: String,
    text: String,
    html: String,
}

impl Draft {
    /// Begins with a greeting. Control characters in the subject are left out.
    pub fn new(kind: &'static str, subject: &str, name: &str) -> Self {
        let subject = subject.chars().filter(|char| !char.is_control()).collect();
        let draft = Draft { kind, subject, text: String::new(), html: String::new() };
        draft.paragraph(&format!("Hello {name},"))
    }

    /// Adds a paragraph.
    pub fn paragraph(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self.text.push_str("\n\n");
        self.html.push_str(&format!("<p>{}</p>\n", escape(text)));
        self
    }

    /// Adds a link.
    pub fn link(mut self, label: &str, url: &str) -> Self {
        self.text.push_str(&format!("{label}:\n{url}\n\n"));
        let style = "display:inline-block;padding:10px 16px;border-radius:6px;background:#0f6868;color:#ffffff;text-decoration:none";
        let url = escape(url);
        self.html.push_str(&format!("<p><a href=\"{url}\" style=\"{style}\">{}</a></p>\n", escape(label)));
        self.html.push_str(&format!("<p style=\"font-size:13px;color:#555555;word-break:break-all\">{url}</p>\n"));
        self
    }

    /// Ends it; `from` is the address of this Claviger, so that a reader knows who writes.
    pub fn finish(mut self, from: &str) -> Message {
        self.text.push_str(&format!("-- \nClaviger at {from}\n"));
        let html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n\
             <body style=\"font-family:system-ui,sans-serif;font-size:15px;line-height:1.5;color:#1c1c1c\">\n{}\
             <p style=\"font-size:13px;color:#555555\">Claviger at {}</p>\n</body></html>\n",
            escape(&self.subject),
            self.html,
            escape(from)
        );
        Message { kind: self.kind, subject: self.subject, body: Body { text: self.text, html } }
    }
}

/// Text as HTML that means it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_say_the_same_and_nothing_in_them_is_taken_for_markup() {
        let message = Draft::new("test", "A key\r\nBcc: x", "<img onerror>")
            .paragraph("It is \"yours\" & done.")
            .link("Open", "https://keys.example.com/x?a=1&b=2")
            .finish("https://keys.example.com");
        assert_eq!(message.subject, "A keyBcc: x");
        assert!(message.body.text.contains("Hello <img onerror>,\n\nIt is \"yours\" & done."));
        assert!(message.body.text.contains("Open:\nhttps://keys.example.com/x?a=1&b=2\n"));
        assert!(message.body.html.contains("Hello &lt;img onerror&gt;,"));
        assert!(message.body.html.contains("href=\"https://keys.example.com/x?a=1&amp;b=2\""));
        assert!(!message.body.html.contains("<img"));
    }
}
