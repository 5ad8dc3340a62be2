//! The outbox: mail is written in the transaction of the change that causes it; and who may see it there.

use serde::Serialize;

use super::error::ServiceError;
use super::text_pages::{TextListed, TextPage};
use super::{Actor, Context, Event, Services};
use crate::clock::{UnixMillis, to_rfc3339};
use crate::error_code::ErrorCode;
use crate::mail::message::{Body, Message};
use crate::store::audit_log::Party;
use crate::store::outbox::{self, Filter, Mail, NewMail, State};
use crate::store::{Change, Refusal, Statement, StoreError};

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

/// The body of a message that is still there.
pub(super) fn open(services: &Services, mail: &Mail) -> Result<Option<Body>, ServiceError> {
    let Some(sealed) = &mail.sealed else { return Ok(None) };
    let body = services.sealer.open(sealed, &mail.id)?;
    serde_json::from_slice(&body).map(Some).map_err(ServiceError::failed)
}

/// One message, as it is shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailView {
    /// `mail_…`
    pub id: String,
    /// The recipient's address.
    pub to: String,
    /// What happened.
    pub subject: String,
    /// `invitation`, `expiry_warning`, ….
    pub kind: String,
    /// `waiting`, `delivered` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of the last attempt, if it failed.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: String,
    /// When it will be tried next; null unless it waits.
    pub next_attempt_at: Option<String>,
    /// Its plain text; null once it is wiped. Tokens in links are for their recipient alone and are left out.
    pub text: Option<String>,
}

impl MailView {
    /// What an operator sees: all of it.
    fn whole(services: &Services, mail: Mail) -> Result<Self, ServiceError> {
        let text = open(services, &mail)?.map(|body| body.text);
        let next_attempt_at = (mail.state == State::Waiting).then(|| to_rfc3339(mail.next_attempt_at));
        Ok(MailView {
            id: mail.id,
            to: mail.recipient,
            subject: mail.subject,
            kind: mail.kind,
            state: mail.state.as_str().to_owned(),
            attempts: mail.attempts,
            last_error: mail.last_error,
            created_at: to_rfc3339(mail.created_at),
            next_attempt_at,
            text,
        })
    }

    /// What an administrator sees: a token that was mailed proves its recipient's address, so nobody else may have it.
    fn for_administrators(services: &Services, mail: Mail) -> Result<Self, ServiceError> {
        let view = MailView::whole(services, mail)?;
        Ok(MailView { text: view.text.as_deref().map(without_tokens), ..view })
    }
}

/// The text with `token=…` for every token in a link.
fn without_tokens(text: &str) -> String {
    const NAME: &str = "token=";
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(NAME) {
        let (before, behind) = rest.split_at(at + NAME.len());
        kept.push_str(before);
        let end = behind.find(|char: char| !(char.is_ascii_alphanumeric() || "_-.~%".contains(char)));
        rest = &behind[end.unwrap_or(behind.len())..];
        kept.push('…');
    }
    kept.push_str(rest);
    kept
}

/// A page of the organization's messages.
pub fn list(services: &Services, context: &Context, page: &TextPage) -> Result<TextListed<MailView>, ServiceError> {
    let filter = Filter { organization: Some(context.organization()?), state: None, before: page.after.clone() };
    let rows = services.store.read(|reader| outbox::list(reader, &filter, page.limit + 1))?;
    let cut = page.cut(rows, |mail| mail.id.clone());
    let items = cut.items.into_iter().map(|mail| MailView::for_administrators(services, mail));
    Ok(TextListed { items: items.collect::<Result<_, _>>()?, next: cut.next })
}

/// A page of all messages there are, for the operator.
pub fn list_all(
    services: &Services,
    state: Option<State>,
    page: &TextPage,
) -> Result<TextListed<MailView>, ServiceError> {
    let filter = Filter { organization: None, state, before: page.after.clone() };
    let rows = services.store.read(|reader| outbox::list(reader, &filter, page.limit + 1))?;
    let cut = page.cut(rows, |mail| mail.id.clone());
    let items = cut.items.into_iter().map(|mail| MailView::whole(services, mail));
    Ok(TextListed { items: items.collect::<Result<_, _>>()?, next: cut.next })
}

/// One message, for the operator.
pub fn show(services: &Services, id: &str) -> Result<MailView, ServiceError> {
    MailView::whole(services, find(services, None, id)?)
}

/// Sends a message at once, its attempts counted anew: a waiting one or a dead one whose text is still there.
pub fn retry(services: &Services, context: &Context, id: &str) -> Result<MailView, ServiceError> {
    let organization = match context.actor {
        Actor::Operator => None,
        Actor::Credential(_) => Some(context.organization()?),
    };
    let mail = find(services, organization, id)?;
    let event = Event { action: "mail.retried", organization: mail.organization, target: party(&mail), changes: None };
    let change = Change::new()
        .exactly_one(outbox::retry(&mail.id, organization, context.now), Refusal::Gone)
        .audited(services.audit(context, event)?);
    match services.store.commit(change) {
        Err(StoreError::Refused(Refusal::Gone)) => return Err(why_not(services, organization, id)),
        result => result?,
    }
    let mail = find(services, organization, id)?;
    match organization {
        None => MailView::whole(services, mail),
        Some(_) => MailView::for_administrators(services, mail),
    }
}

fn why_not(services: &Services, organization: Option<i64>, id: &str) -> ServiceError {
    match find(services, organization, id) {
        Err(error) => error,
        Ok(mail) if mail.state == State::Delivered => {
            ServiceError::new(ErrorCode::Conflict, "This message was delivered already")
        }
        Ok(_) => ServiceError::new(
            ErrorCode::Gone,
            "The link in this message has run out and its text is wiped; cause a new one in place of it",
        ),
    }
}

/// The message of this id, if it is this organization's; `None` = whoever's.
fn find(services: &Services, organization: Option<i64>, id: &str) -> Result<Mail, ServiceError> {
    let mail = services.store.read(|reader| outbox::by_id(reader, id))?;
    let is_ours = |mail: &Mail| organization.is_none() || mail.organization == organization;
    mail.filter(is_ours).ok_or_else(|| ErrorCode::NotFound.into())
}

/// A message, as the audit log names it.
pub(super) fn party(mail: &Mail) -> Party {
    Party { kind: String::from("mail"), id: Some(mail.id.clone()), name: mail.subject.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_links_are_left_out_and_all_else_stays() {
        let text = "Open:\nhttps://a.example/invite?token=inv_0a-b&x=1\n\nOr https://a.example/?token=b.\n";
        assert_eq!(
            without_tokens(text),
            "Open:\nhttps://a.example/invite?token=…&x=1\n\nOr https://a.example/?token=…\n"
        );
        assert_eq!(without_tokens("no link, no token"), "no link, no token");
    }
}
