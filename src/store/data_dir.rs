//! The data directory: made, locked for one process, and left with its owner.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made or written.
    #[error("the data directory {} cannot be used: {cause}; make it, or give it to the user that runs Claviger", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Another process owns it.
    #[error("the data directory {} is in use by another Claviger", .0.display())]
    InUse(PathBuf),
}

/// Held as long as this process owns the directory.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Said, and not left to the closing of the file: a child that is being started may have it open for a moment more.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Makes the directory if it is not there (mode 0700).
pub fn make(path: &Path) -> Result<(), DataDirError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|cause| DataDirError::Unusable { path: path.to_owned(), cause })
}

/// Takes the lock, or says that another process has it.
pub fn lock(path: &Path) -> Result<Lock, DataDirError> {
    let unusable = |cause| DataDirError::Unusable { path: path.to_owned(), cause };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path.join("claviger.lock"))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { file }),
        Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.to_owned())),
        Err(TryLockError::Error(cause)) => Err(unusable(cause)),
    }
}

/// Where this process is root and the directory is not, becomes the directory's owner, so that the service which runs
/// as that user can still open every file made here. To be called before any other thread starts.
///
/// One capability is kept: to read and to walk through directories. A service with `DynamicUser=` has its data below
/// `/var/lib/private`, which only root can enter, and a master key may be readable by root alone.
pub fn step_down_to_owner(path: &Path) -> Result<(), DataDirError> {
    let unusable = |cause| DataDirError::Unusable { path: path.to_owned(), cause };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(error)),
    };
    if !rustix::process::geteuid().is_root() || metadata.uid() == 0 {
        return Ok(());
    }
    become_user(metadata.uid(), metadata.gid()).map_err(|error| unusable(error.into()))
}

fn become_user(user: u32, group: u32) -> rustix::io::Result<()> {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let group = rustix::process::Gid::from_raw(group);
    let user = rustix::process::Uid::from_raw(user);
    set_keep_capabilities(true)?;
    set_thread_groups(&[group])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    let kept = CapabilitySet::DAC_READ_SEARCH;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })
}

/// Whether there is a database in the directory already.
pub fn has_database(path: &Path) -> bool {
    fs::metadata(path.join(super::schema::STATE.file)).is_ok_and(|metadata| metadata.len() > 0)
}

/// Whether there surely is none: what cannot be looked at may have one.
pub fn lacks_database(path: &Path) -> bool {
    matches!(path.join(super::schema::STATE.file).try_exists(), Ok(false))
}

/// Whether the state is there and the ledger beside it is gone.
pub fn lost_its_ledger(path: &Path) -> bool {
    has_database(path) && matches!(path.join(super::schema::LEDGER.file).try_exists(), Ok(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_owns_a_data_directory() {
        let directory = tempfile::tempdir().unwrap();
        let held = lock(directory.path()).unwrap();
        assert!(matches!(lock(directory.path()), Err(DataDirError::InUse(_))));
        drop(held);
        assert!(lock(directory.path()).is_ok());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_a_clear_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = make(&file.path().join("data")).unwrap_err();
        assert!(error.to_string().contains("cannot be used"));
    }
}
