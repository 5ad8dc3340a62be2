//! What the command line asks: one request type, whether it comes through the running server's socket or is run by the
//! command line itself on a stopped server's data.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ServiceError;
use super::explain::{self, Question};
use super::key_settings::KeyWishes;
use super::setup::{self, Founding};
use super::text_pages::TextPage;
use super::users::{self, NewUser};
use super::{Actor, Context, Services, api_keys, audit, jobs, organizations, outbox, sign_in_links};
use crate::clock::{Moment, to_rfc3339};
use crate::error_code::ErrorCode;
use crate::role::Role;
use crate::store::outbox::State;

/// One command. It holds a password at most on its way through the socket, which only the operator can open.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs)]
pub enum Command {
    Setup { name: String, email: String, organization: String, password: String },
    OrganizationList,
    OrganizationPlan { organization: String, plan: String },
    KeyCreate { organization: String, wishes: Value },
    Explain { method: String, target: String, host: String, key: Option<String>, role: Option<Role> },
    AuditVerify { head: Option<String> },
    AuditHead,
    MailList { state: Option<String>, limit: String, cursor: Option<String> },
    MailShow { id: String },
    MailRetry { id: String },
    UserList,
    UserCreate { name: String, email: String, organization: String, role: String, password: String },
    UserUnlock { email: String },
    UserResetPassword { email: String, password: String },
    UserDisable { email: String },
    UserEnable { email: String },
    LoginLink { email: String },
    JobList,
    JobRun { name: String },
}

impl std::fmt::Debug for Command {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Command")
    }
}

/// Runs a command with the operator's rights.
pub fn run(services: &Services, command: Command, now: Moment) -> Result<Value, ServiceError> {
    let context = Context { actor: Actor::Operator, now: now.unix_ms, ip: None, user_agent: None, request_id: None };
    match command {
        Command::Setup { name, email, organization, password } => {
            setup::require_open(services)?;
            let user = setup::found(services, &context, Founding { name, email, password, organization })?;
            let sign_in = format!("{}/sign-in", services.config.public_url());
            Ok(json!({ "userId": user.id, "email": user.email, "signInUrl": sign_in }))
        }
        Command::OrganizationList => to_json(organizations::list(services)?),
        Command::OrganizationPlan { organization, plan } => {
            to_json(organizations::set_plan(services, &context, &organization, &plan)?)
        }
        Command::KeyCreate { organization, wishes } => {
            let organization = organizations::find(services, &organization)?;
            let wishes: KeyWishes =
                serde_json::from_value(wishes).map_err(|error| ServiceError::field("key", error.to_string()))?;
            let made = api_keys::create_in(services, &context, wishes, &organization)?;
            let mut object = to_json(made.view)?;
            object["key"] = Value::from(made.token.reveal());
            Ok(object)
        }
        Command::Explain { method, target, host, key, role } => {
            to_json(explain::explain(services, &Question { method, target, host, key, role }, now)?)
        }
        Command::AuditVerify { head } => {
            let kept = match head {
                None => None,
                Some(text) => Some(audit::Heads::parse(&text).ok_or_else(|| {
                    ServiceError::new(ErrorCode::ValidationFailed, "The head is not what `claviger audit head` prints")
                })?),
            };
            let heads = audit::verify(services, kept)?;
            Ok(json!({ "auditRows": heads.audit.seq, "ledgerRows": heads.ledger.seq, "head": heads.to_text() }))
        }
        Command::AuditHead => Ok(json!({ "head": audit::heads(&services.store)?.to_text() })),
        Command::MailList { state, limit, cursor } => mail_list(services, state.as_deref(), &limit, cursor.as_deref()),
        Command::MailShow { id } => to_json(outbox::show(services, &id)?),
        Command::MailRetry { id } => to_json(outbox::retry(services, &context, &id)?),
        Command::UserList => to_json(users::list(services, &context)?),
        Command::UserCreate { name, email, organization, role, password } => {
            to_json(users::create(services, &context, NewUser { name, email, password, organization, role })?)
        }
        Command::UserUnlock { email } => to_json(users::unlock(services, &context, &email)?),
        Command::UserResetPassword { email, password } => {
            to_json(users::reset_password(services, &context, &email, password)?)
        }
        Command::UserDisable { email } => to_json(users::disable(services, &context, &email)?),
        Command::UserEnable { email } => to_json(users::enable(services, &context, &email)?),
        Command::LoginLink { email } => {
            let link = sign_in_links::make(services, &context, &email)?;
            Ok(json!({ "url": link.url, "expiresAt": to_rfc3339(link.expires_at) }))
        }
        Command::JobList => to_json(jobs::list(services)),
        Command::JobRun { name } => {
            jobs::run(services, &name, context.now)?;
            Ok(json!({ "name": name }))
        }
    }
}

/// A page of all mail, without its texts.
fn mail_list(
    services: &Services,
    state: Option<&str>,
    limit: &str,
    cursor: Option<&str>,
) -> Result<Value, ServiceError> {
    let parse =
        |text| State::parse(text).ok_or_else(|| ServiceError::field("state", "must be waiting, delivered or dead"));
    let state = state.map(parse).transpose()?;
    let listed = outbox::list_all(services, state, &TextPage::parse(Some(limit), cursor)?)?;
    let mut items = to_json(listed.items)?;
    for item in items.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        item.remove("text");
    }
    Ok(json!({ "items": items, "nextCursor": listed.next }))
}

fn to_json(value: impl Serialize) -> Result<Value, ServiceError> {
    serde_json::to_value(value).map_err(ServiceError::failed)
}
