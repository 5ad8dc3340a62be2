pub mod clock;
pub mod config;
pub mod crypto;
pub mod error_code;
pub mod random;
pub mod role;
pub mod store;
pub mod telemetry;
