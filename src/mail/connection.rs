//! One connection to the mail server, with TLS as the configuration says and never less.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail_send::smtp::AssertReply;
use mail_send::smtp::message::Parameters;
use mail_send::{Credentials, Error, SmtpClient, SmtpClientBuilder};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::failure::{Failure, Kind, Step};
use super::letter::Letter;
use crate::config::{Mailbox, SmtpTls};

/// Where the mail server is, and how it is spoken to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// What Claviger calls itself (EHLO).
    pub own_name: String,
    /// What a step may take.
    pub seconds: u64,
}

/// A user and a password. It does not print.
pub(super) struct Account {
    pub username: String,
    pub password: Zeroizing<String>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// An open connection, signed in where there is an account.
pub(super) struct Connection {
    client: SmtpClient<Box<dyn Stream>>,
    seconds: u64,
}

impl Connection {
    /// Connects, and signs in. Every step ends in time.
    pub async fn open(target: &Target, account: Option<&Account>) -> Result<Self, Failure> {
        let fail = |error| Failure::of(error, Step::Connecting, target.seconds);
        let timeout = Duration::from_secs(target.seconds);
        let stream: Box<dyn Stream> = match target.tls {
            SmtpTls::None => Box::new(loopback(target, timeout).await?),
            SmtpTls::Implicit | SmtpTls::Starttls => {
                let connector = Arc::new(trust()?).into();
                let builder = SmtpClientBuilder::new_with_tls_connector(target.host.as_str(), target.port, connector);
                let mut builder = builder.implicit_tls(target.tls == SmtpTls::Implicit).helo_host(&target.own_name);
                builder.addr = target.address();
                builder.timeout = timeout;
                builder.say_ehlo = false;
                Box::new(builder.connect().await.map_err(fail)?.stream)
            }
        };
        let mut client = SmtpClient { stream, timeout };
        let mut offers = client.ehlo(&target.own_name).await.map_err(fail)?;
        if let Some(account) = account {
            // Over TLS nothing is safer than these two; the MD5 ones make the server keep passwords in clear.
            offers.auth_mechanisms &= AUTH_PLAIN | AUTH_LOGIN;
            let credentials = Credentials::new(account.username.as_str(), account.password.as_str());
            client.authenticate(&credentials, &offers).await.map_err(fail)?;
        }
        Ok(Connection { client, seconds: target.seconds })
    }

    /// Hands one message over. What an answer quotes of it is left out of the failure.
    pub async fn send(&mut self, letter: &Letter<'_>, from: &Mailbox) -> Result<(), Failure> {
        if !letter.can_be_addressed() {
            return Err(Failure::new(Kind::Rejected, "The recipient's address cannot be used"));
        }
        let bytes = letter.to_bytes(from).map_err(|cause| Failure::new(Kind::Refused, cause.to_string()))?;
        let sent = self.hand_over(from, letter.to, &bytes).await;
        sent.map_err(|failure| failure.without_secrets_of(&letter.body.text))
    }

    async fn hand_over(&mut self, from: &Mailbox, to: &str, bytes: &[u8]) -> Result<(), Failure> {
        let seconds = self.seconds;
        let at = |step| move |error| Failure::of(error, step, seconds);
        let plain = Parameters::default();
        self.client.mail_from(&from.address, &plain).await.map_err(at(Step::Sender))?;
        self.client.rcpt_to(to, &plain).await.map_err(at(Step::Recipient))?;
        self.client.data(bytes).await.map_err(at(Step::Data))?;
        Ok(())
    }

    /// Makes ready for the next message after one that was not taken.
    pub async fn reset(&mut self) -> Result<(), Failure> {
        self.client.rset().await.map_err(|error| Failure::of(error, Step::Connecting, self.seconds))
    }

    /// Says goodbye. Everything is settled already, whatever is answered.
    pub async fn close(self) {
        let _ = self.client.quit().await;
    }
}

impl Target {
    fn address(&self) -> String {
        match self.host.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Trusts whom the system trusts (or `SSL_CERT_FILE`), read anew each time: a new authority needs no restart.
fn trust() -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier);
    match config {
        Ok(config) => Ok(config.with_no_client_auth()),
        Err(cause) => Err(Failure::new(
            Kind::Unreachable,
            format!(
                "No certificate authorities are to be found ({cause}); install ca-certificates or set SSL_CERT_FILE"
            ),
        )),
    }
}

/// A connection without TLS, to this machine and no other, whatever its name resolves to.
async fn loopback(target: &Target, timeout: Duration) -> Result<TcpStream, Failure> {
    let fail = |error| Failure::of(error, Step::Connecting, target.seconds);
    let connected = tokio::time::timeout(timeout, async {
        let stream = TcpStream::connect(target.address()).await?;
        if !stream.peer_addr()?.ip().to_canonical().is_loopback() {
            return Err(Error::Io(std::io::Error::other("smtp.host is not on loopback, and smtp.tls is \"none\"")));
        }
        let mut client = SmtpClient { stream, timeout };
        client.read().await?.assert_positive_completion()?;
        Ok(client.stream)
    });
    connected.await.unwrap_or(Err(Error::Timeout)).map_err(fail)
}
