//! Mail: what each message says, one function a message, in files by what they are about.

pub mod message;
