//! What people type about themselves, parsed: names, addresses, time zones; new passwords by [`super::password_rules`].

use unicode_normalization::UnicodeNormalization;

pub use super::password_rules::parse_new_password;
use crate::store::audit_log::Party;
use crate::store::users::User;

/// A name of 1 to 100 characters, without control characters; blanks around it are cut.
pub fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(String::from("must have 1 to 100 characters"));
    }
    if name.chars().any(char::is_control) {
        return Err(String::from("must not contain control characters"));
    }
    Ok(name.to_owned())
}

/// An address as it is stored and compared: ASCII after NFKC, lower-case, one `@`, at most 254 bytes.
pub fn parse_email(text: &str) -> Result<String, String> {
    const WRONG: &str = "must be an email address such as ada@example.com";
    let email = text.trim().nfkc().collect::<String>().to_ascii_lowercase();
    let fits = email.len() <= 254
        && email.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&byte))
        && matches!(email.split('@').collect::<Vec<_>>()[..], [local, domain]
            if !local.is_empty() && local.len() <= 64 && is_domain(domain));
    if fits { Ok(email) } else { Err(String::from(WRONG)) }
}

fn is_domain(domain: &str) -> bool {
    !domain.is_empty()
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// A time zone as the database inside the binary spells it: `europe/berlin` is `Europe/Berlin`.
pub fn parse_time_zone(text: &str) -> Result<String, String> {
    let known = jiff::tz::db().get(text.trim()).ok();
    let name = known.as_ref().and_then(|zone| zone.iana_name()).filter(|name| *name != "Etc/Unknown");
    name.map(str::to_owned).ok_or_else(|| String::from("must be a time zone such as Europe/Berlin or UTC"))
}

/// A user, as the audit log names them.
pub fn party(user: &User) -> Party {
    Party { kind: String::from("user"), id: Some(user.id.clone()), name: user.name.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        assert_eq!(parse_email(" Ada@Example.COM ").as_deref(), Ok("ada@example.com"));
        assert_eq!(parse_email("ａｄａ@example.com").as_deref(), Ok("ada@example.com"));
        for wrong in [
            "",
            "ada",
            "a@b@c",
            "@b",
            "a@",
            "a b@c",
            "a@b\r\nc",
            "é@b",
            "a@-b",
            "a@b..c",
            &format!("{}@b.c", "a".repeat(300)),
        ] {
            assert!(parse_email(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_has_no_control_characters_and_at_most_100_characters() {
        assert_eq!(parse_name(" Ada ").as_deref(), Ok("Ada"));
        assert!(parse_name(&"ä".repeat(100)).is_ok());
        for wrong in ["", "  ", "a\nb", "a\0", &"a".repeat(101)] {
            assert!(parse_name(wrong).is_err());
        }
    }

    #[test]
    fn a_time_zone_is_spelled_as_the_database_spells_it() {
        for (typed, stored) in [
            ("europe/berlin", "Europe/Berlin"),
            ("EUROPE/BERLIN", "Europe/Berlin"),
            (" America/Argentina/Buenos_Aires ", "America/Argentina/Buenos_Aires"),
            ("utc", "UTC"),
            ("Asia/Kolkata", "Asia/Kolkata"),
        ] {
            assert_eq!(parse_time_zone(typed).as_deref(), Ok(stored));
        }
        for wrong in ["", "Mars/Olympus", "Europe", "+02:00", "Etc/Unknown", "../etc/passwd", "Europe/Berlin\r\n X"] {
            assert!(parse_time_zone(wrong).is_err(), "{wrong}");
        }
    }
}
