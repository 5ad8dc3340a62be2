//! Claviger behind Traefik, with `examples/traefik/traefik.toml` and `dynamic.toml`.

use std::path::Path;
use std::process::Command;

use crate::checks;
use crate::process::Process;
use crate::support::{Kind, Ports, example, replaced};

const TRAEFIK: Kind = Kind { name: "traefik", start, limits_on_answers: false };

fn start(ports: &Ports, dir: &Path) -> Process {
    let dynamic_file = dir.join("dynamic.toml");
    let fixed = example("traefik/traefik.toml");
    let fixed = replaced(&fixed, "address = \":80\"", &format!("address = \"127.0.0.1:{}\"", ports.proxy));
    let fixed = replaced(&fixed, "/etc/traefik/dynamic.toml", &dynamic_file.display().to_string());
    let dynamic = example("traefik/dynamic.toml");
    let dynamic = replaced(&dynamic, "http://127.0.0.1:8080/", &format!("http://127.0.0.1:{}/", ports.claviger));
    let dynamic = replaced(&dynamic, "http://127.0.0.1:3000", &format!("http://127.0.0.1:{}", ports.api));
    let file = dir.join("traefik.toml");
    std::fs::write(&file, fixed).expect("traefik.toml");
    std::fs::write(dynamic_file, dynamic).expect("dynamic.toml");
    let mut command = Command::new("traefik");
    command.arg(format!("--configFile={}", file.display()));
    Process::start("traefik", &mut command, dir)
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_request_with_a_key_reaches_the_api_with_its_identity() {
    checks::a_request_with_a_key_reaches_the_api_with_its_identity(&TRAEFIK);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_request_without_a_key_is_refused() {
    checks::a_request_without_a_key_is_refused(&TRAEFIK);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_viewer_key_reads_and_cannot_write() {
    checks::a_viewer_key_reads_and_cannot_write(&TRAEFIK);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_key_over_its_limit_is_told_when_to_come_back() {
    checks::a_key_over_its_limit_is_told_when_to_come_back(&TRAEFIK);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn forged_headers_are_dropped_and_the_true_request_is_judged() {
    checks::forged_headers_are_dropped_and_the_true_request_is_judged(&TRAEFIK);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn verify_is_not_reachable_from_outside() {
    checks::verify_is_not_reachable_from_outside(&TRAEFIK);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn the_ledger_has_the_true_address_method_and_path() {
    checks::the_ledger_has_the_true_address_method_and_path(&TRAEFIK);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_gate_that_cannot_record_is_a_503_that_says_when_to_come_back() {
    checks::a_gate_that_cannot_record_is_a_503_that_says_when_to_come_back(&TRAEFIK);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn nobody_passes_while_claviger_is_down() {
    checks::nobody_passes_while_claviger_is_down(&TRAEFIK);
}
