//! Claviger behind nginx, with `examples/nginx/claviger.conf`.

use std::path::Path;
use std::process::Command;

use crate::checks;
use crate::http::Request;
use crate::process::Process;
use crate::support::{House, Kind, Ports, example, replaced};

pub const NGINX: Kind = Kind { name: "nginx", start, limits_on_answers: true };

fn start(ports: &Ports, dir: &Path) -> Process {
    let conf = example("nginx/claviger.conf");
    let conf = replaced(&conf, "server 127.0.0.1:8080;", &format!("server 127.0.0.1:{};", ports.claviger));
    let conf = replaced(&conf, "server 127.0.0.1:3000;", &format!("server 127.0.0.1:{};", ports.api));
    let conf = replaced(&conf, "listen 80;", &format!("listen 127.0.0.1:{};", ports.proxy));
    std::fs::write(dir.join("claviger.conf"), conf).expect("claviger.conf");
    std::fs::write(dir.join("nginx.conf"), around("claviger.conf")).expect("nginx.conf");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).args(["-e", "stderr", "-c", "nginx.conf"]);
    Process::start("nginx", &mut command, dir)
}

/// What a distribution's own nginx.conf holds, but in the test's directory, and as one process, so that ending it
/// leaves no worker behind.
fn around(conf: &str) -> String {
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;\n\
         events {{}}\n\
         http {{\n\
         access_log off;\n\
         client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
         uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
         include {conf};\n\
         }}\n"
    )
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_request_with_a_key_reaches_the_api_with_its_identity() {
    checks::a_request_with_a_key_reaches_the_api_with_its_identity(&NGINX);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_request_without_a_key_is_refused() {
    checks::a_request_without_a_key_is_refused(&NGINX);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_viewer_key_reads_and_cannot_write() {
    checks::a_viewer_key_reads_and_cannot_write(&NGINX);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_key_over_its_limit_is_told_when_to_come_back() {
    checks::a_key_over_its_limit_is_told_when_to_come_back(&NGINX);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn forged_headers_are_dropped_and_the_true_request_is_judged() {
    checks::forged_headers_are_dropped_and_the_true_request_is_judged(&NGINX);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn verify_is_not_reachable_from_outside() {
    checks::verify_is_not_reachable_from_outside(&NGINX);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn the_ledger_has_the_true_address_method_and_path() {
    checks::the_ledger_has_the_true_address_method_and_path(&NGINX);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_gate_that_cannot_record_is_a_503_that_says_when_to_come_back() {
    checks::a_gate_that_cannot_record_is_a_503_that_says_when_to_come_back(&NGINX);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn nobody_passes_while_claviger_is_down() {
    checks::nobody_passes_while_claviger_is_down(&NGINX);
}

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn the_place_where_nginx_asks_is_hidden() {
    let house = House::start(&NGINX);
    let key = house.member_key();
    for target in ["/_claviger_verify", "/%5fclaviger_verify", "//_claviger_verify"] {
        assert_eq!(house.send(&Request::get(target).key(&key.token)).status, 404, "{target}");
    }
    assert_eq!(house.api.hits(), 0);
}

/// nginx hands the target on byte for byte, also the two characters that have no place in a path. Many an API would
/// cut it at the `#` or take the backslash for a slash, and so see another path than the one that was judged.
#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn a_raw_hash_or_backslash_in_the_path_is_refused() {
    let house = House::start(&NGINX);
    let key = house.member_key();
    for target in ["/admins-only/7#/../../agents/7", "/agents\\..\\admins-only\\7"] {
        assert_eq!(house.send(&Request::get(target).key(&key.token)).status, 400, "{target}");
    }
    assert_eq!(house.api.hits(), 0);
}
