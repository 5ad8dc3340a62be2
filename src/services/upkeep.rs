//! What keeps `claviger.db` in shape.

use super::Services;
use super::error::ServiceError;
use crate::store::Change;

/// Gives the room of what was deleted back to the system, a small batch at a time, so that no change waits long for it.
pub fn give_back_room(services: &Services) -> Result<(), ServiceError> {
    let mut free = services.store.free_pages()?;
    while free > 0 {
        services.store.commit(Change::new().giving_back_room())?;
        let left = services.store.free_pages()?;
        if left >= free {
            break;
        }
        free = left;
    }
    Ok(())
}
