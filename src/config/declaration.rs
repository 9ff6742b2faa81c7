//! `[[tenant]]` and `[[dataset]]` as they are written: read for their form here, for their sense in `catalog::build`.

use std::collections::BTreeSet;

use super::document::Entry;
use super::origin::{At, Origin};
use super::problem::BadSetting;
use super::prompt::PromptDeclaration;
use super::section::Section;
use crate::model::ContextField;

/// Everything that the catalog is built from.
#[derive(Debug, Clone, Default)]
pub struct Declarations {
    /// `[claims]`: name and type.
    pub claims: Vec<(At<String>, At<String>)>,
    /// `[policy.lists]`: name and prefix.
    pub lists: Vec<(At<String>, At<String>)>,
    /// `context.trusted`.
    pub trusted: BTreeSet<ContextField>,
    /// `[[tenant]]`
    pub tenants: Vec<TenantDeclaration>,
    /// `[[dataset]]`
    pub datasets: Vec<DatasetDeclaration>,
    /// `[[prompt]]`
    pub prompts: Vec<PromptDeclaration>,
}

/// A `[[tenant]]`.
#[derive(Debug, Clone)]
pub struct TenantDeclaration {
    /// Where it begins.
    pub origin: Origin,
    /// Its name.
    pub name: At<String>,
    /// Its issuer's name; where there is none, its people sign in here.
    pub issuer: Option<At<String>>,
    /// The organisation ids that mean it.
    pub organisations: Option<At<Vec<At<String>>>>,
    /// Other spellings of it.
    pub aliases: Vec<At<String>>,
    /// Data rooms as the platform spells them, and their values.
    pub data_rooms: Vec<(At<String>, At<String>)>,
    /// Whether another data room is taken as it is.
    pub data_rooms_as_is: bool,
}

/// What `tenant` says in a `[[dataset]]`.
#[derive(Debug, Clone)]
pub enum TenantWord {
    /// `{ column = "…" }`
    Column(At<String>),
    /// `{ fixed = "…" }`
    Fixed(At<String>),
    /// `"shared"`
    Shared,
    /// Nothing is written.
    Absent,
}

/// What `within` says in a `[[dataset]]`.
#[derive(Debug, Clone)]
pub struct WithinDeclaration {
    /// Where it stands.
    pub origin: Origin,
    /// The parent.
    pub dataset: At<String>,
    /// This dataset's column and the parent's.
    pub by: Vec<(At<String>, At<String>)>,
}

/// What `search` says in a `[[dataset]]`.
#[derive(Debug, Clone)]
pub struct SearchDeclaration {
    /// The columns.
    pub columns: At<Vec<At<String>>>,
    /// The FTS5 table.
    pub fts: Option<String>,
}

/// A column of a `[[dataset]]`.
#[derive(Debug, Clone)]
pub struct ColumnDeclaration {
    /// Its name.
    pub name: At<String>,
    /// Its type.
    pub kind: At<String>,
    /// Its name in the database.
    pub column: Option<String>,
    /// What it means.
    pub description: Option<String>,
    /// Whether it is in answers.
    pub expose: Option<At<bool>>,
    /// Whether it is in lists.
    pub list: Option<At<bool>>,
    /// Whether only a policy line makes it visible.
    pub protected: Option<At<bool>>,
    /// The only values.
    pub values: Option<At<Vec<At<String>>>>,
    /// How a time is stored.
    pub stored: Option<At<String>>,
}

/// What `resource` says in a `[[dataset]]`.
#[derive(Debug, Clone)]
pub enum ResourceWord {
    /// `"none"`
    None,
    /// A table.
    Declared(Box<ResourceDeclaration>),
    /// Nothing is written.
    Absent,
}

/// A `[dataset.resource]`.
#[derive(Debug, Clone)]
pub struct ResourceDeclaration {
    /// The column that names a row.
    pub title: Option<At<String>>,
    /// The column that is its content.
    pub content: Option<At<String>>,
    /// The media type of that.
    pub media_type: Option<At<String>>,
}

