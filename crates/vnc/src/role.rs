//! What a person is to a desktop.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A role, from the one that may least to the one that may most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The desktop is none of theirs.
    None,
    /// Watching.
    View,
    /// Keys and pointer, as far as the policy goes.
    #[default]
    Control,
    /// The same, and taking control from others, and ending their sessions.
    Admin,
}

impl Role {
    /// The word that configurations and pages have for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::View => "view",
            Self::Control => "control",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Not the word of any role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is \"none\", \"view\", \"control\" or \"admin\"")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        [Self::None, Self::View, Self::Control, Self::Admin]
            .into_iter()
            .find(|role| role.word() == word)
            .ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_by_what_they_may() {
        let roles = ["none", "view", "control", "admin"].map(|word| word.parse::<Role>().unwrap());
        assert!(roles.is_sorted());
        for (role, word) in roles.iter().zip(["none", "view", "control", "admin"]) {
            assert_eq!(role.to_string(), word);
        }
        assert_eq!("Admin".parse::<Role>(), Err(UnknownRole));
        assert_eq!("".parse::<Role>(), Err(UnknownRole));
    }
}
