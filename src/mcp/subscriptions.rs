//! Subscriptions to single rows: `resources/subscribe` in a session, and the addresses in a `subscriptions/listen`.
//!
//! A row is subscribed to through the permit and the scope by which it is read, and each such decision is recorded. What is not
//! there and what is not allowed are one answer: an unknown resource, or, where many are asked for at once, silence. A row
//! that becomes visible later is told of, since by then it can be read.

use std::collections::BTreeMap;
#[expect(
    clippy::disallowed_types,
    reason = "what one session or stream watches: held for one change and never across an await"
)]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};

use rmcp::ErrorData;
use rmcp::model::ErrorCode;

use super::rows::read_by;
use super::{Caller, Mcp, RequestId, close, dispatch, reply};
use crate::authn::Principal;
use crate::authz::{Refusal, Use};
use crate::catalog::{Dataset, Operation, ROWS};
use crate::dataset::{self, Face, RowKey, Version, Watch, address};
use crate::model::Name;
use crate::policy::{Object, Revision};
use crate::store::audit::Outcome;

/// The method of the sessions.
pub(super) const SUBSCRIBE: &str = "resources/subscribe";
/// The method of 2026-07-28.
pub const LISTEN: &str = "subscriptions/listen";

/// The rows that one session, or one stream, is told of. Gone with it.
#[derive(Debug, Default)]
pub struct Watched {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<Arc<str>, Row>,
    rights: BTreeMap<Name, Arc<Right>>,
}

/// A row that is watched.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) dataset: Arc<Dataset>,
    pub(super) key: RowKey,
    /// What it was when it was last looked at and there.
    pub(super) seen: Option<Version>,
}

/// A dataset, and the watched rows of it by their addresses.
type OfDataset = (Arc<Dataset>, Vec<(Arc<str>, Row)>);

/// What the gate said of looking at the rows of one dataset.
#[derive(Debug)]
pub(super) struct Right {
    principal: Arc<Principal>,
    revision: Revision,
    /// `None` where nothing may be looked at.
    pub(super) watch: Option<Watch>,
}

impl Right {
    /// Whether it was given under this policy to somebody with the same rights.
    pub(super) fn holds(&self, principal: &Principal, revision: Revision) -> bool {
        self.revision == revision
            && self.principal.requester() == principal.requester()
            && self.principal.proof().scopes == principal.proof().scopes
    }
}

/// Why rows are not watched.
#[derive(Debug, thiserror::Error)]
pub enum Unwatched {
    /// There are too many of them.
    #[error(
        "{asked} resources are subscribed to; at most {most} can be on one stream (`mcp.subscriptions`): take fewer, or more \
         streams"
    )]
    TooMany {
        /// How many.
        asked: usize,
        /// How many there may be.
        most: usize,
    },
    /// It could not be decided or looked at; the log says why.
    #[error("{}", .0.message)]
    Failed(ErrorData),
}

impl Unwatched {
    /// The code of the protocol.
    pub fn code(&self) -> i32 {
        match self {
            Self::TooMany { .. } => ErrorCode::INVALID_PARAMS.0,
            Self::Failed(error) => error.code.0,
        }
    }
}

impl Watched {
    pub(super) fn is_empty(&self) -> bool {
        self.state().rows.is_empty()
    }

    /// Takes a row out.
    pub(super) fn forget(&self, uri: &str) {
        self.state().rows.remove(uri);
    }

    /// Puts a row in, where there is room. One that is there already begins anew.
    fn insert(&self, uri: &str, row: Row, most: usize) -> bool {
        let mut state = self.state();
        if state.rows.len() >= most && !state.rows.contains_key(uri) {
            return false;
        }
        state.rows.insert(uri.into(), row);
        true
    }

    /// Whether there is room for this one.
    fn has_room(&self, uri: &str, most: usize) -> bool {
        let state = self.state();
        state.rows.len() < most || state.rows.contains_key(uri)
    }

