//! Claviger behind real proxies: nginx, Caddy and Traefik run with the files of `examples/` as they stand, only
//! ports and paths replaced, in front of a real Claviger and a small API that tells what it was sent.
//!
//! And Claviger's mail through real mail servers (`mail`), and its webhooks to receivers that verify them (`webhooks`).
//!
//! `checks` says once what must hold behind every proxy; each proxy's module says how it is started, and holds
//! each of these checks as a test of its own, with what is particular to it.

mod api;
mod caddy;
mod checks;
mod http;
#[path = "../api/support/letters.rs"]
#[allow(dead_code)]
mod letters;
mod limits;
mod mail;
mod nginx;
mod process;
mod support;
mod traefik;
mod webhooks;
