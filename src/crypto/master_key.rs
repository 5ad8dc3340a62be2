//! The master key: 32 bytes outside the database, from which every other key is derived.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::signature::SigningKey;
use crate::random::{Random, RandomFailed};

/// How a sealed value names the master key it is sealed under.
pub type Fingerprint = [u8; 8];

/// The key itself. It prints as its fingerprint.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why there is no master key to work with.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file is not there or cannot be read.
    #[error("the master key {} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Not 64 hex digits.
    #[error("the master key {} must be 64 hex digits (32 bytes)", .0.display())]
    Malformed(PathBuf),
    /// There is a database, but the key that opens it is gone.
    #[error(
        "there is a database but no master key at {}: put the key back (from a backup, or as the systemd credential \
         `master.key`); without it nothing in the database can be read", .0.display()
    )]
    Missing(PathBuf),
    /// The key could not be written.
    #[error("the master key {} cannot be made: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomFailed),
}

/// Where the master key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file that must be there: named by the configuration, or a systemd credential.
    Given(PathBuf),
    /// `data_dir/master.key`, made at the very first start.
    Own(PathBuf),
}

/// Decides where the key is: the configured file, the credential `master.key`, or the data directory.
pub fn locate(configured: Option<&Path>, credentials: Option<&Path>, data_dir: &Path) -> Location {
    if let Some(file) = configured {
        return Location::Given(file.to_owned());
    }
    match credentials.map(|directory| directory.join("master.key")) {
        Some(file) if file.exists() => Location::Given(file),
        _ => Location::Own(data_dir.join("master.key")),
    }
}

/// Reads the key; makes the data directory's own one only where `first_start` says that there is no database yet.
pub fn load(location: &Location, first_start: bool, random: &dyn Random) -> Result<MasterKey, MasterKeyError> {
    match location {
        Location::Given(path) => read(path),
        Location::Own(path) if path.exists() => read(path),
        Location::Own(path) if first_start => make(path, random),
        Location::Own(path) => Err(MasterKeyError::Missing(path.clone())),
    }
}

fn read(path: &Path) -> Result<MasterKey, MasterKeyError> {
    let unreadable = |cause| MasterKeyError::Unreadable { path: path.to_owned(), cause };
    let text = Zeroizing::new(fs::read(path).map_err(unreadable)?);
    warn_if_others_read(path);
    let malformed = || MasterKeyError::Malformed(path.to_owned());
    let text = std::str::from_utf8(&text).map_err(|_| malformed())?.trim();
    let mut key = Zeroizing::new([0u8; 32]);
    if text.len() != 64 {
        return Err(malformed());
    }
    for (index, byte) in key.iter_mut().enumerate() {
        let digits = text.get(index * 2..index * 2 + 2).ok_or_else(malformed)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| malformed())?;
    }
    Ok(MasterKey(key))
}

fn warn_if_others_read(path: &Path) {
    if let Ok(metadata) = fs::metadata(path)
        && metadata.permissions().mode() & 0o007 != 0
    {
        tracing::warn!(path = %path.display(), "The master key can be read by everyone on this machine; chmod 600 it");
    }
}

/// Written to a temporary name, flushed and renamed, so that no half-written key is ever found.
fn make(path: &Path, random: &dyn Random) -> Result<MasterKey, MasterKeyError> {
    let mut key = Zeroizing::new([0u8; 32]);
    random.fill(key.as_mut_slice())?;
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in key.iter() {
        text.push_str(&format!("{byte:02x}"));
    }
    text.push('\n');
    let unwritable = |cause| MasterKeyError::Unwritable { path: path.to_owned(), cause };
    let temporary = path.with_extension("key.new");
    let _ = fs::remove_file(&temporary);
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(unwritable)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)?;
    fs::rename(&temporary, path).map_err(unwritable)?;
    if let Some(directory) = path.parent() {
        fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(unwritable)?;
    }
    Ok(MasterKey(key))
}

impl MasterKey {
    /// A key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        MasterKey(Zeroizing::new(bytes))
    }

    /// The key for one purpose: HMAC-SHA-256 of the purpose's name under the master key.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(SigningKey::new(self.0.as_slice()).sign(&[b"claviger/v1/", purpose.as_bytes()]))
    }

    /// What sealed values call this key. It tells nothing of the key itself.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = self.derive("fingerprint");
        let mut fingerprint = [0u8; 8];
        fingerprint.copy_from_slice(&digest[..8]);
        fingerprint
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "MasterKey({:02x?})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandomness;

    #[test]
    fn a_first_start_makes_a_key_that_only_its_owner_reads_and_the_next_start_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let location = locate(None, None, directory.path());
        let random = SystemRandomness::new();
        let made = load(&location, true, &random).unwrap();
        let path = directory.path().join("master.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load(&location, false, &random).unwrap().fingerprint(), made.fingerprint());
    }

    #[test]
    fn a_database_without_its_key_is_a_clear_refusal_and_no_new_key_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let location = locate(None, None, directory.path());
        let error = load(&location, false, &SystemRandomness::new()).unwrap_err();
        assert!(error.to_string().contains("put the key back"));
        assert!(!directory.path().join("master.key").exists());
    }

    #[test]
    fn the_configured_file_comes_before_the_credential_before_the_data_directory() {
        let directory = tempfile::tempdir().unwrap();
        let data = Path::new("/data");
        let configured = Path::new("/etc/key");
        assert_eq!(locate(None, Some(directory.path()), data), Location::Own("/data/master.key".into()));
        fs::write(directory.path().join("master.key"), "").unwrap();
        let credential = Location::Given(directory.path().join("master.key"));
        assert_eq!(locate(None, Some(directory.path()), data), credential);
        assert_eq!(locate(Some(configured), Some(directory.path()), data), Location::Given(configured.into()));
    }

    #[test]
    fn what_is_not_64_hex_digits_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let location = Location::Given(path.clone());
        for wrong in ["", "abc", &"g".repeat(64), &"a".repeat(63), &"ä".repeat(32)] {
            fs::write(&path, wrong).unwrap();
            let error = load(&location, true, &SystemRandomness::new()).unwrap_err();
            assert!(matches!(error, MasterKeyError::Malformed(_)), "{wrong}");
        }
        fs::write(&path, "0F".repeat(32) + "\n").unwrap();
        assert!(load(&location, true, &SystemRandomness::new()).is_ok());
    }

    #[test]
    fn a_key_does_not_print() {
        let key = MasterKey::from_bytes([7; 32]);
        assert!(!format!("{key:?}").contains("07, 07"));
    }
}
