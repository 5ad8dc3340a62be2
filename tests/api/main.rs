//! Tests through the public API: real HTTP to a real server on a port of its own, with a directory of its own.

mod api_keys;
mod api_keys_bounds;
mod api_keys_list;
mod api_keys_plans;
mod api_keys_rotation;
mod api_keys_usage;
mod at_once;
mod audit;
mod audit_chain;
mod csrf;
mod openapi;
mod organization_requests;
mod pages;
mod people;
mod revocation;
mod sessions;
mod setup_and_sign_in;
mod support;
mod two_organizations;
mod walls;
mod who_may_what;
