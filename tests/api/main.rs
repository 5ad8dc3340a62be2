//! Tests through the public API: real HTTP to a real server on a port of its own, with a directory of its own.

mod clients;
mod credentials;
mod gate_sessions;
mod http_edges;
mod http_framing;
mod key_check;
mod limits_after_restart;
mod limits_model;
mod methods_and_headers;
mod neighbours;
mod rate_limits;
mod rules;
mod support;
mod verify;
mod walls;
