//! Mail: what each message says, one function a message, in files by what they are about; and its way to a mail server.

pub mod account;
mod connection;
pub mod expiry;
pub mod failure;
mod letter;
pub mod local_time;
pub mod message;
pub mod operator;
pub mod sender;
pub mod sign_in;
pub mod team;
pub mod webhooks;
pub use letter::Letter;
