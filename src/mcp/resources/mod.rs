//! MCP resources: `static://welcome`, and each row of a dataset as `bailiwick://<dataset>/<key>`.
//!
//! A row is read through the permit, the scope and the columns of `get_<dataset>`, and listed through those of
//! `list_<dataset>`; a `tool:` line that denies one of them closes this way too. What is not there and what is not allowed are
//! one answer, for whole datasets as for rows.

mod row;
mod welcome;

pub(super) use row::contents;

use rmcp::ErrorData;
use rmcp::model::{ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource};
use serde_json::{Map, Value, json};

use super::reply::{self, Reply};
use super::rows::read_by;
use super::{Caller, Mcp, close, one_page};
use crate::authz::{List, Refusal, Use};
use crate::catalog::{Dataset, Operation};
use crate::dataset::address;
use crate::model::Name;
use crate::policy::{Listed, Object, Visible};
use crate::store::audit::Outcome;

/// How many resources a page of the list has at most.
const PAGE: usize = 100;
/// How many rows of one dataset are listed at most, in its order. Clients read a list to its end, and further rows are
/// found by `search_`, by `list_` with a filter, and by the template.
const LISTED: usize = 1_000;
/// What the cursors of this list are sealed for.
const LIST: &str = "resources/list";

/// Where a page of the list begins: at the first resource, or in the rows of a dataset.
#[derive(Debug, Default)]
struct Place {
    dataset: Option<String>,
    /// How many of its rows were listed before.
    listed: usize,
    /// Where they ended.
    cursor: Option<String>,
}

/// A page of the list in the making.
#[derive(Debug, Default)]
struct Page {
    items: Vec<Resource>,
    /// How many of them are rows.
    rows: usize,
    /// The datasets whose rows are missing, because they could not be read.
    unread: Vec<Name>,
}

impl Place {
    fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let listed = usize::try_from(value.get(1)?.as_u64()?).ok()?;
        let cursor = value.get(2)?.as_str().map(ToOwned::to_owned);
        Some(Self { dataset: Some(value.get(0)?.as_str()?.to_owned()), listed, cursor })
    }

    fn written(&self) -> String {
        json!([self.dataset, self.listed, self.cursor]).to_string()
    }
}

impl Mcp {
    /// A page of the resources that the policy allows this caller: one record for what may be listed, and one for the rows of
    /// each dataset in it. A token without the scope to read lists no rows.
    pub(super) async fn resources_for(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let revision = self.revision();
        let permit = self.permit(caller, List(Listed::Resources)).await.map_err(reply::refusal)?;
        let (_, visible, receipt) = permit.spend();
        let binding = caller.principal.binding();
        let pager = self.pager(caller, &binding);
        let begin = match cursor {
            None => Some(Place::default()),
            Some(cursor) => pager.open_place(LIST, cursor).ok().and_then(|place| Place::read(&place)),
        };
        let Some(begin) = begin else {
            close(receipt, Outcome::BadArguments, ()).await?.into_inner();
            return Err(reply::invalid_cursor());
        };
        let is_first = begin.dataset.is_none();
        let mut items: Vec<Resource> = [welcome::describe()].into();
        items.retain(|resource| is_first && visible.contains_key(resource.uri.as_str()));
        let rows = u64::try_from(items.len()).ok();
        let items = close(receipt, Outcome::Answered { rows }, items).await?.into_inner();
        let mut page = Page { items, ..Page::default() };
        let next = self.list_rows(caller, &visible, begin, &mut page).await?;
        if is_first && page.rows == 0 && !page.unread.is_empty() {
            return Err(reply::unlisted(&page.unread));
        }
        // A later page may be of a later policy than the first.
        if is_first {
            self.gave(caller, Listed::Resources, revision);
        }
        let next = next.map(|place| pager.seal_place(LIST, &place.written())).transpose();
        Ok(reply::resources(page.items, next.map_err(|error| reply::unsealed(&error))?, &page.unread))
    }

