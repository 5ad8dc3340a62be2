//! Texts that people write about what is theirs: descriptions, notes, Markdown.

use super::error::ServiceError;
use crate::error_code::ErrorCode;

/// The most characters of a description.
pub const MAX_DESCRIPTION: usize = 2_000;

/// The most bytes of a Markdown text: 1 MB.
pub const MAX_MARKDOWN: usize = 1 << 20;

/// A text of at most so many characters, on one line or several; other control characters are refused.
pub fn parse_text(text: &str, most: usize) -> Result<String, String> {
    if text.chars().count() > most {
        return Err(format!("must have at most {most} characters"));
    }
    if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
        return Err(String::from("must not contain control characters other than line breaks and tabs"));
    }
    Ok(text.to_owned())
}

/// Markdown of at most 1 MB; more is 413.
pub fn require_markdown(field: &str, text: &str) -> Result<(), ServiceError> {
    if text.len() > MAX_MARKDOWN {
        return Err(ServiceError::new(
            ErrorCode::PayloadTooLarge,
            format!("{field} has {} bytes; {MAX_MARKDOWN} are the most", text.len()),
        ));
    }
    if text.contains('\0') {
        return Err(ServiceError::field(field, "must not contain NUL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_lines_and_no_other_control_characters() {
        assert!(parse_text("a\r\n\tb", 5).is_ok());
        assert!(parse_text("äöüßé", 5).is_ok(), "characters, not bytes");
        for wrong in ["123456", "a\0", "a\x1b[", "\u{85}"] {
            assert!(parse_text(wrong, 5).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn markdown_is_at_most_a_megabyte() {
        let full = "a".repeat(MAX_MARKDOWN);
        assert!(require_markdown("content", &full).is_ok());
        let more = require_markdown("content", &(full + "a")).err().map(|error| error.code);
        assert_eq!(more, Some(ErrorCode::PayloadTooLarge));
        assert!(require_markdown("content", "a\0").is_err());
    }
}
