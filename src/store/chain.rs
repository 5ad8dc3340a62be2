//! The chains that prove the audit log and the ledger.
//!
//! Each row has a digest of its content and a link: an HMAC, under a key derived from the master key, over the link
//! before, the row's number and its digest. Whoever changes, removes or inserts a row without the key breaks every
//! link from there on. Because links cover digests, a row's content could be erased and its place still be proved.
//! Where the oldest rows are pruned, a signed checkpoint keeps the last link that went.

use ring::digest::{SHA256, digest};

use crate::crypto::signature::{self, SigningKey};

/// The newest row of a chain: its number and its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// The row's number; 0 where there is none yet.
    pub seq: i64,
    /// Its link; zeros where there is none yet.
    pub link: [u8; 32],
}

impl ChainEnd {
    /// Where an empty chain ends.
    pub const START: ChainEnd = ChainEnd { seq: 0, link: [0; 32] };

    /// `17:ab12…`, to be kept elsewhere.
    pub fn to_text(&self) -> String {
        let hex: String = self.link.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}:{hex}", self.seq)
    }

    /// Reads what [`ChainEnd::to_text`] wrote.
    pub fn parse(text: &str) -> Option<ChainEnd> {
        let (seq, hex) = text.trim().split_once(':')?;
        let mut link = [0u8; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        for (index, byte) in link.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(ChainEnd { seq: seq.parse().ok()?, link })
    }
}

/// The end after one more row of this digest.
pub fn extend(key: &SigningKey, end: &ChainEnd, digest: &[u8; 32]) -> ChainEnd {
    let seq = end.seq + 1;
    ChainEnd { seq, link: key.sign(&[&end.link, &seq.to_be_bytes(), digest]) }
}

/// Signs the place where a chain begins after pruning.
pub fn sign_checkpoint(key: &SigningKey, end: &ChainEnd) -> [u8; 32] {
    key.sign(&[b"checkpoint", &end.seq.to_be_bytes(), &end.link])
}

/// Gathers a row's content for its digest: every field with its length, so that no two rows read alike.
#[derive(Default)]
pub struct Content(Vec<u8>);

impl Content {
    /// Forgets what was gathered, and keeps the room for it.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// A number.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// A text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(&(text.len() as u64).to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// A text that may be missing.
    pub fn optional(&mut self, text: Option<&str>) -> &mut Self {
        self.0.push(u8::from(text.is_some()));
        self.text(text.unwrap_or(""))
    }

    /// SHA-256 of all of it.
    pub fn digest(&self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.0).as_ref());
        bytes
    }
}

/// One row as a verifier sees it: what stands in it, and what it should be.
pub struct Link {
    /// The row's number.
    pub seq: i64,
    /// The stored digest.
    pub digest: Vec<u8>,
    /// The digest of the content as it is now.
    pub content_digest: [u8; 32],
    /// The stored link.
    pub link: Vec<u8>,
}

/// What is wrong with a chain, at the first place where something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The row's content is not what its digest says.
    Changed(i64),
    /// The row, or one just before it, was changed, removed or put in.
    Unlinked(i64),
    /// The row is missing.
    Missing(i64),
    /// The chain holds, but the row is another than the head that was kept elsewhere.
    OtherThanHead(i64),
    /// The checkpoint is not signed by this master key.
    Checkpoint,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Changed(seq) => write!(formatter, "row {seq} was changed"),
            Broken::Unlinked(seq) => write!(formatter, "row {seq} does not follow from the one before it"),
            Broken::Missing(seq) => write!(formatter, "row {seq} is missing"),
            Broken::OtherThanHead(seq) => {
                write!(
                    formatter,
                    "row {seq} is not the one that the head names: either it was replaced, or the head was mistyped"
                )
            }
            Broken::Checkpoint => write!(formatter, "the checkpoint where the chain begins was changed"),
        }
    }
}

/// Walks a chain from its start (or its checkpoint) to its end.
pub struct Verifier<'a> {
    key: &'a SigningKey,
    end: ChainEnd,
    head: Option<ChainEnd>,
    head_seen: bool,
}

