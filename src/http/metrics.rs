//! `/metrics` for Prometheus (text format 0.0.4), on `server.metrics_listen` only.

use std::fmt::Write;

use actix_web::{HttpResponse, web};

use super::App;

/// Registers the one route.
pub fn register(config: &mut web::ServiceConfig) {
    config.service(web::resource("/metrics").route(web::get().to(metrics)));
}

async fn metrics(app: web::Data<App>) -> HttpResponse {
    let tally = &app.gate.tally;
    let mut text = String::from(
        "# HELP claviger_requests_total Requests that the gate decided, by what came of them.\n\
         # TYPE claviger_requests_total counter\n",
    );
    let _ = writeln!(text, "claviger_requests_total{{code=\"ALLOWED\"}} {}", tally.allowed());
    for (code, count) in tally.refused() {
        let _ = writeln!(text, "claviger_requests_total{{code=\"{}\"}} {count}", code.as_str());
    }
    let _ = write!(
        text,
        "# HELP claviger_unrecorded_requests_total Requests that the ledger could not record.\n\
         # TYPE claviger_unrecorded_requests_total counter\n\
         claviger_unrecorded_requests_total {}\n",
        tally.unrecorded_requests()
    );
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}
