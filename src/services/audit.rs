//! The audit log: read, exported, proved; and both chains' heads.

use serde::Serialize;

use super::error::ServiceError;
use super::pages::{Listed, Page};
use super::{Context, Services};
use crate::clock::{DAY, UnixMillis, to_rfc3339};
use crate::error_code::ErrorCode;
use crate::store::audit_log::{self, AuditEntry, Filter, Party};
use crate::store::chain::{ChainEnd, Verifier, sign_checkpoint};
use crate::store::{Change, ReadResult, Reader, Store, StoreError, requests};

/// One entry, as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// `aud_…`
    pub id: String,
    /// When.
    pub at: String,
    /// `noun.verb_past`
    pub action: String,
    /// Who did it.
    pub actor: PartyView,
    /// To what.
    pub target: PartyView,
    /// From where.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// `{"field": {"before": …, "after": …}}`
    #[schema(value_type = Option<Object>)]
    pub changes: Option<serde_json::Value>,
}

/// Who or what an entry speaks of.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PartyView {
    /// `user`, `api_key`, `operator`, `organization`, `session`, `share`, ….
    pub kind: String,
    /// The id, where it has one.
    pub id: Option<String>,
    /// The name at that time.
    pub name: String,
}

impl From<Party> for PartyView {
    fn from(party: Party) -> Self {
        PartyView { kind: party.kind, id: party.id, name: party.name }
    }
}

impl PartyView {
    /// As whoever asks may see it: to a stranger with a share's token, one key is as another.
    pub fn shown_to(context: &Context, party: Party) -> Self {
        if context.is_by_share() && party.kind == "api_key" {
            return PartyView { kind: party.kind, id: None, name: String::from("A key") };
        }
        party.into()
    }
}

impl From<AuditEntry> for EntryView {
    fn from(entry: AuditEntry) -> Self {
        EntryView {
            id: entry.id,
            at: to_rfc3339(entry.at),
            action: entry.action,
            actor: entry.actor.into(),
            target: entry.target.into(),
            ip: entry.ip,
            user_agent: entry.user_agent,
            request_id: entry.request_id,
            changes: entry.changes.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        }
    }
}

/// A page of the organization's entries.
pub fn list(
    services: &Services,
    context: &Context,
    filter: Filter,
    page: Page,
) -> Result<Listed<EntryView>, ServiceError> {
    let filter = Filter { organization: context.organization()?, before: page.before, ..filter };
    let rows = services.store.read(|reader| audit_log::list(reader, &filter, page.limit + 1))?;
    let cut = page.cut(rows);
    Ok(Listed { items: cut.items.into_iter().map(EntryView::from).collect(), next: cut.next })
}

/// The shape of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ExportFormat {
    Jsonl,
    Csv,
}

impl ExportFormat {
    /// Reads `jsonl` (the default) or `csv`.
    pub fn parse(text: Option<&str>) -> Result<Self, ServiceError> {
        match text {
            None | Some("jsonl") => Ok(ExportFormat::Jsonl),
            Some("csv") => Ok(ExportFormat::Csv),
            Some(_) => Err(ServiceError::field("format", "must be jsonl or csv")),
        }
    }

    /// What stands before the first entry.
    pub fn header(self) -> &'static str {
        match self {
            ExportFormat::Jsonl => "",
            ExportFormat::Csv => {
                "id,at,action,actorKind,actorId,actorName,targetKind,targetId,targetName,ip,userAgent,requestId,changes\r\n"
            }
        }
    }

    /// One entry.
    fn line(self, entry: &EntryView) -> Result<Vec<u8>, ServiceError> {
        match self {
            ExportFormat::Jsonl => {
                let mut line = serde_json::to_vec(entry).map_err(ServiceError::failed)?;
                line.push(b'\n');
                Ok(line)
            }
            ExportFormat::Csv => csv_line(entry).map_err(ServiceError::failed),
        }
    }
}

/// RFC 4180. A value that a spreadsheet would take for a formula gets an apostrophe before it.
fn csv_line(entry: &EntryView) -> Result<Vec<u8>, csv::Error> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let values = [
        entry.id.clone(),
        entry.at.clone(),
        entry.action.clone(),
        entry.actor.kind.clone(),
        text(&entry.actor.id),
        entry.actor.name.clone(),
        entry.target.kind.clone(),
        text(&entry.target.id),
        entry.target.name.clone(),
        text(&entry.ip),
        text(&entry.user_agent),
        text(&entry.request_id),
        entry.changes.as_ref().map(ToString::to_string).unwrap_or_default(),
    ];
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(
        values.map(
            |value| {
                if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{value}") } else { value }
            },
        ),
    )?;
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The next part of an export, and where the one after it begins.
pub fn export(
    services: &Services,
    filter: &Filter,
    format: ExportFormat,
    rows: usize,
) -> Result<(Vec<u8>, Option<i64>), ServiceError> {
    let page = Page { limit: rows, before: filter.before };
    let read = services.store.read(|reader| audit_log::list(reader, filter, page.limit + 1))?;
    let cut = page.cut(read);
    let mut part = Vec::new();
    for entry in cut.items {
        part.extend(format.line(&entry.into())?);
    }
    Ok((part, cut.next))
}

