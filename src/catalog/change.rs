//! What can be done to the rows of a dataset besides reading them, where its declaration says so.

use super::Operation;
use crate::model::Name;

/// A way to change rows. None is possible unless the declaration of the dataset names it (`writable`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// `create_<dataset>`: one new row.
    Create,
    /// `update_<dataset>`: some columns of one row, by its key.
    Update,
    /// `delete_<dataset>`: one row, by its key.
    Delete,
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// The word in declarations and policies, with which the tool's name begins.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The name of the tool that does this with a dataset.
    pub fn tool_name(self, dataset: &Name) -> String {
        format!("{}_{dataset}", self.as_str())
    }

    /// Whether something that was there is lost by it, so that a person is asked first where one can be asked.
    pub fn is_destructive(self) -> bool {
        match self {
            Self::Create => false,
            Self::Update | Self::Delete => true,
        }
    }
}

/// When a person is asked before something is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Confirm {
    /// Where the client can ask; where it cannot, the policy alone decides.
    #[default]
    WhenPossible,
    /// Always: where the client cannot ask, nothing is done.
    Required,
}

/// What a generated tool does with its dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generated {
    /// It reads.
    Read(Operation),
    /// It changes.
    Change(Change),
}
