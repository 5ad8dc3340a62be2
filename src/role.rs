//! The four roles of an organization, from the least to the most.

use serde::{Deserialize, Serialize};

/// What a person or a key may do in an organization. The order of the variants is the order of the powers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads what is shared with them.
    Viewer,
    /// Makes and manages what is their own. `editor` is taken for it on input.
    #[serde(alias = "editor")]
    Member,
    /// Members, invitations, keys, settings; not owners.
    Admin,
    /// Everything, ownership and the organization itself included.
    Owner,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Member, Role::Admin, Role::Owner];

    /// The name in the API, the database and the headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Member => "member",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }

    /// Reads a name; `editor` means `member`.
    pub fn parse(text: &str) -> Option<Role> {
        match text {
            "editor" => Some(Role::Member),
            _ => Role::ALL.into_iter().find(|role| role.as_str() == text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_editor_means_member() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("editor"), Some(Role::Member));
        assert_eq!(Role::parse("root"), None);
    }

    #[test]
    fn an_owner_stands_above_an_admin_above_a_member_above_a_viewer() {
        assert!(Role::Owner > Role::Admin && Role::Admin > Role::Member && Role::Member > Role::Viewer);
    }
}
