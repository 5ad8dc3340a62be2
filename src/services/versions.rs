//! Which version of something a caller says they change, so that nobody's change overwrites another's unseen.

use super::error::ServiceError;
use crate::error_code::ErrorCode;
use crate::store::{Refusal, StoreError};

/// What a caller said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Unsaid,
    /// Whatever version there is.
    Any,
    /// One of these; a version that cannot be is none.
    OneOf(Vec<i64>),
    /// What cannot be read.
    Unreadable,
}

impl Expected {
    /// For what may be changed without saying which version: 412 where another one is there.
    pub fn check(&self, version: i64) -> Result<(), ServiceError> {
        match self {
            Expected::Unsaid | Expected::Any => Ok(()),
            Expected::OneOf(versions) if versions.contains(&version) => Ok(()),
            Expected::OneOf(_) => Err(mismatch(version)),
            Expected::Unreadable => {
                Err(ServiceError::field("If-Match", "must be a version in quotes, as ETag has it: \"3\""))
            }
        }
    }

    /// For what is never changed unseen: 428 where no version is said, which `*` does not either.
    pub fn demand(&self, version: i64) -> Result<(), ServiceError> {
        match self {
            Expected::Unsaid => Err(ErrorCode::VersionRequired.into()),
            Expected::Any => Err(ServiceError::new(
                ErrorCode::VersionRequired,
                format!("If-Match: * names no version; say which one is changed. The newest is \"{version}\""),
            )),
            said => said.check(version),
        }
    }

    /// The version that a change is held to when it is done: the one that was found (and passed), where one was said.
    pub fn held_to(&self, found: i64) -> Option<i64> {
        matches!(self, Expected::OneOf(_)).then_some(found)
    }

    /// What it is that a change held to such a version finds instead: another version, or, where none was said, nothing.
    pub fn refusal(&self) -> Refusal {
        if matches!(self, Expected::OneOf(_)) { Refusal::Outdated } else { Refusal::NotFound }
    }

    /// What comes of a change that found another version: 412 where one was said, 409 otherwise.
    pub fn of_refusal(&self, error: StoreError) -> ServiceError {
        match (error, self) {
            (StoreError::Refused(Refusal::Outdated), Expected::OneOf(_)) => ErrorCode::VersionMismatch.into(),
            (error, _) => error.into(),
        }
    }
}

fn mismatch(version: i64) -> ServiceError {
    ServiceError::new(
        ErrorCode::VersionMismatch,
        format!("It was changed meanwhile and is version {version} now; read it again before changing it"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<(), ServiceError>) -> Option<ErrorCode> {
        result.err().map(|error| error.code)
    }

    #[test]
    fn what_is_said_is_held_to_and_what_demands_a_version_gets_one() {
        let cases = [
            (Expected::Unsaid, None, Some(ErrorCode::VersionRequired)),
            (Expected::Any, None, Some(ErrorCode::VersionRequired)),
            (Expected::OneOf(vec![2, 3]), None, None),
            (Expected::OneOf(vec![2]), Some(ErrorCode::VersionMismatch), Some(ErrorCode::VersionMismatch)),
            (Expected::OneOf(vec![]), Some(ErrorCode::VersionMismatch), Some(ErrorCode::VersionMismatch)),
            (Expected::Unreadable, Some(ErrorCode::ValidationFailed), Some(ErrorCode::ValidationFailed)),
        ];
        for (said, checked, demanded) in cases {
            assert_eq!((code(said.check(3)), code(said.demand(3))), (checked, demanded), "{said:?}");
        }
    }
}