impl<'a> Verifier<'a> {
    /// Begins after `checkpoint`. `head`, if given, is a link that was kept elsewhere and must be met.
    pub fn begin(
        key: &'a SigningKey,
        checkpoint: Option<(ChainEnd, Vec<u8>)>,
        head: Option<ChainEnd>,
    ) -> Result<Self, Broken> {
        let end = match checkpoint {
            None => ChainEnd::START,
            Some((end, stored)) if signature::equal(&stored, &sign_checkpoint(key, &end)) => end,
            Some(_) => return Err(Broken::Checkpoint),
        };
        // A head at or before the checkpoint speaks of rows that were pruned by right.
        let head_seen = head.is_none_or(|head| head.seq < end.seq || head == end);
        Ok(Verifier { key, end, head, head_seen })
    }

    /// Checks the next row.
    pub fn row(&mut self, row: &Link) -> Result<(), Broken> {
        if row.seq != self.end.seq + 1 {
            return Err(Broken::Missing(self.end.seq + 1));
        }
        if !signature::equal(&row.digest, &row.content_digest) {
            return Err(Broken::Changed(row.seq));
        }
        self.end = extend(self.key, &self.end, &row.content_digest);
        if !signature::equal(&self.end.link, &row.link) {
            return Err(Broken::Unlinked(row.seq));
        }
        match self.head {
            Some(head) if head.seq == row.seq && head != self.end => {
                return Err(Broken::OtherThanHead(row.seq));
            }
            Some(head) if head == self.end => self.head_seen = true,
            _ => {}
        }
        Ok(())
    }

    /// The end that was reached; an error if the head kept elsewhere was not.
    pub fn finish(self) -> Result<ChainEnd, Broken> {
        if self.head_seen { Ok(self.end) } else { Err(Broken::Missing(self.end.seq + 1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::new(b"chain")
    }

    fn chain_of(texts: &[&str]) -> Vec<Link> {
        let mut end = ChainEnd::START;
        let mut rows = Vec::new();
        for text in texts {
            let mut content = Content::default();
            let digest = content.text(text).digest();
            end = extend(&key(), &end, &digest);
            rows.push(Link { seq: end.seq, digest: digest.to_vec(), content_digest: digest, link: end.link.to_vec() });
        }
        rows
    }

    fn verify(rows: &[Link], head: Option<ChainEnd>) -> Result<ChainEnd, Broken> {
        let key = key();
        let mut verifier = Verifier::begin(&key, None, head)?;
        for row in rows {
            verifier.row(row)?;
        }
        verifier.finish()
    }

    #[test]
    fn a_whole_chain_holds_and_its_end_reads_back() {
        let end = verify(&chain_of(&["a", "b", "c"]), None).unwrap();
        assert_eq!(end.seq, 3);
        assert_eq!(ChainEnd::parse(&end.to_text()), Some(end));
    }

    #[test]
    fn a_changed_a_removed_and_a_forged_row_are_named() {
        let mut changed = chain_of(&["a", "b", "c"]);
        changed[1].content_digest = [9; 32];
        assert_eq!(verify(&changed, None), Err(Broken::Changed(2)));
        let mut removed = chain_of(&["a", "b", "c"]);
        removed.remove(1);
        assert_eq!(verify(&removed, None), Err(Broken::Missing(2)));
        let mut forged = chain_of(&["a", "b", "c"]);
        forged[1].content_digest = [9; 32];
        forged[1].digest = vec![9; 32];
        assert_eq!(verify(&forged, None), Err(Broken::Unlinked(2)));
    }

    #[test]
    fn a_cut_tail_shows_against_a_head_that_was_kept() {
        let mut rows = chain_of(&["a", "b", "c"]);
        let head = verify(&rows, None).unwrap();
        assert!(verify(&rows, Some(head)).is_ok());
        rows.pop();
        assert!(verify(&rows, None).is_ok());
        assert_eq!(verify(&rows, Some(head)), Err(Broken::Missing(3)));
    }

    #[test]
    fn a_chain_goes_on_from_a_signed_checkpoint_only() {
        let rows = chain_of(&["a", "b", "c"]);
        let mut link = [0u8; 32];
        link.copy_from_slice(&rows[0].link);
        let first = ChainEnd { seq: 1, link };
        let key = key();
        let signed = sign_checkpoint(&key, &first).to_vec();
        let mut verifier = Verifier::begin(&key, Some((first, signed)), None).unwrap();
        assert!(verifier.row(&rows[1]).and_then(|()| verifier.row(&rows[2])).is_ok());
        assert!(matches!(Verifier::begin(&key, Some((first, vec![0; 32])), None), Err(Broken::Checkpoint)));
    }
}
