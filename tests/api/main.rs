//! Tests through the public API: real HTTP to a real server on a port of its own, with a directory of its own.

mod support;
mod walls;
