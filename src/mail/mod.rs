//! Mail: what each message says, one function a message, in files by what they are about.

pub mod message;
pub mod sign_in;
pub mod times;
