//! Mail: what each message says, one function a message, in files by what they are about.

pub mod expiry;
pub mod local_time;
pub mod message;
pub mod operator;
pub mod team;
