//! What can be asked for, one type each. A permit for one is no permit for another.

use std::fmt::Debug;
use std::sync::Arc;

use super::RowScope;
use crate::model::{Name, Requester, Scope};
use crate::policy::{Decision, LineRef, Object, Permission, RowRule, Snapshot, Visible};

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

    /// The verb in the audit trail.
    const VERB: &'static str;

    /// The scope that the token must have; `None` where none is needed.
    const NEEDS: Option<Scope>;

    /// What it is done to, as the audit trail and policies name it.
    fn object(&self) -> String;

    /// Asks the policy, and nothing else.
    fn rule(&self, policy: &Snapshot, requester: &Requester) -> Ruling<Self::Scope>;

    /// The generated tool through which it is done, if there is one.
    fn tool(&self) -> Option<&Name> {
        None
    }
}

/// Calls a tool that a `tool:` line must allow.
#[derive(Debug)]
pub struct CallTool(pub Name);

impl Action for CallTool {
    type Scope = ();
    const VERB: &'static str = "call";
    const NEEDS: Option<Scope> = Some(Scope::Read);

    fn object(&self) -> String {
        Object::Tool(self.0.clone()).to_string()
    }

    fn rule(&self, policy: &Snapshot, requester: &Requester) -> Ruling<()> {
        policy.decide(requester, &Object::Tool(self.0.clone()), Permission::Call).into()
    }
}

/// Reads rows of a dataset through one of its generated tools.
#[derive(Debug)]
pub struct ReadRows {
    /// The dataset.
    pub dataset: Name,
    /// The generated tool (`list_documents`); a `tool:` line that denies it removes it.
    pub tool: Name,
}

impl Action for ReadRows {
    type Scope = RowScope;
    const VERB: &'static str = "read";
    const NEEDS: Option<Scope> = Some(Scope::Read);

    fn object(&self) -> String {
        Object::Dataset(self.dataset.clone()).to_string()
    }

    fn rule(&self, policy: &Snapshot, requester: &Requester) -> Ruling<RowScope> {
        let rows = policy.rows_through(requester, &self.dataset, &self.tool);
        match rows.rule {
            RowRule::Filter(filter) => Ruling::Allow(RowScope::of(filter, rows.columns), rows.lines.to_vec()),
            RowRule::Nothing => Ruling::Deny(rows.lines.to_vec()),
        }
    }

    fn tool(&self) -> Option<&Name> {
        Some(&self.tool)
    }
}

/// Reads an MCP resource that a `resource:` line must allow.
#[derive(Debug)]
pub struct ReadResource(pub Arc<str>);

impl Action for ReadResource {
    type Scope = ();
    const VERB: &'static str = "read";
    const NEEDS: Option<Scope> = Some(Scope::Read);

    fn object(&self) -> String {
        Object::Resource(Arc::clone(&self.0)).to_string()
    }

    fn rule(&self, policy: &Snapshot, requester: &Requester) -> Ruling<()> {
        policy.decide(requester, &Object::Resource(Arc::clone(&self.0)), Permission::Read).into()
    }
}

/// Lists tools or resources. Always allowed; the permit carries those that the policy allows, whatever the token's scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `tools/list`
    Tools,
    /// `resources/list`
    Resources,
}

impl Action for List {
    type Scope = Visible;
    const VERB: &'static str = "list";
    const NEEDS: Option<Scope> = None;

    fn object(&self) -> String {
        if *self == Self::Tools { "tools" } else { "resources" }.to_owned()
    }

    fn rule(&self, policy: &Snapshot, requester: &Requester) -> Ruling<Self::Scope> {
        let list = if *self == Self::Tools { Snapshot::visible_tools } else { Snapshot::visible_resources };
        Ruling::Allow(list(policy, requester), Vec::new())
    }
}

/// Asks for something that does not exist, as `tool:…` or `resource:…`. Always denied, so that the audit knows of it.
#[derive(Debug)]
pub struct UseUnknown(pub String);

impl Action for UseUnknown {
    type Scope = ();
    const VERB: &'static str = "use";
    const NEEDS: Option<Scope> = None;

    fn object(&self) -> String {
        self.0.clone()
    }

    fn rule(&self, _: &Snapshot, _: &Requester) -> Ruling<()> {
        Ruling::Deny(Vec::new())
    }
}
