//! Tests through the public API: real HTTP to a real server on a port of its own, with a directory of its own.

mod canary;
mod command_line;
mod crash;
mod faults;
mod faults_at_start;
mod service;
mod shutdown;
mod support;
mod walls;
