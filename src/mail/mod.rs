//! Mail: what each message says, one function a message, in files by what they are about; and its way to a mail server.

pub mod account;
mod connection;
pub mod failure;
mod letter;
pub mod local_time;
pub mod message;
pub mod sender;
pub mod sign_in;
pub use letter::Letter;
