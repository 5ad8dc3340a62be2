//! Servers with mounts of their own: a small disk, a read-only one.

use std::process::Command;

use super::process::{BINARY, Site};

/// A server whose mounts nobody else sees, after this shell script (`$DATA` is the data directory, `$SEED` a directory
/// beside it). The arguments of the server are added.
///
/// Where neither root nor an unprivileged user may make mounts, the test fails: it could show nothing.
pub fn server_after(site: &Site, script: &str) -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "--propagation", "private", "sh", "-euc"]);
    command.arg(format!("{script}\nexec \"$@\"")).arg("sh").arg(BINARY);
    command.env("DATA", site.data_dir()).env("SEED", site.directory.path().join("seed"));
    command
}

/// Says at once, and clearly, where this machine lets nobody make mounts.
pub fn require_mounts() {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let output = command.args(["--mount", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]).output();
    let output = output.expect("unshare (of util-linux) is there");
    assert!(
        output.status.success(),
        "this test needs mounts of its own: run it as root, or where user namespaces are allowed ({})",
        String::from_utf8_lossy(&output.stderr).trim()
    );
}
