//! Claviger behind Caddy, with `examples/caddy/Caddyfile`.

use std::path::Path;
use std::process::Command;

use crate::checks;
use crate::process::Process;
use crate::support::{Kind, Ports, example, replaced};

const CADDY: Kind = Kind { name: "caddy", start, limits_on_answers: true };

fn start(ports: &Ports, dir: &Path) -> Process {
    let conf = example("caddy/Caddyfile");
    let forward_auth = format!("forward_auth 127.0.0.1:{} {{", ports.claviger);
    let conf = replaced(&conf, "forward_auth 127.0.0.1:8080 {", &forward_auth);
    let conf = replaced(&conf, "reverse_proxy 127.0.0.1:3000 {", &format!("reverse_proxy 127.0.0.1:{} {{", ports.api));
    let conf = replaced(&conf, "\n:80 {\n", &format!("\n:{} {{\n\tbind 127.0.0.1\n", ports.proxy));
    let file = dir.join("Caddyfile");
    std::fs::write(&file, conf).expect("Caddyfile");
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
    // Its own files and its control socket stay in the test's directory, so that several can run at once.
    command.env("CADDY_ADMIN", format!("unix//{}", dir.join("caddy.sock").display()));
    command.env("XDG_DATA_HOME", dir).env("XDG_CONFIG_HOME", dir);
    Process::start("caddy", &mut command, dir)
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_request_with_a_key_reaches_the_api_with_its_identity() {
    checks::a_request_with_a_key_reaches_the_api_with_its_identity(&CADDY);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_request_without_a_key_is_refused() {
    checks::a_request_without_a_key_is_refused(&CADDY);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_viewer_key_reads_and_cannot_write() {
    checks::a_viewer_key_reads_and_cannot_write(&CADDY);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_key_over_its_limit_is_told_when_to_come_back() {
    checks::a_key_over_its_limit_is_told_when_to_come_back(&CADDY);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn forged_headers_are_dropped_and_the_true_request_is_judged() {
    checks::forged_headers_are_dropped_and_the_true_request_is_judged(&CADDY);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn verify_is_not_reachable_from_outside() {
    checks::verify_is_not_reachable_from_outside(&CADDY);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn the_ledger_has_the_true_address_method_and_path() {
    checks::the_ledger_has_the_true_address_method_and_path(&CADDY);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_gate_that_cannot_record_is_a_503_that_says_when_to_come_back() {
    checks::a_gate_that_cannot_record_is_a_503_that_says_when_to_come_back(&CADDY);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn nobody_passes_while_claviger_is_down() {
    checks::nobody_passes_while_claviger_is_down(&CADDY);
}
