//! Which new passwords are accepted.
//!
//! The list of well-known ones ships inside the binary; it holds only those that the policies would accept otherwise.

use crate::config::PasswordPolicy;
use crate::crypto::password::Password;

/// One a line; lines that begin with `# ` say where it is from.
const WELL_KNOWN: &str = include_str!("well_known_passwords.txt");

/// A new password that the policy accepts. `about` is what it must not be: the user's own name and address.
pub fn parse_new_password(text: String, policy: PasswordPolicy, about: &[&str]) -> Result<Password, String> {
    let password = Password::parse(text).map_err(|error| error.to_string())?;
    let text = password.reveal();
    follow(policy, text)?;
    if is_well_known(text) {
        return Err(String::from("is one of the passwords that are tried first; choose another"));
    }
    if about.iter().any(|own| is_about(text, own)) {
        return Err(String::from("must not be your own name or address"));
    }
    Ok(password)
}

fn follow(policy: PasswordPolicy, text: &str) -> Result<(), String> {
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
    Ok(())
}

/// In any case, and with any signs before and behind it: `Password1!` is `password1`.
fn is_well_known(text: &str) -> bool {
    let lower = text.to_lowercase();
    let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
    WELL_KNOWN.lines().any(|known| (known == lower || known == bare) && !known.starts_with("# "))
}

/// Whether the password is the name or address, a word of the name, or what stands before the `@`; with any digits and
/// signs around it.
fn is_about(text: &str, own: &str) -> bool {
    let (password, own) = (text.to_lowercase(), own.to_lowercase());
    let local = own.split('@').next().unwrap_or_default();
    let mut parts = vec![own.as_str(), local];
    parts.extend(own.split_whitespace());
    parts.into_iter().any(|part| {
        let (part, password) = (letters_and_digits(part), letters_and_digits(&password));
        let digits = |c: char| c.is_numeric();
        let (core, core_of_password) = (part.trim_matches(digits), password.trim_matches(digits));
        !part.is_empty() && (part == password || (!core.is_empty() && core == core_of_password))
    })
}

fn letters_and_digits(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, policy: PasswordPolicy, about: &[&str]) -> Result<(), String> {
        parse_new_password(text.into(), policy, about).map(|_| ())
    }

    #[test]
    fn the_composition_rule_wants_eight_characters_of_three_kinds() {
        for good in
            ["SecurePass1", "NewSecurePass1", "OldPass1", "NewPass1", "Äöüäöü1x", &format!("Aa1{}", "x".repeat(68))]
        {
            assert_eq!(parse(good, PasswordPolicy::Composition, &[]), Ok(()), "{good}");
        }
        let too_long = format!("Aa1{}", "x".repeat(69));
        for bad in ["Short1A", "alllower1", "ALLUPPER1", "NoDigits", "Nul\0Inside1", &too_long] {
            assert!(parse(bad, PasswordPolicy::Composition, &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn length15_wants_fifteen_characters_of_any_kind() {
        assert_eq!(parse("fifteen letters", PasswordPolicy::Length15, &[]), Ok(()));
        assert_eq!(parse("äöüäöüäöüäöüäöü", PasswordPolicy::Length15, &[]), Ok(()));
        assert!(parse("FourteenChars1", PasswordPolicy::Length15, &[]).is_err());
    }

    #[test]
    fn a_well_known_password_is_refused_in_any_case_and_with_signs_around_it() {
        for bad in
            ["Password1", "PASSWORd1", "Password1!", "Qwerty123", "Welcome123", "1Qaz2wsx", "P@ssw0rd", "Trustno1"]
        {
            let told = parse(bad, PasswordPolicy::Composition, &[]).unwrap_err();
            assert!(told.contains("tried first"), "{bad}: {told}");
        }
        for bad in ["correct horse battery staple", "1q2w3e4r5t6y7u8i", "Manchesterunited"] {
            assert!(parse(bad, PasswordPolicy::Length15, &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_is_sorted_lower_case_and_without_what_is_too_short_anyway() {
        let known: Vec<&str> = WELL_KNOWN.lines().filter(|line| !line.starts_with("# ")).collect();
        assert!(known.len() > 4_000);
        assert!(known.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(known.iter().all(|word| word.len() >= 8 && word.len() <= 71 && word.to_lowercase() == *word));
    }

    #[test]
    fn a_password_is_not_about_its_owner() {
        let about = ["Ada Lovelace", "countess1815@example.com"];
        for bad in [
            "AdaLovelace1",
            "Ada Lovelace 1815",
            "Lovelace1",
            "12Lovelace12",
            "Countess1815",
            "Countess1",
            "Countess1815@example.com",
        ] {
            let told = parse(bad, PasswordPolicy::Composition, &about).unwrap_err();
            assert!(told.contains("your own"), "{bad}: {told}");
        }
        for good in ["LovelaceEngine1", "Countess1815Notes", "Analytical1"] {
            assert_eq!(parse(good, PasswordPolicy::Composition, &about), Ok(()), "{good}");
        }
        assert_eq!(parse("Secure1815Pass", PasswordPolicy::Composition, &["1815", "@", ""]), Ok(()));
    }
}
