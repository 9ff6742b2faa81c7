//! The roles that an identity provider may give people besides the names that they go by.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::cli::policy::person;
use crate::model::{Context, Requester, Tenant};
use crate::policy::{LineRef, Object, Permission, Snapshot};

/// What an answer is about.
pub(super) type Question = (Object, Permission);

/// The `idp:` names that the policy of a tenant speaks of, and about what each can say more than everybody hears.
pub(super) struct Provided<'a> {
    policy: &'a Snapshot,
    everybody: Requester,
    roles: Vec<Role>,
    known: HashMap<Question, Arc<[usize]>>,
}

struct Role {
    name: Arc<str>,
    bearer: Requester,
    /// Whether it puts its bearers on a list, which any line may read.
    is_listed: bool,
}

impl<'a> Provided<'a> {
    pub(super) fn new(
        principals: &BTreeSet<Arc<str>>,
        tenant: &Tenant,
        catalog: &Catalog,
        policy: &'a Snapshot,
    ) -> anyhow::Result<Self> {
        let bearer = |name: &str| person::requester(tenant, &[name], Context::default());
        let everybody = bearer("verified")?;
        let own = policy.names(&everybody);
        let is_entry =
            |name: &Arc<str>| catalog.lists.values().any(|prefix| name.starts_with(&**prefix)) && !own.contains(name);
        let role = |name: &Arc<str>| {
            let bearer = bearer(name)?;
            let is_listed = policy.names(&bearer).iter().any(is_entry);
            Ok(Role { name: Arc::clone(name), bearer, is_listed })
        };
        let roles = principals.iter().filter(|name| name.starts_with("idp:")).map(role);
        let roles = roles.collect::<anyhow::Result<_>>()?;
        Ok(Self { policy, everybody, roles, known: HashMap::new() })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.roles.iter().map(|role| &role.name)
    }

    /// Which of the roles can make a difference to an answer that is asked about the first of these and depends on all of them:
    /// those that a line is for which is not for everybody, and those that put somebody on a list.
    pub(super) fn heard(&mut self, asked: &[Question]) -> Arc<[usize]> {
        let Some(first) = asked.first() else { return Arc::default() };
        if let Some(known) = self.known.get(first) {
            return Arc::clone(known);
        }
        let lines = |requester: &Requester| -> BTreeSet<LineRef> {
            let of = |(object, may): &Question| self.policy.lines_for(requester, object, *may);
            asked.iter().flat_map(of).map(|line| line.line).collect()
        };
        let all = lines(&self.everybody);
        let is_heard = |role: &Role| role.is_listed || !lines(&role.bearer).is_subset(&all);
        let heard = self.roles.iter().enumerate().filter(|(_, role)| is_heard(role)).map(|(place, _)| place);
        let heard: Arc<[usize]> = heard.collect();
        self.known.insert(first.clone(), Arc::clone(&heard));
        heard
    }
}