/// A `[[dataset]]`.
#[derive(Debug, Clone)]
pub struct DatasetDeclaration {
    /// Where it begins.
    pub origin: Origin,
    /// Its name.
    pub name: At<String>,
    /// Its table.
    pub table: Option<String>,
    /// What it holds.
    pub description: Option<String>,
    /// Its key.
    pub key: At<Vec<At<String>>>,
    /// How it is divided among tenants.
    pub tenant: TenantWord,
    /// Its data-room column, or `none`.
    pub data_room: Option<At<String>>,
    /// Its parent.
    pub within: Option<WithinDeclaration>,
    /// What is searched.
    pub search: Option<SearchDeclaration>,
    /// Its default order.
    pub order: Vec<At<String>>,
    /// How its rows are MCP resources.
    pub resource: ResourceWord,
    /// The column that tells that a row changed.
    pub changed: Option<At<String>>,
    /// How its rows can be changed.
    pub writable: Option<At<Vec<At<String>>>>,
    /// Whether somebody must confirm before something is lost; `None` is only where it is not written.
    pub confirm: Option<At<bool>>,
    /// Its columns, in the order of writing.
    pub columns: Vec<ColumnDeclaration>,
}

/// Reads every `[[tenant]]`. One without an issuer is of use where people can sign in here, which `own` says.
pub(super) fn tenants(root: &mut Section<'_>, own: bool) -> Vec<TenantDeclaration> {
    root.tables("tenant", true, |section| {
        let name = section.text("name");
        let name = section.need("name", name, "policies and tenant columns call the tenant by it");
        let issuer = section.text("issuer");
        let organisations = section.texts("organisations");
        let (issuer, organisations) = spoken_for(section, issuer, organisations, own)?;
        let aliases = section.texts("aliases");
        let data_rooms = section.pairs("data_rooms");
        let data_rooms_as_is = section.boolean("data_rooms_as_is");
        Some(TenantDeclaration {
            origin: section.origin().clone(),
            name: name?,
            issuer,
            organisations,
            aliases: aliases.map(|aliases| aliases.value).unwrap_or_default(),
            data_rooms,
            data_rooms_as_is: data_rooms_as_is.is_some_and(|at| at.value),
        })
    })
}

/// Who speaks for a tenant, and by which organisation ids: both, or neither where `own`.
#[expect(clippy::type_complexity, reason = "the same two values that came in")]
fn spoken_for(
    section: &Section<'_>,
    issuer: Option<At<String>>,
    organisations: Option<At<Vec<At<String>>>>,
    own: bool,
) -> Option<(Option<At<String>>, Option<At<Vec<At<String>>>>)> {
    if own && !section.has("issuer") && !section.has("organisations") {
        return Some((None, None));
    }
    let hint = if own {
        "write the name of the `[[issuer]]` that speaks for this tenant, or leave `organisations` out too: then its people \
         sign in here"
    } else {
        "write the name of the `[[issuer]]` that speaks for this tenant"
    };
    let issuer = section.need("issuer", issuer, hint);
    let hint = "write the organisation ids that mean this tenant in the issuer's tokens";
    let organisations = section.need("organisations", organisations, hint);
    Some((Some(issuer?), Some(organisations?)))
}

/// Reads every `[[dataset]]`.
pub(super) fn datasets(root: &mut Section<'_>) -> Vec<DatasetDeclaration> {
    root.tables("dataset", false, |section| {
        let name = section.text("name");
        let name = section.need("name", name, "tools and policies call the dataset by it");
        let table = section.text("table");
        let description = section.text("description");
        let key = section.texts("key");
        let key = section.need("key", key, "write the column, or the list of columns, that identifies a row");
        let has_parent = section.has("within");
        let tenant = tenant(section, has_parent);
        let data_room = section.text("data_room");
        let within = section.table("within", within).flatten();
        let search = section.table("search", search).flatten();
        let order = section.texts("order");
        let resource = resource(section);
        let changed = section.text("changed");
        let writable = section.texts("writable");
        let confirm = section.word("confirm", &[("when-possible", false), ("required", true)]);
        let columns = section.table("columns", columns);
        let columns = section.need("columns", columns, "only declared columns exist for the outside");
        Some(DatasetDeclaration {
            origin: section.origin().clone(),
            name: name?,
            table: table.map(|table| table.value),
            description: description.map(|description| description.value),
            key: key?,
            tenant: tenant?,
            data_room,
            within,
            search,
            order: order.map(|order| order.value).unwrap_or_default(),
            resource,
            changed,
            writable,
            confirm,
            columns: columns?,
        })
    })
}

