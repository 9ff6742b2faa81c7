//! What can be asked for, one type each. A permit for one is no permit for another.

use std::fmt::Debug;

use super::RowScope;
use super::gate::Ask;
use crate::catalog::Change;
use crate::model::{Name, Requester, Scope};
use crate::policy::{Listed, Object, Permission, Ruling, Snapshot, Visible};

/// Something that a principal asks to do.
pub trait Action: Debug + Send + Sync {
    /// What a permit for it carries.
    type Scope: Debug + Send;

    /// The scope that the token must have; `None` where none is needed.
    const NEEDS: Option<Scope>;

    /// What is done, and to what, as the audit trail and policies name them.
    fn names(&self) -> (&'static str, String);

    /// Asks the policy, and nothing else. What it says is the gate's to hear: only the gate has an `Ask`.
    fn rule(&self, _: Ask, policy: &Snapshot, requester: &Requester) -> Ruling<Self::Scope>;

    /// What it is done through, where that is not the object itself: a generated tool, or a method of MCP.
    fn through(&self) -> Option<&str> {
        None
    }
}

/// Uses something that a line must name: a tool that is not generated, an MCP resource that is no row, a prompt. The rows in a
/// prompt are read by permits of their own.
#[derive(Debug)]
pub struct Use(pub Object);

impl Action for Use {
    type Scope = ();
    const NEEDS: Option<Scope> = Some(Scope::Read);

    fn names(&self) -> (&'static str, String) {
        (self.0.use_of().as_str(), self.0.to_string())
    }

    fn rule(&self, _: Ask, policy: &Snapshot, requester: &Requester) -> Ruling<()> {
        policy.decide(requester, &self.0, self.0.use_of()).ruling()
    }
}

/// Reads rows of a dataset as one of its generated tools does.
#[derive(Debug)]
pub struct ReadRows {
    /// The dataset.
    pub dataset: Name,
    /// The generated tool (`list_documents`); a `tool:` line that denies it denies every way to the same rows.
    pub tool: Name,
    /// The method of MCP through which it is done, where the tool itself is not called.
    pub method: Option<&'static str>,
}

impl Action for ReadRows {
    type Scope = RowScope;
    const NEEDS: Option<Scope> = Some(Scope::Read);

    fn names(&self) -> (&'static str, String) {
        (Permission::Read.as_str(), Object::Dataset(self.dataset.clone()).to_string())
    }

    fn rule(&self, _: Ask, policy: &Snapshot, requester: &Requester) -> Ruling<RowScope> {
        policy.rows_through(requester, &self.dataset, &self.tool).ruling().map(RowScope::of)
    }

    fn through(&self) -> Option<&str> {
        Some(self.method.unwrap_or(self.tool.as_str()))
    }
}

/// Creates, updates or deletes a row of a dataset as its generated tool does. The rows of its permit are those that may be
/// read and changed so: the row must be among them before and after.
#[derive(Debug)]
pub struct ChangeRows {
    /// The dataset.
    pub dataset: Name,
    /// The generated tool (`create_documents`).
    pub tool: Name,
    /// What is done.
    pub change: Change,
}

impl Action for ChangeRows {
    type Scope = RowScope;
    const NEEDS: Option<Scope> = Some(Scope::Write);

    fn names(&self) -> (&'static str, String) {
        (self.change.as_str(), Object::Dataset(self.dataset.clone()).to_string())
    }

    fn rule(&self, _: Ask, policy: &Snapshot, requester: &Requester) -> Ruling<RowScope> {
        policy.changes_through(requester, &self.dataset, self.change).ruling().map(RowScope::of)
    }

    fn through(&self) -> Option<&str> {
        Some(self.tool.as_str())
    }
}

/// Lists what there is. Always allowed; the permit carries what the policy allows, whatever the token's scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List(pub Listed);

impl Action for List {
    type Scope = Visible;
    const NEEDS: Option<Scope> = None;

    fn names(&self) -> (&'static str, String) {
        ("list", self.0.as_str().to_owned())
    }

    fn rule(&self, _: Ask, policy: &Snapshot, requester: &Requester) -> Ruling<Self::Scope> {
        Ruling::Allow(policy.visible(requester, self.0), Vec::new())
    }
}

/// Asks for something that does not exist, as `tool:…`, `resource:…` or `prompt:…`. Always denied, so that the audit knows of it.
#[derive(Debug)]
pub struct UseUnknown(pub String);

impl Action for UseUnknown {
    type Scope = ();
    const NEEDS: Option<Scope> = None;

    fn names(&self) -> (&'static str, String) {
        ("use", self.0.clone())
    }

    fn rule(&self, _: Ask, _: &Snapshot, _: &Requester) -> Ruling<()> {
        Ruling::Deny(Vec::new())
    }
}