    /// Appends rows until the page is full; says where the next page begins. A dataset that cannot be read takes only its own
    /// rows from the list.
    async fn list_rows(
        &self,
        caller: &Caller,
        visible: &Visible,
        begin: Place,
        page: &mut Page,
    ) -> Result<Option<Place>, ErrorData> {
        let mut place = begin;
        let datasets = self.parts.catalog.datasets.values().filter_map(|dataset| {
            let columns = visible.get(dataset.name.as_str())?.as_ref()?;
            Some((dataset, columns))
        });
        for (dataset, columns) in datasets {
            match place.dataset.as_deref() {
                Some(first) if dataset.name.as_str() < first => continue,
                Some(first) if dataset.name.as_str() == first => {}
                Some(_) | None => place = Place { dataset: Some(dataset.name.to_string()), ..Place::default() },
            }
            let Some(action) = read_by(dataset, Operation::List, LIST) else { continue };
            if !self.parts.gate.would_allow(&caller.principal, &action) {
                continue;
            }
            if place.listed >= LISTED {
                continue;
            }
            let most = (PAGE - page.items.len()).min(LISTED - place.listed);
            if most == 0 {
                return Ok(Some(place));
            }
            let permit = match self.permit(caller, action).await {
                Ok(permit) => permit,
                Err(Refusal::Denied(_)) => continue,
                // Recorded once; it would be the same for every dataset.
                Err(Refusal::Scope(..)) => return Ok(None),
                Err(refusal @ (Refusal::Audit(_) | Refusal::Random(_))) => return Err(reply::refusal(refusal)),
            };
            let arguments =
                Map::from_iter([("limit".to_owned(), json!(most)), ("cursor".to_owned(), json!(place.cursor))]);
            let read = self.rows(caller, permit, dataset, Operation::List, &arguments).await?;
            let (rows, cursor) = match read.into_inner() {
                Reply::Structured(Value::Object(answer)) => page_of(answer),
                Reply::Unfit(_) => return Err(reply::invalid_cursor()),
                Reply::Structured(_) | Reply::NotThere => (Vec::new(), None),
                Reply::Failed(_) => {
                    // Logged where it failed.
                    page.unread.push(dataset.name.clone());
                    continue;
                }
            };
            place.listed += rows.len();
            page.rows += rows.len();
            place.cursor = cursor;
            page.items.extend(rows.iter().filter_map(|row| row::entry(dataset, columns, row.as_object()?)));
            if place.cursor.is_some() && place.listed < LISTED {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The templates of the datasets whose rows the policy allows this caller. Listing is one record.
    pub(super) async fn templates_for(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let permit = self.permit(caller, List(Listed::Templates)).await.map_err(reply::refusal)?;
        let (_, visible, receipt) = permit.spend();
        let seen = |dataset: &Dataset| Some(row::template(dataset, visible.get(dataset.name.as_str())?.as_ref()?));
        let templates: Vec<_> = self.parts.catalog.datasets.values().filter_map(|dataset| seen(dataset)).collect();
        one_page(receipt, cursor, templates).await.map(reply::templates)
    }

    /// The contents of a resource. One that does not exist and one that is hidden are answered alike, each with one record.
    pub(super) async fn read(&self, caller: &Caller, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        if let Some((dataset, key)) = address::read(uri, &self.parts.catalog)
            && let Some(action) = read_by(dataset, Operation::Get, "resources/read")
        {
            let permit = self.permit(caller, action).await;
            let permit = permit.map_err(|refusal| reply::resource_refusal(refusal, uri))?;
            let read = self.rows(caller, permit, dataset, Operation::Get, &key).await?;
            return reply::contents(read, uri, |row| row::contents(dataset, uri, row));
        }
        let Some(known) = self.parts.catalog.resources.get(uri) else {
            let object = format!("resource:{}", super::dispatch::cut(uri));
            return Err(self.unknown(caller, object, reply::unknown_resource(uri)).await);
        };
        let permit = self.permit(caller, Use(Object::Resource(known.clone()))).await;
        let (_, (), receipt) = permit.map_err(|refusal| reply::resource_refusal(refusal, uri))?.spend();
        close(receipt, Outcome::Answered { rows: None }, welcome::contents()).await.map(reply::text)
    }
}

/// The rows of a page and the cursor of the next one.
fn page_of(mut page: Map<String, Value>) -> (Vec<Value>, Option<String>) {
    let cursor = page.get("next_cursor").and_then(Value::as_str).map(ToOwned::to_owned);
    match page.remove("rows") {
        Some(Value::Array(rows)) => (rows, cursor),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) | None => {
            (Vec::new(), cursor)
        }
    }
}
