//! Whose lists changed with the policy, and telling them, and nobody else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::StreamExt as _;

use super::Mcp;
use super::streams::Stream;
use crate::model::{Name, Requester};
use crate::policy::{Columns, Listed, Permission, RowRule, Snapshot};

/// What a policy shows to one person in lists.
#[derive(Debug, PartialEq, Eq)]
struct Lists {
    tools: BTreeMap<Arc<str>, Option<Described>>,
    resources: BTreeMap<Arc<str>, Option<Rows>>,
    prompts: BTreeSet<Arc<str>>,
}

/// What the entries of a dataset's rows depend on: which rows, and which columns of them.
type Rows = (RowRule, Described);

/// What the description of a dataset's tool depends on: the columns that are there, those that may be masked, and those that
/// may be written.
type Described = (BTreeSet<Name>, BTreeSet<Name>, BTreeSet<Name>);

impl Lists {
    /// Everything of the lists that depends on the policy. What an entry shows of it besides its name belongs here too.
    fn of(policy: &Snapshot, requester: &Requester) -> Self {
        let described = |columns: Arc<Columns>| {
            (columns.open.clone(), columns.masked.keys().cloned().collect(), columns.written.clone())
        };
        let tools = policy.visible(requester, Listed::Tools).into_iter();
        let rows = |(name, columns): (Arc<str>, Option<Arc<Columns>>)| {
            let rule = |columns: &Columns| policy.rows(requester, &columns.dataset, Permission::Read).rule;
            let rows = columns.map(|columns| (rule(&columns), described(columns)));
            (name, rows)
        };
        Self {
            tools: tools.map(|(name, columns)| (name, columns.map(described))).collect(),
            resources: policy.visible(requester, Listed::Resources).into_iter().map(rows).collect(),
            prompts: policy.visible(requester, Listed::Prompts).into_keys().collect(),
        }
    }
}

/// Which lists of a person changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) tools: bool,
    pub(super) resources: bool,
    pub(super) prompts: bool,
}

impl Changes {
    fn between(before: &Lists, after: &Lists) -> Self {
        Self {
            tools: before.tools != after.tools,
            resources: before.resources != after.resources,
            prompts: before.prompts != after.prompts,
        }
    }

    /// From, and as, tools, resources and prompts in this order.
    pub(super) fn of([tools, resources, prompts]: [bool; 3]) -> Self {
        Self { tools, resources, prompts }
    }

    pub(super) fn each(self) -> [bool; 3] {
        [self.tools, self.resources, self.prompts]
    }

    /// The lists by name.
    pub(super) fn words(self) -> Vec<&'static str> {
        let all = [(self.tools, "tools"), (self.resources, "resources"), (self.prompts, "prompts")];
        all.into_iter().filter_map(|(changed, word)| changed.then_some(word)).collect()
    }

    pub(super) fn any(self) -> bool {
        self.tools || self.resources || self.prompts
    }
}

impl Mcp {
    /// Tells each open stream whose person has other lists by `new` than by `old`, and each that is known to have others yet.
    pub async fn tell_streams(&self, old: &Arc<Snapshot>, new: &Arc<Snapshot>) {
        self.parts.missed.changed(self.parts.clock.now());
        let streams = self.parts.streams.live();
        if streams.is_empty() {
            return;
        }
        let (old, new, revision) = (Arc::clone(old), Arc::clone(new), new.revision());
        // Each person costs as much as some first answers under a new policy: too long for a thread that answers requests.
        let comparing = tokio::task::spawn_blocking(move || changed(streams, &old, &new));
        let changed = match comparing.await {
            Ok(changed) => changed,
            Err(error) => {
                tracing::error!(%error, "whose lists changed cannot be found out, so nobody is told");
                return;
            }
        };
        // All at the same time, so that nobody waits for those that do not read.
        let telling = futures_util::stream::iter(changed);
        telling.for_each_concurrent(None, async |(stream, changes)| stream.tell(changes, revision).await).await;
    }
}

/// The streams to tell. One person with many streams is looked at once.
fn changed(streams: Vec<Stream>, old: &Snapshot, new: &Snapshot) -> Vec<(Stream, Changes)> {
    let mut known: HashMap<Requester, Changes> = HashMap::new();
    let with_changes = streams.into_iter().map(|stream| {
        let requester = stream.caller.principal.requester();
        let changes = known
            .get(requester)
            .copied()
            .unwrap_or_else(|| Changes::between(&Lists::of(old, requester), &Lists::of(new, requester)));
        known.insert(requester.clone(), changes);
        let has = stream.sink.known();
        let tell = has.map_or(changes, |has| has.after(changes, old.revision(), new.revision()));
        (stream, tell)
    });
    with_changes.filter(|(_, changes)| changes.any()).collect()
}
