//! What people type about themselves, parsed: names, addresses, new passwords.

use unicode_normalization::UnicodeNormalization;

use crate::config::PasswordPolicy;
use crate::crypto::password::Password;

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

/// A new password that the policy accepts. `about` is what it must not be: the user's own name and address.
pub fn parse_new_password(text: String, policy: PasswordPolicy, about: &[&str]) -> Result<Password, String> {
    let password = Password::parse(text).map_err(|error| error.to_string())?;
    let text = password.reveal();
    let long_enough = |least| text.chars().count() >= least;
    match policy {
        PasswordPolicy::Composition => {
            let has = |kind: fn(char) -> bool| text.chars().any(kind);
            if !long_enough(8) || !has(char::is_uppercase) || !has(char::is_lowercase) || !has(|c| c.is_ascii_digit()) {
                return Err(String::from(
                    "must have at least 8 characters, with an upper-case letter, a lower-case letter and a digit",
                ));
            }
        }
        PasswordPolicy::Length15 if !long_enough(15) => return Err(String::from("must have at least 15 characters")),
        PasswordPolicy::Length15 => {}
    }
    if about.iter().any(|own| text.eq_ignore_ascii_case(own)) {
        return Err(String::from("must not be your own name or address"));
    }
    Ok(password)
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
    fn a_password_follows_the_policy_and_is_not_about_its_owner() {
        let parse = |text: &str, policy| parse_new_password(text.into(), policy, &["Ada1234x", "ada@example.com"]);
        for good in ["SecurePass1", "NewSecurePass1", "OldPass1", "NewPass1"] {
            assert!(parse(good, PasswordPolicy::Composition).is_ok());
        }
        for bad in ["Short1A", "alllower1", "ALLUPPER1", "NoDigits", "ADA1234X", "ada1234x"] {
            assert!(parse(bad, PasswordPolicy::Composition).is_err(), "{bad}");
        }
        assert!(parse("fifteen letters", PasswordPolicy::Length15).is_ok());
        assert!(parse("too short", PasswordPolicy::Length15).is_err());
    }
}