    /// The rows as they are now, by dataset.
    pub(super) fn by_dataset(&self) -> BTreeMap<Name, OfDataset> {
        let mut datasets = BTreeMap::new();
        for (uri, row) in &self.state().rows {
            let entry = datasets.entry(row.dataset.name.clone());
            let (_, rows) = entry.or_insert_with(|| (Arc::clone(&row.dataset), Vec::new()));
            rows.push((Arc::clone(uri), row.clone()));
        }
        datasets
    }

    /// Notes what a row is now, if it is still watched.
    pub(super) fn saw(&self, uri: &str, version: Version) {
        if let Some(row) = self.state().rows.get_mut(uri) {
            row.seen = Some(version);
        }
    }

    pub(super) fn right(&self, dataset: &Name) -> Option<Arc<Right>> {
        self.state().rights.get(dataset).cloned()
    }

    pub(super) fn keep(&self, dataset: &Name, right: Arc<Right>) {
        self.state().rights.insert(dataset.clone(), right);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one insertion or removal, so that a panic leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mcp {
    /// Whether any row can be subscribed to: whether a dataset says how its rows tell that they changed.
    pub(super) fn can_subscribe(&self) -> bool {
        self.parts.catalog.datasets.values().any(|dataset| dataset.changed.is_some())
    }

    /// Subscribes a session to a resource.
    pub(super) async fn subscribe_to(&self, caller: &Caller, uri: &str) -> Result<(), ErrorData> {
        let Some(session) = self.session.get() else { return Err(reply::no_session()) };
        let most = self.parts.subscriptions;
        if !session.watched.has_room(uri, most) {
            return Err(reply::too_many_subscriptions(most));
        }
        if let Some(known) = self.parts.catalog.resources.get(uri) {
            // It never changes, so that there is nothing to watch.
            let permit = self.permit(caller, Use(Object::Resource(known.clone()))).await;
            let (_, (), receipt) = permit.map_err(|refusal| reply::resource_refusal(refusal, uri))?.spend();
            return close(receipt, Outcome::Answered { rows: None }, ()).await.map(|_| ());
        }
        let known = address::read(uri, &self.parts.catalog);
        let known = known.and_then(|(dataset, arguments)| Some((dataset, RowKey::read(dataset, &arguments)?)));
        let Some((dataset, key)) = known else {
            let object = format!("resource:{}", dispatch::cut(uri));
            return Err(self.unknown(caller, object, reply::unknown_resource(uri)).await);
        };
        let keys = std::slice::from_ref(&key);
        let (right, versions) = match self.right(caller, dataset, keys, SUBSCRIBE).await {
            Ok(looked) => looked,
            Err(Unlooked::Refused(refusal)) => return Err(reply::resource_refusal(refusal, uri)),
            Err(Unlooked::Failed(error)) => return Err(error),
        };
        if right.watch.is_none() {
            return Err(reply::no_subscription(&dataset.name));
        }
        let Some(Some(version)) = versions.into_iter().next() else { return Err(reply::unknown_resource(uri)) };
        session.watched.keep(&dataset.name, Arc::new(right));
        let row = Row { dataset: Arc::clone(dataset), key, seen: Some(version) };
        if session.watched.insert(uri, row, most) { Ok(()) } else { Err(reply::too_many_subscriptions(most)) }
    }

    /// Takes in the addresses of a `subscriptions/listen` before it is acknowledged, so that no change after that is missed. Gives
    /// those besides of which nothing will ever be told: what is no address here, and the rows of a dataset that this person
    /// sees and that does not tell them of changes. A row that is hidden or missing is none of them, like a hidden dataset.
    ///
    /// # Errors
    ///
    /// When there are too many, or nothing can be decided.
    pub async fn watch(
        &self,
        principal: &Arc<Principal>,
        RequestId(request): &RequestId,
        uris: &[String],
    ) -> Result<(Arc<Watched>, Vec<String>), Unwatched> {
        let (watched, most) = (Watched::default(), self.parts.subscriptions);
        let mut untold = Vec::new();
        if !self.can_subscribe() {
            return Ok((Arc::new(watched), untold));
        }
        let caller = Caller::new(Arc::clone(principal), Arc::clone(request));
        if uris.len() > most {
            return Err(Unwatched::TooMany { asked: uris.len(), most });
        }
        for uri in uris {
            let known = address::read(uri, &self.parts.catalog);
            let known = known.and_then(|(dataset, arguments)| Some((dataset, RowKey::read(dataset, &arguments)?)));
            if let Some((dataset, key)) = known {
                watched.insert(uri, Row { dataset: Arc::clone(dataset), key, seen: None }, most);
            } else {
                let object = format!("resource:{}", dispatch::cut(uri));
                self.unknown(&caller, object, reply::unknown_resource(uri)).await;
                if !uri.starts_with(ROWS) && !self.parts.catalog.resources.contains(uri.as_str()) {
                    untold.push(uri.clone());
                }
            }
        }
        for (name, (dataset, rows)) in watched.by_dataset() {
            let keys: Vec<RowKey> = rows.iter().map(|(_, row)| row.key.clone()).collect();
            match self.right(&caller, &dataset, &keys, LISTEN).await {
                Ok((Right { watch: None, .. }, _)) => {
                    for (uri, _) in &rows {
                        watched.forget(uri);
                        untold.push(uri.to_string());
                    }
                }
                Ok((right, versions)) => {
                    watched.keep(&name, Arc::new(right));
                    for ((uri, _), version) in rows.iter().zip(versions) {
                        if let Some(version) = version {
                            watched.saw(uri, version);
                        }
                    }
                }
                Err(Unlooked::Refused(Refusal::Denied(_) | Refusal::Scope(..))) => {
                    watched.keep(&name, Arc::new(self.no_right(&caller)));
                }
                Err(Unlooked::Refused(refusal)) => return Err(Unwatched::Failed(reply::refusal(refusal))),
                Err(Unlooked::Failed(error)) => return Err(Unwatched::Failed(error)),
            }
        }
        Ok((Arc::new(watched), untold))
    }

    /// That nothing of a dataset may be looked at, under the policy in force.
    pub(super) fn no_right(&self, caller: &Caller) -> Right {
        let revision = self.parts.policies.current().revision();
        Right { principal: Arc::clone(&caller.principal), revision, watch: None }
    }

    /// Asks the gate for the right to look at rows of a dataset, and looks at them; recorded as one read.
    pub(super) async fn right(
        &self,
        caller: &Caller,
        dataset: &Arc<Dataset>,
        keys: &[RowKey],
        method: &'static str,
    ) -> Result<(Right, Vec<Option<Version>>), Unlooked> {
        // Asked for first: were the policy replaced before the gate decides, the right would merely be asked for again.
        let none = self.no_right(caller);
        let (Some(action), Some(data)) = (read_by(dataset, Operation::Get, method), &self.parts.data) else {
            return Err(Unlooked::Failed(reply::no_data()));
        };
        let (_, scope, receipt) = self.permit(caller, action).await.map_err(Unlooked::Refused)?.spend();
        let face = Face::new(Arc::clone(dataset), Arc::clone(scope.columns()));
        let Some(watch) = Watch::new(scope, face) else {
            let recorded = close(receipt, Outcome::Answered { rows: Some(0) }, (none, vec![None; keys.len()])).await;
            return recorded.map(crate::authz::Recorded::into_inner).map_err(Unlooked::Failed);
        };
        let person = caller.person();
        match dataset::look(&data.database, &data.schema, &watch, keys, &person).await {
            Ok(versions) => {
                let rows = u64::try_from(versions.iter().flatten().count()).ok();
                let right = Right { watch: Some(watch), ..none };
                let recorded = close(receipt, Outcome::Answered { rows }, (right, versions)).await;
                recorded.map(crate::authz::Recorded::into_inner).map_err(Unlooked::Failed)
            }
            Err(error) => {
                let text = reply::failed(&error, receipt.record().map_or("", |record| &record.decision));
                close(receipt, Outcome::Failed, ()).await.map_err(Unlooked::Failed)?.into_inner();
                Err(Unlooked::Failed(reply::unread(text)))
            }
        }
    }
}

/// Why rows were not looked at.
#[derive(Debug)]
pub(super) enum Unlooked {
    /// The gate refused.
    Refused(Refusal),
    /// It failed.
    Failed(ErrorData),
}
