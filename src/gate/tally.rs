//! What was decided, in numbers: for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error_code::ErrorCode;

/// Counters since the start.
pub struct Tally {
    allowed: AtomicU64,
    unrecorded: AtomicU64,
    refused: Box<[AtomicU64]>,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            allowed: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            refused: ErrorCode::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Tally {
    pub(super) fn count(&self, outcome: Result<(), ErrorCode>) {
        match outcome {
            Ok(()) => self.allowed.fetch_add(1, Ordering::Relaxed),
            Err(code) => self.refused[code as usize].fetch_add(1, Ordering::Relaxed),
        };
    }

    pub(super) fn unrecorded(&self) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests that passed.
    pub fn allowed(&self) -> u64 {
        self.allowed.load(Ordering::Relaxed)
    }

    /// Requests that could not be recorded.
    pub fn unrecorded_requests(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    /// Requests that were refused, by code; those that never happened are left out.
    pub fn refused(&self) -> Vec<(ErrorCode, u64)> {
        let counts = self.refused.iter().map(|count| count.load(Ordering::Relaxed));
        ErrorCode::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}
