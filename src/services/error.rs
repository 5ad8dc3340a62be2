//! What a service answers when it does not do what was asked.

use std::collections::BTreeMap;

use crate::crypto::hashing_queue::Busy;
use crate::crypto::seal::SealError;
use crate::error_code::ErrorCode;
use crate::gate::path::PathInvalid;
use crate::random::RandomFailed;
use crate::store::{Refusal, StoreError};

/// A code, what a user reads, and the cause that only the log sees.
#[derive(Debug)]
pub struct ServiceError {
    /// What went wrong.
    pub code: ErrorCode,
    /// In place of the code's own message.
    pub message: Option<String>,
    /// By field, for `VALIDATION_FAILED`.
    pub fields: BTreeMap<String, String>,
    /// Whole seconds after which it may work.
    pub retry_after: Option<u64>,
    /// For the log.
    pub cause: Option<String>,
}

impl From<ErrorCode> for ServiceError {
    fn from(code: ErrorCode) -> Self {
        ServiceError { code, message: None, fields: BTreeMap::new(), retry_after: None, cause: None }
    }
}

impl ServiceError {
    /// A code with a message of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ServiceError { message: Some(message.into()), ..code.into() }
    }

    /// One field that cannot be used.
    pub fn field(name: &str, message: impl Into<String>) -> Self {
        ServiceError {
            fields: BTreeMap::from([(name.to_owned(), message.into())]),
            ..ErrorCode::ValidationFailed.into()
        }
    }

    /// In one line, for the log and the operator.
    pub fn reason(&self) -> String {
        let text = self.cause.as_deref().or(self.message.as_deref()).unwrap_or(self.code.message());
        text.to_owned()
    }

    /// Something that should not be.
    pub fn internal() -> Self {
        ErrorCode::Internal.into()
    }

    /// Something that failed, with its cause for the log.
    pub fn failed(cause: impl ToString) -> Self {
        ServiceError { cause: Some(cause.to_string()), ..ErrorCode::Internal.into() }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        let busy =
            |code: ErrorCode| ServiceError { retry_after: Some(1), cause: Some(error.to_string()), ..code.into() };
        match &error {
            StoreError::Refused(Refusal::NotFound) => ErrorCode::NotFound.into(),
            StoreError::Refused(Refusal::Outdated) => {
                ServiceError::new(ErrorCode::Conflict, "It was changed by somebody else meanwhile; read it again")
            }
            StoreError::Refused(Refusal::PlanKeyLimit) => ErrorCode::PlanKeyLimit.into(),
            StoreError::Refused(Refusal::Gone) => ErrorCode::Gone.into(),
            StoreError::Refused(Refusal::TokenInvalid) => ErrorCode::TokenInvalid.into(),
            StoreError::Refused(Refusal::LastOwner) => ErrorCode::LastOwner.into(),
            StoreError::Refused(Refusal::AddressTaken) => {
                ServiceError::new(ErrorCode::Conflict, "Another account has this address")
            }
            StoreError::Refused(Refusal::NoRoomForText) => ServiceError::new(
                ErrorCode::Conflict,
                "The organization's templates and all versions of its projects' PRDs take 512 MB, and no more can be \
                 kept; delete old projects or templates first",
            ),
            StoreError::Refused(Refusal::NotAllowed) => ErrorCode::InsufficientRole.into(),
            StoreError::Busy(_) => busy(ErrorCode::Busy),
            StoreError::Full(_) => busy(ErrorCode::StorageFull),
            StoreError::Failed(cause) => ServiceError::failed(cause),
        }
    }
}

impl From<PathInvalid> for ServiceError {
    fn from(reason: PathInvalid) -> Self {
        ServiceError::new(ErrorCode::PathInvalid, reason.to_string())
    }
}

impl From<RandomFailed> for ServiceError {
    fn from(error: RandomFailed) -> Self {
        ServiceError::failed(error)
    }
}

impl From<SealError> for ServiceError {
    fn from(error: SealError) -> Self {
        ServiceError::failed(error)
    }
}

impl From<Busy> for ServiceError {
    fn from(_: Busy) -> Self {
        ServiceError { retry_after: Some(2), ..ErrorCode::Busy.into() }
    }
}

/// Gathers what is wrong with the fields of one input, so that a user mends them all at once.
#[derive(Debug, Default)]
pub struct Faults(BTreeMap<String, String>);

impl Faults {
    /// Notes a field's first fault.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.entry(field.to_owned()).or_insert_with(|| message.into());
    }

    /// Notes the fault of a value that could not be read, and lets it be missing.
    pub fn take<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.add(field, message)).ok()
    }

    /// An error if there was any fault.
    pub fn check(self) -> Result<(), ServiceError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ServiceError { fields: self.0, ..ErrorCode::ValidationFailed.into() })
        }
    }
}