fn tenant(section: &mut Section<'_>, has_parent: bool) -> Option<TenantWord> {
    const HINT: &str =
        "write { column = \"...\" }, { fixed = \"<tenant>\" }, or \"shared\" if every tenant may see every row";
    if section.raw_text("tenant").is_some() {
        return section.word("tenant", &[("shared", ())]).map(|_| TenantWord::Shared);
    }
    if !section.has("tenant") && has_parent {
        // Asked for all the same, so that the key is known.
        return section.text("tenant").is_none().then_some(TenantWord::Absent);
    }
    let read = |section: &mut Section<'_>| {
        let column = section.text("column");
        let fixed = section.text("fixed");
        match (column, fixed) {
            (Some(column), None) => Some(TenantWord::Column(column)),
            (None, Some(fixed)) => Some(TenantWord::Fixed(fixed)),
            (Some(_), Some(fixed)) => {
                let (one, other) = (section.key("column"), section.key("fixed"));
                let hint = "a row's tenant is either in a column or fixed";
                section.refuse(&fixed.origin, BadSetting::Both { one, other, hint });
                None
            }
            (None, None) => section.need("column", None, HINT),
        }
    };
    let tenant = section.table("tenant", read);
    section.need("tenant", tenant, HINT).flatten()
}

fn within(section: &mut Section<'_>) -> Option<WithinDeclaration> {
    let dataset = section.text("dataset");
    let dataset = section.need("dataset", dataset, "write the name of the parent");
    let by = section.pairs("by");
    let hint = "write { <column of this dataset> = \"<key column of the parent>\" }";
    let by = section.need("by", section.has("by").then_some(by), hint);
    Some(WithinDeclaration { origin: section.origin().clone(), dataset: dataset?, by: by? })
}

fn resource(section: &mut Section<'_>) -> ResourceWord {
    if section.raw_text("resource").is_some() {
        // Another word is refused, so that what it stands for does not matter.
        return section.word("resource", &[("none", ())]).map_or(ResourceWord::Absent, |_| ResourceWord::None);
    }
    let read = |section: &mut Section<'_>| ResourceDeclaration {
        title: section.text("title"),
        content: section.text("content"),
        media_type: section.checked("media_type", media_type),
    };
    section.table("resource", read).map_or(ResourceWord::Absent, |read| ResourceWord::Declared(Box::new(read)))
}

/// A media type without parameters or with them (RFC 9110, section 8.3.1), as far as a header or a model must understand it.
fn media_type(text: &str) -> Result<String, &'static str> {
    let essence = text.split(';').next().unwrap_or(text);
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let fits = essence.trim_end().split_once('/').is_some_and(|(one, other)| is_token(one) && is_token(other));
    if fits { Ok(text.to_owned()) } else { Err("a media type, such as \"text/markdown\"") }
}

fn search(section: &mut Section<'_>) -> Option<SearchDeclaration> {
    let columns = section.texts("columns");
    let columns = section.need("columns", columns, "write the text columns that are searched");
    let fts = section.text("fts");
    Some(SearchDeclaration { columns: columns?, fts: fts.map(|fts| fts.value) })
}

fn columns(section: &mut Section<'_>) -> Vec<ColumnDeclaration> {
    let column = |entry: &Entry, section: &mut Section<'_>| {
        let kind = section.text("type");
        let kind = section.need("type", kind, "write `id`, `text`, `number`, `boolean`, `time`, `json` or `bytes`");
        let column = section.text("column");
        let description = section.text("description");
        let expose = section.boolean("expose");
        let list = section.boolean("list");
        let protected = section.boolean("protected");
        let values = section.texts("values");
        let stored = section.text("stored");
        Some(ColumnDeclaration {
            name: At::new(entry.key.clone(), entry.origin.clone()),
            kind: kind?,
            column: column.map(|column| column.value),
            description: description.map(|description| description.value),
            expose,
            list,
            protected,
            values,
            stored,
        })
    };
    section.free_keys().filter_map(|entry| section.table_at(entry, |inner| column(entry, inner)).flatten()).collect()
}
