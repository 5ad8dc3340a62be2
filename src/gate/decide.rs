//! The decision: a demand, a credential and the request's facts in; pass or a code out.

use std::net::IpAddr;
use std::sync::Arc;

use super::demand::{Demand, Organizations};
use super::lookup::{Environment, KeyRecord, OrganizationFacts, SessionRecord};
use super::share::PresentedShare;
use super::widget::WidgetRecord;
use crate::clock::{Moment, UnixMillis};
use crate::error_code::ErrorCode;
use crate::role::Role;

/// What is known of a request.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// When it came.
    pub at: Moment,
    /// Its method.
    pub method: &'a str,
    /// Its host, as it was sent.
    pub host: &'a str,
    /// Its path, normalised.
    pub path: &'a str,
    /// The client's address.
    pub ip: IpAddr,
    /// What the client calls itself.
    pub user_agent: &'a str,
    /// How much it draws from its limits.
    pub cost: u32,
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nobody's.
    Anonymous,
    /// A known key's, working or not.
    Key(Arc<KeyRecord>),
    /// A living session's.
    Session(Arc<SessionRecord>),
    /// A known share's, working or not, its password shown or not.
    Share(PresentedShare),
    /// That of a known session of a widget, running or over.
    Widget(Arc<WidgetRecord>),
    /// Something was presented that is nobody's.
    Refused(ErrorCode),
}

impl Credential {
    /// The name of the kind, as `X-Auth-Method` has it.
    pub fn method(&self) -> &'static str {
        match self {
            Credential::Key(_) => "api_key",
            Credential::Session(_) => "session",
            Credential::Share(_) => "share",
            Credential::Widget(_) => "widget",
            Credential::Anonymous | Credential::Refused(_) => "anonymous",
        }
    }

    /// The organization it belongs to.
    pub fn organization(&self) -> Option<&OrganizationFacts> {
        match self {
            Credential::Key(key) => Some(&key.organization),
            Credential::Session(session) => Some(&session.organization),
            Credential::Share(share) => Some(&share.record.organization),
            Credential::Widget(widget) => Some(&widget.organization),
            Credential::Anonymous | Credential::Refused(_) => None,
        }
    }

    /// Where anybody may pass and credentials of this kind are not asked for, it counts as none: nobody who is signed in
    /// is kept out of what is open to all.
    pub fn as_far_as_it_counts(self, demand: &Demand) -> Credential {
        let allow = &demand.allow;
        let asked_for = match &self {
            Credential::Key(_) => allow.api_key,
            Credential::Session(_) => allow.session,
            Credential::Share(share) => share.record.is_wanted(allow),
            Credential::Widget(_) => allow.widget,
            Credential::Anonymous | Credential::Refused(_) => true,
        };
        if allow.anonymous && !asked_for { Credential::Anonymous } else { self }
    }

    /// What it may do: a key's role cut to its owner's, a session's user's. Shares and widgets have none.
    pub fn role(&self) -> Option<Role> {
        match self {
            Credential::Key(key) => key.role,
            Credential::Session(session) => Some(session.role),
            Credential::Share(_) | Credential::Widget(_) | Credential::Anonymous | Credential::Refused(_) => None,
        }
    }
}

