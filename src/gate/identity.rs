//! What the gate says of whoever a request belongs to: nine values, made once for each record.

use bytes::Bytes;

use super::decide::Credential;
use super::lookup::{KeyRecord, SessionRecord};
use crate::role::Role;

/// Method, subject, email, organization, role, key id, external id, environment, scopes: in the order of the contract.
/// What does not apply is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(pub [Bytes; 9]);

impl Identity {
    /// Of any credential; but for a session this costs no more than to count nine references.
    pub fn of(credential: &Credential) -> Identity {
        match credential {
            Credential::Key(key) => key.identity().clone(),
            Credential::Session(session) => Identity::of_session(session),
            Credential::Share(share) => share.record.identity.clone(),
            Credential::Widget(widget) => widget.identity.clone(),
            Credential::Anonymous | Credential::Refused(_) => {
                Identity::new(["anonymous", "", "", "", "", "", "", "", ""])
            }
        }
    }

    pub(super) fn of_key(key: &KeyRecord) -> Identity {
        let scopes = key.scopes.as_ref().map(|scopes| scopes.join(" ")).unwrap_or_default();
        Identity::new([
            "api_key",
            key.owner.as_deref().unwrap_or(""),
            &key.owner_email,
            &key.organization.id,
            key.role.map_or("", Role::as_str),
            &key.id,
            key.external_id.as_deref().unwrap_or(""),
            key.environment.as_str(),
            &scopes,
        ])
    }

    fn of_session(session: &SessionRecord) -> Identity {
        let role = session.role.as_str();
        Identity::new(["session", &session.user, &session.email, &session.organization.id, role, "", "", "", ""])
    }

    /// Of a share: its id, and whose it is.
    pub(super) fn of_share(id: &str, organization: &str) -> Identity {
        Identity::new(["share", id, "", organization, "", "", "", "", ""])
    }

    /// Of a widget's session: the user that the page vouches for, if any, and whose the widget is. What the page merely
    /// claims (a name, an address) is not here.
    pub fn of_widget(user: Option<&str>, organization: &str) -> Identity {
        Identity::new(["widget", user.unwrap_or(""), "", organization, "", "", "", "", ""])
    }

    fn new(values: [&str; 9]) -> Identity {
        Identity(values.map(|value| Bytes::copy_from_slice(value.as_bytes())))
    }
}