/// The newest links of both chains, to be kept elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Of the audit log.
    pub audit: ChainEnd,
    /// Of the ledger.
    pub ledger: ChainEnd,
}

impl Heads {
    /// `audit=17:ab…,ledger=9:cd…`
    pub fn to_text(&self) -> String {
        format!("audit={},ledger={}", self.audit.to_text(), self.ledger.to_text())
    }

    /// Reads what [`Heads::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Heads> {
        let (audit, ledger) = text.trim().split_once(',')?;
        Some(Heads {
            audit: ChainEnd::parse(audit.strip_prefix("audit=")?)?,
            ledger: ChainEnd::parse(ledger.strip_prefix("ledger=")?)?,
        })
    }
}

/// The newest links.
pub fn heads(store: &Store) -> Result<Heads, StoreError> {
    Ok(Heads {
        audit: store.read(|reader| audit_log::head(reader, store.chain_key()))?,
        ledger: store.read_ledger(requests::chain_end)?,
    })
}

/// Verifies both chains, against heads that were kept elsewhere if there are any. The error names the first row that
/// was changed or removed.
pub fn verify(services: &Services, kept: Option<Heads>) -> Result<Heads, ServiceError> {
    let store = &services.store;
    let audit = store.read(|reader| {
        let checkpoint = audit_log::checkpoint(reader)?;
        verify_chain(store, reader, checkpoint, kept.map(|heads| heads.audit), audit_log::walk)
    })?;
    let ledger = store.read_ledger(|reader| {
        let checkpoint = requests::checkpoint(reader)?;
        verify_chain(store, reader, checkpoint, kept.map(|heads| heads.ledger), requests::walk)
    })?;
    let broken = |name: &str, broken| ServiceError::new(ErrorCode::Conflict, format!("The {name} is broken: {broken}"));
    Ok(Heads {
        audit: audit.map_err(|error| broken("audit log", error))?,
        ledger: ledger.map_err(|error| broken("ledger", error))?,
    })
}

fn verify_chain<W>(
    store: &Store,
    reader: &Reader,
    checkpoint: Option<(ChainEnd, Vec<u8>)>,
    head: Option<ChainEnd>,
    walk: W,
) -> ReadResult<Result<ChainEnd, crate::store::chain::Broken>>
where
    W: Fn(&Reader, &mut dyn FnMut(crate::store::chain::Link) -> bool) -> ReadResult<()>,
{
    let mut verifier = match Verifier::begin(store.chain_key(), checkpoint, head) {
        Ok(verifier) => verifier,
        Err(broken) => return Ok(Err(broken)),
    };
    let mut result = Ok(());
    walk(reader, &mut |link| {
        result = verifier.row(&link);
        result.is_ok()
    })?;
    Ok(result.and_then(|()| verifier.finish()))
}

/// Prunes the audit log by `audit.retention_days`; the chain goes on from a signed checkpoint. Safe to run twice.
pub fn prune(services: &Services, now: UnixMillis) -> Result<(), ServiceError> {
    let Some(days) = services.config.audit.retention_days else { return Ok(()) };
    let before = now - i64::from(days) * DAY;
    let Some((end, _)) = services.store.read(|reader| audit_log::last_before(reader, before))? else { return Ok(()) };
    let signature = sign_checkpoint(services.store.chain_key(), &end);
    let change =
        Change::new().then(audit_log::keep_checkpoint(&end, &signature)).then(audit_log::delete_up_to(end.seq));
    Ok(services.store.commit(change)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_read_back() {
        let heads = Heads { audit: ChainEnd { seq: 3, link: [1; 32] }, ledger: ChainEnd { seq: 0, link: [0; 32] } };
        assert_eq!(Heads::parse(&heads.to_text()), Some(heads));
        assert_eq!(Heads::parse("audit=1:ab"), None);
    }

    #[test]
    fn a_csv_value_is_quoted_and_never_a_formula() {
        let party = |name: &str| PartyView { kind: "user".into(), id: None, name: name.into() };
        let entry = EntryView {
            id: "aud_1".into(),
            at: "t".into(),
            action: "a.b".into(),
            actor: party("=cmd()"),
            target: party("x,\"y\""),
            ip: None,
            user_agent: None,
            request_id: None,
            changes: None,
        };
        let line = String::from_utf8(csv_line(&entry).unwrap()).unwrap();
        assert_eq!(line, "aud_1,t,a.b,user,,'=cmd(),user,,\"x,\"\"y\"\"\",,,,\r\n");
    }
}