/// Judges everything but the limits. The order is that of the contract: is the credential good (401), is it of a kind
/// and a role that may (403), does its plan let it (403). Ends are judged by `now`: the time of the request, or the latest
/// that was seen, where the clock runs behind it.
pub fn judge(demand: &Demand, credential: &Credential, facts: &Facts<'_>, now: UnixMillis) -> Result<(), ErrorCode> {
    match credential {
        Credential::Refused(ErrorCode::SessionInvalid) if demand.allow.anonymous => Ok(()),
        Credential::Refused(code) => Err(*code),
        Credential::Anonymous if demand.allow.anonymous => Ok(()),
        Credential::Anonymous if demand.allow.names().is_empty() => Err(ErrorCode::GateDenied),
        Credential::Anonymous => Err(ErrorCode::CredentialsMissing),
        Credential::Session(session) => {
            require_kind(demand, demand.allow.session)?;
            require_organization(&demand.organizations, &session.organization)?;
            require_role(demand, Some(session.role), facts.method)
        }
        Credential::Key(key) => {
            is_good(key, now)?;
            require_kind(demand, demand.allow.api_key)?;
            require_organization(&demand.organizations, &key.organization)?;
            judge_key(demand, key, facts)
        }
        Credential::Share(share) => {
            share.is_good(now)?;
            // Where shares are not asked for, their passwords are not looked at.
            require_kind(demand, share.record.is_wanted(&demand.allow))?;
            share.is_open()?;
            require_organization(&demand.organizations, &share.record.organization)?;
            share.covers(demand, facts)
        }
        Credential::Widget(widget) => {
            if widget.expires_at <= now {
                return Err(ErrorCode::WidgetTokenInvalid);
            }
            // That a session is needed would help nobody on a customer's page.
            require_kind(demand, demand.allow.widget).map_err(|code| match code {
                ErrorCode::SessionRequired => ErrorCode::CredentialNotAllowed,
                other => other,
            })?;
            require_organization(&demand.organizations, &widget.organization)
        }
    }
}

fn is_good(key: &KeyRecord, now: UnixMillis) -> Result<(), ErrorCode> {
    if !key.active || key.role.is_none() || key.grace_ends_at.is_some_and(|end| end <= now) {
        return Err(ErrorCode::ApiKeyDeactivated);
    }
    if key.expires_at.is_some_and(|end| end <= now) {
        return Err(ErrorCode::ApiKeyExpired);
    }
    Ok(())
}

fn require_kind(demand: &Demand, allowed: bool) -> Result<(), ErrorCode> {
    if allowed {
        return Ok(());
    }
    match demand.allow.names().as_slice() {
        [] => Err(ErrorCode::GateDenied),
        ["session"] => Err(ErrorCode::SessionRequired),
        _ => Err(ErrorCode::CredentialNotAllowed),
    }
}

fn require_organization(organizations: &Organizations, own: &OrganizationFacts) -> Result<(), ErrorCode> {
    if organizations.admits(&own.id, own.home) { Ok(()) } else { Err(ErrorCode::OrganizationNotAllowed) }
}

fn require_role(demand: &Demand, role: Option<Role>, method: &str) -> Result<(), ErrorCode> {
    if role >= Some(demand.role.for_method(method)) { Ok(()) } else { Err(ErrorCode::InsufficientRole) }
}

