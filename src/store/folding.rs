//! Folding: the ledger's rows on their way into the tables that say again what they say (see [`super::folds`]).
//!
//! Rows gather here as they are committed. When there are enough of them, or nothing else is to be done, a fold takes
//! them all up and is applied a slice at a time, each slice along with some commit, so that no request waits for it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rusqlite::Connection;

use super::folds::{self, Index};
use super::requests::{RequestRow, columns};
use super::usage::{self, FamilyUsage};

/// Families whose usage is applied in one slice, at least.
const FAMILIES: usize = 24;
/// Blocks that are put into each index in one slice, at least.
const BLOCKS: usize = 256;

/// An owner (a family or an organization) and the blocks with rows of it, in their order.
type Blocks = (i64, Vec<i64>);

/// Rows that no fold has taken up yet, and what is left of the fold that is under way.
#[derive(Default)]
pub(super) struct Folding {
    rows: i64,
    families: HashMap<i64, (FamilyUsage, Vec<i64>)>,
    organizations: BTreeMap<i64, Vec<i64>>,
    fold: Option<Fold>,
}

/// The part of a fold that is left to apply.
struct Fold {
    upto: i64,
    usage: VecDeque<(i64, FamilyUsage)>,
    families: VecDeque<Blocks>,
    organizations: VecDeque<Blocks>,
}

impl Folding {
    /// What an earlier process left unfolded.
    pub fn recover(connection: &Connection) -> rusqlite::Result<Self> {
        let from = folds::upto(connection)?;
        let mut counted: HashMap<i64, i64> = HashMap::new();
        let mut folding = Folding::default();
        let mut statement =
            connection.prepare(concat!("SELECT ", columns!(), " FROM requests WHERE seq > ?1 ORDER BY seq"))?;
        let mut rows = statement.query([from])?;
        while let Some(row) = rows.next()? {
            let (seq, request) = RequestRow::from_row(row)?;
            let upto = match counted.get(&request.family) {
                Some(upto) => *upto,
                None => {
                    let upto = usage::counted_upto(connection, request.family)?;
                    counted.insert(request.family, upto);
                    upto
                }
            };
            folding.add(seq, &request, seq <= upto);
        }
        Ok(folding)
    }

    /// Takes note of a row. `counted` says that its usage is in the tables already, from a fold that was cut short; its
    /// places in the indexes may be missing.
    pub fn add(&mut self, seq: i64, row: &RequestRow, counted: bool) {
        self.rows += 1;
        let block = folds::block_of(seq);
        note(self.organizations.entry(row.organization).or_default(), block);
        if row.family != 0 {
            let (usage, blocks) = self.families.entry(row.family).or_default();
            note(blocks, block);
            if !counted {
                usage.add(row);
            }
        }
    }

    /// Rows that wait for a fold.
    pub fn waiting(&self) -> i64 {
        self.rows
    }

    /// Whether a fold is under way.
    pub fn under_way(&self) -> bool {
        self.fold.is_some()
    }

    /// Takes up what waits; `upto` is the newest row.
    pub fn begin(&mut self, upto: i64) {
        self.rows = 0;
        let mut waiting: Vec<_> = self.families.drain().collect();
        waiting.sort_unstable_by_key(|(family, _)| *family);
        let (mut usage, mut families) = (VecDeque::new(), VecDeque::new());
        for (family, (its_usage, blocks)) in waiting {
            usage.push_back((family, its_usage));
            families.push_back((family, blocks));
        }
        let organizations = std::mem::take(&mut self.organizations).into_iter().collect();
        self.fold = Some(Fold { upto, usage, families, organizations });
    }

    /// Applies a slice of the fold that is under way, within the caller's transaction, which writes so many `rows`: never
    /// less than those will need in their turn.
    pub fn apply_slice(&mut self, connection: &Connection, rows: usize) -> rusqlite::Result<()> {
        let Some(fold) = &mut self.fold else { return Ok(()) };
        let (families, blocks) = (FAMILIES.max(rows), BLOCKS.max(rows));
        for (family, usage) in fold.usage.drain(..fold.usage.len().min(families)) {
            usage::apply(connection, family, &usage, fold.upto)?;
        }
        index_slice(connection, Index::Family, &mut fold.families, blocks)?;
        index_slice(connection, Index::Organization, &mut fold.organizations, blocks)?;
        if fold.usage.is_empty() && fold.families.is_empty() && fold.organizations.is_empty() {
            folds::set_upto(connection, fold.upto)?;
            self.fold = None;
        }
        Ok(())
    }
}

/// Rows come in their order; so only the last block can be there already.
fn note(blocks: &mut Vec<i64>, block: i64) {
    if blocks.last() != Some(&block) {
        blocks.push(block);
    }
}

/// Takes so many blocks off the front, whether they are one owner's or many owners'.
fn index_slice(
    connection: &Connection,
    index: Index,
    lists: &mut VecDeque<Blocks>,
    mut room: usize,
) -> rusqlite::Result<()> {
    while room > 0
        && let Some((owner, blocks)) = lists.front_mut()
    {
        let taken = blocks.len().min(room);
        folds::index_blocks(connection, index, *owner, &blocks[..taken])?;
        blocks.drain(..taken);
        room -= taken;
        if blocks.is_empty() {
            lists.pop_front();
        }
    }
    Ok(())
}
