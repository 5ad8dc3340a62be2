//! Why a message was not taken, in words for an administrator.

use mail_send::Error;

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is no talking to the mail server at the moment: what else waits would fare no better.
    Unreachable,
    /// This message was not taken this time.
    Refused,
    /// This message will never be taken.
    Rejected,
    /// Claviger is stopping.
    Stopping,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What follows from it.
    pub kind: Kind,
    /// What happened. It may quote the mail server.
    pub text: String,
}

/// Where in a conversation it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Before the first message.
    Connecting,
    /// The sender's address.
    Sender,
    /// The recipient's address.
    Recipient,
    /// The message itself.
    Data,
}

/// The most that is kept of a mail server's answer.
const MAX_QUOTE: usize = 300;
/// A word of the message this long, in an answer, may be a token.
const MIN_SECRET: usize = 16;

impl Failure {
    /// A failure of this kind.
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Failure { kind, text: text.into() }
    }

    /// What `mail-send` tells, at this step. `seconds` is what a step may take.
    pub(super) fn of(error: Error, step: Step, seconds: u64) -> Self {
        let unreachable = |text: String| Failure::new(Kind::Unreachable, text);
        match error {
            Error::UnexpectedReply(reply) => Failure::of_reply(reply.code, &reply.message, step),
            Error::MissingStartTls => unreachable(String::from(
                "The mail server offers no STARTTLS, and nothing is sent in clear. If it speaks TLS from the first byte, \
                 set smtp.tls = \"implicit\"",
            )),
            Error::Tls(cause) => unreachable(format!("The TLS connection to the mail server failed: {cause}")),
            Error::InvalidTLSName => unreachable(String::from("smtp.host is not a name that a certificate can have")),
            Error::Timeout => unreachable(format!("The mail server did not answer within {seconds} seconds")),
            Error::Io(cause) => unreachable(format!("The connection to the mail server failed: {cause}")),
            Error::UnparseableReply => {
                unreachable(String::from("The mail server closed the connection, or its answer cannot be read"))
            }
            // The answer is left out: it may repeat what was sent.
            Error::AuthenticationFailed(reply) => {
                unreachable(format!("The mail server did not accept smtp.username and its password ({})", reply.code))
            }
            Error::UnsupportedAuthMechanism => {
                unreachable(String::from("The mail server takes no password on this connection (AUTH PLAIN or LOGIN)"))
            }
            Error::Auth(_) | Error::Base64(_) => unreachable(String::from("The mail server's AUTH cannot be followed")),
            other => unreachable(other.to_string()),
        }
    }

    /// An answer that is a refusal (RFC 5321, 4.2.1): 421 ends the conversation, 4xx may go well later, 5xx will not.
    fn of_reply(code: u16, message: &str, step: Step) -> Self {
        let kind = match (code, step) {
            (421, _) | (_, Step::Connecting) => Kind::Unreachable,
            // It wants a password first: a matter of settings, not of this message.
            (530 | 534 | 535 | 538, _) => Kind::Refused,
            (500.., Step::Recipient | Step::Data) => Kind::Rejected,
            _ => Kind::Refused,
        };
        let message: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let message: String = message.chars().filter(|char| !char.is_control()).take(MAX_QUOTE).collect();
        Failure::new(kind, format!("The mail server answered {code} {message}").trim_end())
    }

    /// The same, without anything in it that could be a token of this text: some servers quote what they refuse.
    pub(super) fn without_secrets_of(self, text: &str) -> Self {
        let text = text.to_lowercase();
        let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
        let mut kept = String::with_capacity(self.text.len());
        let mut rest = self.text.as_str();
        while let Some(first) = rest.chars().next() {
            let length = match is_part(first) {
                true => rest.find(|char| !is_part(char)).unwrap_or(rest.len()),
                false => first.len_utf8(),
            };
            let (part, behind) = rest.split_at(length);
            let secret = part.len() >= MIN_SECRET && text.contains(&part.to_lowercase());
            kept.push_str(if secret { "…" } else { part });
            rest = behind;
        }
        Failure { text: kept, ..self }
    }

    /// For the log, where no addresses stand.
    pub fn for_log(&self) -> String {
        let words = self.text.split(' ').map(|word| if word.contains('@') { "…" } else { word });
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_an_answer_depends_on_its_code_and_on_the_step() {
        for (code, step, kind) in [
            (421, Step::Recipient, Kind::Unreachable),
            (554, Step::Connecting, Kind::Unreachable),
            (451, Step::Recipient, Kind::Refused),
            (452, Step::Data, Kind::Refused),
            (550, Step::Sender, Kind::Refused),
            (530, Step::Recipient, Kind::Refused),
            (550, Step::Recipient, Kind::Rejected),
            (554, Step::Data, Kind::Rejected),
        ] {
            assert_eq!(Failure::of_reply(code, "x", step).kind, kind, "{code} at {step:?}");
        }
    }

    #[test]
    fn an_answer_is_one_short_line() {
        let failure = Failure::of_reply(451, &format!("a\r\nb\u{7}{}", "x".repeat(1_000)), Step::Data);
        assert!(failure.text.starts_with("The mail server answered 451 a bxxx") && failure.text.len() < 400);
    }

    #[test]
    fn a_token_that_a_server_quotes_is_not_kept() {
        let failure =
            Failure::new(Kind::Rejected, "554 spam: https://a.example/reset?token=RST_0123456789abcdef, sorry");
        let failure = failure.without_secrets_of("Open:\nhttps://a.example/reset?token=rst_0123456789abcdef\n");
        assert_eq!(failure.text, "554 spam: https://a.example/reset?token=…, sorry");
    }

    #[test]
    fn the_log_has_no_addresses() {
        let failure = Failure::new(Kind::Rejected, "550 <bob@example.com>: no such user");
        assert_eq!(failure.for_log(), "550 … no such user");
    }
}
