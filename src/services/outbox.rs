//! The outbox: mail is written in the transaction of the change that causes it.

use super::Services;
use super::error::ServiceError;
use crate::clock::UnixMillis;
use crate::mail::message::Message;
use crate::store::Statement;
use crate::store::outbox::{self, NewMail};

/// A message and where it goes.
#[derive(Debug)]
pub struct Letter<'a> {
    /// The organization whose administrators may read it; `None` where it is about an account and carries what opens it.
    pub organization: Option<i64>,
    /// The stored address of whoever it is for.
    pub to: &'a str,
    /// What it says.
    pub message: Message,
    /// When the token in it has run out.
    pub wipe_at: Option<UnixMillis>,
}

/// The statement that puts a letter into the outbox, to be part of the change that causes it.
pub fn post(services: &Services, now: UnixMillis, letter: Letter<'_>) -> Result<Statement, ServiceError> {
    let id = services.id("mail", now)?;
    post_as(services, now, letter, id)
}

/// Statements that cost what [`post`] costs and leave nothing: for an answer that must not tell whether there was
/// anybody to write to.
pub fn post_to_nobody(
    services: &Services,
    now: UnixMillis,
    letter: Letter<'_>,
) -> Result<(Statement, Statement), ServiceError> {
    let id = services.id("mail", now)?;
    let discard = outbox::discard(&id);
    Ok((post_as(services, now, letter, id)?, discard))
}

fn post_as(services: &Services, now: UnixMillis, letter: Letter<'_>, id: String) -> Result<Statement, ServiceError> {
    let body = serde_json::to_vec(&letter.message.body).map_err(ServiceError::failed)?;
    let sealed = services.sealer.seal(&body, &id, services.random.as_ref())?;
    Ok(outbox::insert(&NewMail {
        id,
        organization: letter.organization,
        kind: letter.message.kind,
        recipient: letter.to.to_owned(),
        subject: letter.message.subject,
        sealed,
        wipe_at: letter.wipe_at,
        created_at: now,
    }))
}
