//! What can be asked for, one type each. A permit for one is no permit for another.

use std::fmt::Debug;
use std::sync::Arc;

use super::RowScope;
use super::gate::Ask;
use crate::model::{Name, Requester, Scope};
use crate::policy::{Decision, LineRef, Listed, Object, Permission, RowRule, Snapshot, Visible};

/// What the policy says of one action, before the scopes of the token are looked at.
#[derive(Debug)]
pub enum Ruling<S> {
    /// Allowed, with what the permit will cover and the lines that decided.
    Allow(S, Vec<LineRef>),
    /// Denied, with the lines that decided; none where no line speaks for it.
    Deny(Vec<LineRef>),
}

impl From<Decision> for Ruling<()> {
    fn from(decision: Decision) -> Self {
        if decision.is_allowed() { Self::Allow((), decision.lines) } else { Self::Deny(decision.lines) }
    }
}

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

/// Uses something that a line must name.
#[derive(Debug)]
pub enum Use {
    /// Calls a tool that is not generated from a dataset.
    Tool(Name),
    /// Reads an MCP resource that is no row of a dataset.
    Resource(Arc<str>),
    /// Gets an MCP prompt; the rows in it are read by permits of their own.
    Prompt(Name),
}

impl Use {
    fn asked(&self) -> (Object, Permission) {
        match self {
            Self::Tool(name) => (Object::Tool(name.clone()), Permission::Call),
            Self::Resource(uri) => (Object::Resource(Arc::clone(uri)), Permission::Read),
            Self::Prompt(name) => (Object::Prompt(name.clone()), Permission::Read),
        }
    }
}

impl Action for Use {
    type Scope = ();
    const NEEDS: Option<Scope> = Some(Scope::Read);

    fn names(&self) -> (&'static str, String) {
        let (object, permission) = self.asked();
        (permission.as_str(), object.to_string())
    }

    fn rule(&self, _: Ask, policy: &Snapshot, requester: &Requester) -> Ruling<()> {
        let (object, permission) = self.asked();
        policy.decide(requester, &object, permission).into()
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
        let rows = policy.rows_through(requester, &self.dataset, &self.tool);
        match rows.rule {
            RowRule::Filter(filter) => Ruling::Allow(RowScope::of(filter, rows.columns), rows.lines.to_vec()),
            RowRule::Nothing => Ruling::Deny(rows.lines.to_vec()),
        }
    }

    fn through(&self) -> Option<&str> {
        Some(self.method.unwrap_or(self.tool.as_str()))
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
