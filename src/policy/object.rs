//! What policies speak of: objects, permissions and the patterns that cover objects.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::finding::{Flaw, instead};
use crate::catalog::{Catalog, Change, Dataset, Generated};
use crate::model::Name;

/// Something that a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Object {
    /// `tool:<name>`
    Tool(Name),
    /// `resource:<uri>`
    Resource(Arc<str>),
    /// `prompt:<name>`
    Prompt(Name),
    /// `dataset:<name>`
    Dataset(Name),
    /// `column:<dataset>/<column>`
    Column(Arc<str>),
}

impl Object {
    /// What a use of it is, where it has no rows.
    pub fn use_of(&self) -> Permission {
        match self {
            Self::Tool(_) => Permission::Call,
            Self::Resource(_) | Self::Prompt(_) | Self::Dataset(_) | Self::Column(_) => Permission::Read,
        }
    }

    /// A column of a dataset.
    pub fn column(dataset: &Name, column: &Name) -> Self {
        Self::Column(format!("{dataset}/{column}").into())
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Tool(_) => Kind::Tool,
            Self::Resource(_) => Kind::Resource,
            Self::Prompt(_) => Kind::Prompt,
            Self::Dataset(_) => Kind::Dataset,
            Self::Column(_) => Kind::Column,
        }
    }

    /// Its name, without the kind.
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Dataset(name) => name.as_str(),
            Self::Resource(name) | Self::Column(name) => name,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind().as_str(), self.name())
    }
}

/// What may be done with an object: what this version does. A line about more would be a wall, or a door, that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// `read`
    Read,
    /// `call`
    Call,
    /// `create`
    Create,
    /// `update`
    Update,
    /// `delete`
    Delete,
}

impl From<Change> for Permission {
    fn from(change: Change) -> Self {
        match change {
            Change::Create => Self::Create,
            Change::Update => Self::Update,
            Change::Delete => Self::Delete,
        }
    }
}

impl From<Generated> for Permission {
    fn from(does: Generated) -> Self {
        match does {
            Generated::Read(_) => Self::Read,
            Generated::Change(change) => change.into(),
        }
    }
}

impl Permission {
    /// The word in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Call => "call",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The change of rows that it permits, if it is one.
    pub fn change(self) -> Option<Change> {
        match self {
            Self::Read | Self::Call => None,
            Self::Create => Some(Change::Create),
            Self::Update => Some(Change::Update),
            Self::Delete => Some(Change::Delete),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kind of an object: the word before the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Dataset,
    Column,
    Tool,
    Resource,
    Prompt,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Dataset, Self::Column, Self::Tool, Self::Resource, Self::Prompt];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Column => "column",
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }

    /// What may be done with an object of this kind.
    pub(super) fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Tool => &[Permission::Call],
            Self::Dataset => &[Permission::Read, Permission::Create, Permission::Update, Permission::Delete],
            // A column is written in a new row as in one that is there: `update` is both.
            Self::Column => &[Permission::Read, Permission::Update],
            Self::Resource | Self::Prompt => &[Permission::Read],
        }
    }

    /// Every object of this kind that there is, by name.
    pub(super) fn declared(self, catalog: &Catalog) -> BTreeSet<String> {
        match self {
            Self::Dataset => catalog.datasets.keys().map(ToString::to_string).collect(),
            Self::Column => {
                let columns = |(name, dataset): (&Name, &Arc<crate::catalog::Dataset>)| {
                    dataset.exposed().map(|c| format!("{name}/{}", c.name)).collect::<Vec<_>>()
                };
                catalog.datasets.iter().flat_map(columns).collect()
            }
            Self::Tool => catalog.tools.iter().map(ToString::to_string).chain(generated(catalog)).collect(),
            Self::Resource => catalog.resources.iter().map(ToString::to_string).collect(),
            Self::Prompt => catalog.prompts.keys().map(ToString::to_string).collect(),
        }
    }
}

/// The tools that come with the datasets. Their rows decide whether they are there; a `tool:` deny removes one.
pub(super) fn generated(catalog: &Catalog) -> impl Iterator<Item = String> + '_ {
    catalog.generated_tools().map(|(tool, ..)| tool.to_string())
}

/// Whether a column is declared for policies alone (`expose = false`).
fn is_unexposed(column: &str, catalog: &Catalog) -> bool {
    column.split_once('/').is_some_and(|(dataset, column)| {
        let dataset = catalog.datasets.get(dataset);
        dataset.and_then(|dataset| dataset.column(column)).is_some_and(|column| !column.expose)
    })
}