fn judge_key(demand: &Demand, key: &KeyRecord, facts: &Facts<'_>) -> Result<(), ErrorCode> {
    let fits_environment = match key.environment {
        Environment::Live => demand.live,
        Environment::Test => demand.test,
    };
    if !fits_environment {
        return Err(ErrorCode::EnvironmentNotAllowed);
    }
    if !key.allows_address(facts.ip) {
        return Err(ErrorCode::IpNotAllowed);
    }
    require_role(demand, key.role, facts.method)?;
    if let Some(scopes) = &key.scopes
        && !demand.scopes.iter().all(|needed| scopes.contains(needed))
    {
        return Err(ErrorCode::ScopeRequired);
    }
    if !key.organization.api_access {
        return Err(ErrorCode::PlanNoApiAccess);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::demand::{Allow, RoleDemand};
    use crate::gate::identity::Identity;
    use crate::gate::share::{Covers, Door, ShareRecord};

    const NOW: UnixMillis = 1_000_000;

    fn demand() -> Demand {
        Demand { allow: Allow { api_key: true, ..Allow::default() }, ..Demand::of_the_gate() }
    }

    fn judge_with(demand: &Demand, method: &str, change: impl FnOnce(&mut KeyRecord)) -> Result<(), ErrorCode> {
        let mut key = KeyRecord::example(1);
        change(&mut key);
        let facts = Facts {
            at: Moment { unix_ms: NOW, mono_us: 0 },
            method,
            host: "",
            path: "/",
            ip: "192.0.2.7".parse().unwrap(),
            user_agent: "",
            cost: 1,
        };
        judge(demand, &Credential::Key(Arc::new(key)), &facts, NOW)
    }

    #[test]
    fn each_fault_of_a_key_has_its_code() {
        type Case = (ErrorCode, fn(&mut KeyRecord));
        let cases: [Case; 11] = [
            (ErrorCode::ApiKeyDeactivated, |key| key.active = false),
            (ErrorCode::ApiKeyDeactivated, |key| key.role = None),
            (ErrorCode::ApiKeyDeactivated, |key| key.grace_ends_at = Some(NOW)),
            (ErrorCode::ApiKeyExpired, |key| key.expires_at = Some(NOW)),
            (ErrorCode::OrganizationNotAllowed, |key| key.organization.home = false),
            (ErrorCode::IpNotAllowed, |key| key.ip_allow_list = Some(vec![])),
            (ErrorCode::InsufficientRole, |key| key.role = Some(Role::Viewer)),
            (ErrorCode::PlanNoApiAccess, |key| key.organization.api_access = false),
            (ErrorCode::ScopeRequired, |key| key.scopes = Some(vec!["read".into()])),
            (ErrorCode::ScopeRequired, |key| key.scopes = Some(vec![])),
            (ErrorCode::EnvironmentNotAllowed, |key| key.environment = Environment::Test),
        ];
        let strict = Demand { scopes: vec!["write".into()], test: false, ..demand() };
        assert_eq!(judge_with(&strict, "POST", |_| {}), Ok(()));
        for (code, change) in cases {
            assert_eq!(judge_with(&strict, "POST", change), Err(code));
        }
    }

    #[test]
    fn a_viewer_reads_and_a_member_writes_unless_a_rule_says_otherwise() {
        let viewer = |key: &mut KeyRecord| key.role = Some(Role::Viewer);
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert_eq!(judge_with(&demand(), method, viewer), Ok(()));
        }
        for method in ["POST", "PUT", "DELETE", "PATCH", "PURGE"] {
            assert_eq!(judge_with(&demand(), method, viewer), Err(ErrorCode::InsufficientRole));
        }
        let admins = Demand { role: RoleDemand::AtLeast(Role::Owner), ..demand() };
        assert_eq!(judge_with(&admins, "GET", |_| {}), Err(ErrorCode::InsufficientRole));
    }

    #[test]
    fn a_superseded_key_works_until_its_grace_ends() {
        assert_eq!(judge_with(&demand(), "GET", |key| key.grace_ends_at = Some(NOW + 1)), Ok(()));
    }

    fn facts<'a>(method: &'a str, path: &'a str) -> Facts<'a> {
        Facts {
            at: Moment { unix_ms: NOW, mono_us: 0 },
            method,
            host: "",
            path,
            ip: "192.0.2.7".parse().unwrap(),
            user_agent: "",
            cost: 1,
        }
    }

    fn for_shares() -> Demand {
        Demand { allow: Allow { share: true, ..Allow::default() }, ..Demand::of_the_gate() }
    }

    #[test]
    fn a_share_passes_where_it_is_asked_for_and_covers_the_request() {
        let judge_share = |demand: &Demand, method, path, change: fn(&mut PresentedShare, &mut ShareRecord)| {
            let mut record = ShareRecord::example(&["/reports/7/{*rest}"]);
            let mut share = PresentedShare::new(Arc::new(record.clone()));
            change(&mut share, &mut record);
            share.record = Arc::new(record);
            judge(demand, &Credential::Share(share), &facts(method, path), NOW)
        };
        type Hand = fn(&mut PresentedShare, &mut ShareRecord);
        let by_nobody: Hand = |_, _| {};
        let strict = Demand { role: RoleDemand::AtLeast(Role::Owner), ..for_shares() };
        assert_eq!(judge_share(&strict, "GET", "/reports/7/a", by_nobody), Ok(()));
        for (method, path) in [("POST", "/reports/7/a"), ("GET", "/reports/8/a"), ("GET", "/")] {
            assert_eq!(judge_share(&strict, method, path, by_nobody), Err(ErrorCode::CredentialNotAllowed));
        }
        type Case = (ErrorCode, fn(&mut PresentedShare, &mut ShareRecord));
        let cases: [Case; 8] = [
            (ErrorCode::ShareTokenInvalid, |_, record| record.expires_at = Some(NOW)),
            (ErrorCode::ShareTokenInvalid, |_, record| record.stands = false),
            (ErrorCode::ShareTokenInvalid, |share, record| {
                (share.door, record.stands) = (Door::Refused, false);
            }),
            (ErrorCode::SharePasswordRequired, |share, _| share.door = Door::Closed),
            (ErrorCode::SharePasswordInvalid, |share, _| share.door = Door::Refused),
            (ErrorCode::ShareLocked, |share, _| share.door = Door::Locked(1)),
            (ErrorCode::OrganizationNotAllowed, |_, record| record.organization.home = false),
            // A project's share passes no rule, whatever it allows.
            (ErrorCode::CredentialNotAllowed, |_, record| record.covers = Covers::Project("prj_1".into())),
        ];
        for (code, change) in cases {
            assert_eq!(judge_share(&strict, "GET", "/reports/7/a", change), Err(code));
        }
        let closed: Hand = |share, _| share.door = Door::Closed;
        for judged in [by_nobody, closed].map(|door| judge_share(&demand(), "GET", "/reports/7/a", door)) {
            assert_eq!(judged, Err(ErrorCode::CredentialNotAllowed), "whether its password was looked at or not");
        }
    }

    #[test]
    fn a_widgets_session_passes_where_it_is_asked_for_until_it_ends() {
        let widget = |expires_at| {
            Credential::Widget(Arc::new(WidgetRecord {
                name: String::new(),
                claims: Default::default(),
                number: 8,
                widget: "wgt_8".into(),
                organization: KeyRecord::example(1).organization,
                expires_at,
                limit: 120,
                subject: "".into(),
                identity: Identity::of_widget(None, "org_1"),
            }))
        };
        let demand = |widget| Demand { allow: Allow { widget, share: true, ..Allow::default() }, ..for_shares() };
        let judge = |demand: &Demand, expires_at| judge(demand, &widget(expires_at), &facts("POST", "/x"), NOW);
        assert_eq!(judge(&demand(true), NOW + 1), Ok(()));
        assert_eq!(judge(&demand(true), NOW), Err(ErrorCode::WidgetTokenInvalid));
        assert_eq!(judge(&demand(false), NOW + 1), Err(ErrorCode::CredentialNotAllowed));
        let elsewhere = Demand { organizations: Organizations::Only { home: false, ids: vec![] }, ..demand(true) };
        assert_eq!(judge(&elsewhere, NOW + 1), Err(ErrorCode::OrganizationNotAllowed));
    }

    #[test]
    fn where_anybody_may_pass_what_is_not_asked_for_counts_as_nothing() {
        let share = || Credential::Share(PresentedShare::new(Arc::new(ShareRecord::example(&["/a"]))));
        let open = Demand { allow: Allow { anonymous: true, ..Allow::default() }, ..Demand::of_the_gate() };
        assert!(matches!(share().as_far_as_it_counts(&open), Credential::Anonymous));
        let asked = Demand { allow: Allow { share: true, ..open.allow }, ..open };
        assert!(matches!(share().as_far_as_it_counts(&asked), Credential::Share(_)));
    }

    #[test]
    fn what_is_for_sessions_alone_says_so() {
        let sessions = Demand { allow: Allow { session: true, ..Allow::default() }, ..Demand::of_the_gate() };
        assert_eq!(judge_with(&sessions, "GET", |_| {}), Err(ErrorCode::SessionRequired));
        let nobody = Demand::of_the_gate();
        assert_eq!(judge_with(&nobody, "GET", |_| {}), Err(ErrorCode::GateDenied));
    }
}
