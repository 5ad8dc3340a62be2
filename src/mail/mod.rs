//! Mail: what each message says, one function a message, in files by what they are about.

pub mod account;
pub mod local_time;
pub mod message;