/// What to write instead of a column that is not declared: one of its dataset, where that is.
fn instead_of_column(column: &str, declared: &BTreeSet<String>, catalog: &Catalog) -> String {
    let (dataset, _) = column.split_once('/').unwrap_or((column, ""));
    if !catalog.datasets.contains_key(dataset) {
        return instead(column, declared.iter().map(String::as_str));
    }
    let own =
        declared.iter().map(String::as_str).filter(|own| own.split_once('/').is_some_and(|(of, _)| of == dataset));
    if column == dataset {
        return format!("write `<dataset>/<column>`; {}", instead("", own));
    }
    instead(column, own)
}

/// Where a field is quoted, and the field without the quotes. In the middle a quote is a character like any other.
fn unquoted(text: &str) -> Option<(usize, String)> {
    const QUOTES: [char; 2] = ['"', '\''];
    let at = if text.starts_with(QUOTES) { 0 } else { text.strip_suffix(QUOTES)?.len() };
    let bare = text.trim_matches(QUOTES);
    let bare = bare
        .split_once(':')
        .map_or_else(|| bare.to_owned(), |(word, name)| format!("{word}:{}", name.trim_start_matches(QUOTES)));
    (!bare.is_empty() && !bare.ends_with(':')).then_some((at, bare))
}

/// The objects that a line covers: one, all whose name begins so, or (in denials) everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Pattern {
    /// The kind; `None` covers every kind.
    pub(super) kind: Option<Kind>,
    /// The name, or how it begins.
    pub(super) name: Arc<str>,
    /// Whether a `*` follows.
    pub(super) open: bool,
}

impl Pattern {
    /// Reads the *what* field of a line.
    pub(super) fn parse(text: &str, catalog: &Catalog) -> Result<Self, Flaw> {
        if text == "*" {
            return Ok(Self { kind: None, name: "".into(), open: true });
        }
        if let Some((at, bare)) = unquoted(text) {
            return Err(Flaw::new(at, format!("fields are not quoted; write `{bare}`")));
        }
        let kinds = Kind::ALL.map(Kind::as_str);
        let Some((word, name)) = text.split_once(':') else {
            return Err(Flaw::new(0, format!("`{text}` has no kind; write `dataset:{text}` or `tool:{text}`")));
        };
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == word) else {
            return Err(Flaw::new(0, format!("`{word}:` is not a kind of object; {}", instead(word, kinds))));
        };
        let start = word.len() + 1;
        let (stem, open) = name.strip_suffix('*').map_or((name, false), |stem| (stem, true));
        if let Some(star) = stem.find('*') {
            let message = "`*` can only end a pattern or be the whole field; write one line for each name";
            return Err(Flaw::new(start + star, message));
        }
        if stem.is_empty() && !open {
            return Err(Flaw::new(start, format!("`{word}:` names nothing; write a name, or `{word}:*` for all")));
        }
        let pattern = Self { kind: Some(kind), name: stem.into(), open };
        let declared = kind.declared(catalog);
        // Resources are addressed by prefix: one that covers nothing is for the lints to judge.
        if !open && kind != Kind::Resource && !declared.contains(stem) {
            if kind == Kind::Column && is_unexposed(stem, catalog) {
                let message = format!("`{stem}` is not exposed: it is in no answer, and no line can put it there");
                return Err(Flaw::new(start, message));
            }
            let hint = match kind {
                Kind::Column => instead_of_column(stem, &declared, catalog),
                Kind::Dataset | Kind::Tool | Kind::Resource | Kind::Prompt => {
                    instead(stem, declared.iter().map(String::as_str))
                }
            };
            return Err(Flaw::new(start, format!("there is no {word} `{stem}`; {hint}")));
        }
        Ok(pattern)
    }

    /// Says whether something that it covers can be changed so: by a dataset's declaration, where it is not merely read.
    pub(super) fn is_served(&self, permission: Permission, catalog: &Catalog) -> bool {
        let Some(change) = permission.change() else { return true };
        let is_changed = |dataset: &Dataset| match self.kind {
            Some(Kind::Column) => {
                let written = [Change::Create, Change::Update].into_iter().filter(|w| dataset.writable.contains(w));
                let mut written = written.flat_map(|written| dataset.written_by(written));
                written.any(|column| self.covers(Kind::Column, Object::column(&dataset.name, &column.name).name()))
            }
            None | Some(_) => dataset.writable.contains(&change) && self.covers(Kind::Dataset, dataset.name.as_str()),
        };
        catalog.datasets.values().any(|dataset| is_changed(dataset))
    }

    pub(super) fn covers(&self, kind: Kind, name: &str) -> bool {
        self.kind.is_none_or(|own| own == kind)
            && if self.open { name.starts_with(&*self.name) } else { *self.name == *name }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "{}:", kind.as_str())?;
        }
        write!(f, "{}{}", self.name, if self.open { "*" } else { "" })
    }
}
