//! A permitted change. The permit is spent here: a plan takes its filter from nowhere else.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::arguments::{self, ChangeRequest};
use super::shown::Shown;
use super::sql::{self, Prepared};
use crate::authz::{Authorized, Begun, ChangeRows, Receipt, RowScope};
use crate::catalog::{Change, Dataset};
use crate::dataset::arguments::ArgumentError;
use crate::dataset::database::{Attempt, Changes, Database, Reading, WriteError};
use crate::dataset::face::Face;
use crate::dataset::relation::Schema;
use crate::dataset::run::{self, RunError, Table};
use crate::dataset::sql::{From, Rendered, SqlError};
use crate::model::{Name, Person};
use crate::store::audit::Outcome;

/// A change that may be made, once.
#[derive(Debug)]
pub struct ChangePlan {
    /// Where the row must be, before and after.
    scope: RowScope,
    face: Face,
    change: Change,
    request: ChangeRequest,
}

/// What a change came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    /// It was made: the row as it is stored, or as it was before it was deleted.
    Row(Table),
    /// Nothing was changed, for a reason that is nobody's business.
    Nothing,
    /// Nothing was changed: the row is another than its person was shown.
    Moved,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum ChangePlanError {
    /// The arguments are not what they should be.
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    /// The dataset is not the permit's, or was not checked.
    #[error("`{0}` is not the dataset of the permit, or is not in the schema")]
    Dataset(Name),
}

impl ChangePlan {
    /// Spends a permit on what its holder asks. The receipt comes back in any case.
    ///
    /// # Errors
    ///
    /// When the arguments are wrong; what is missing is told in words.
    pub fn new(
        permit: Authorized<ChangeRows>,
        dataset: &Arc<Dataset>,
        schema: &Schema,
        arguments: &Map<String, Json>,
    ) -> (Receipt, Result<Self, ChangePlanError>) {
        let (action, scope, receipt) = permit.spend();
        let change = action.change;
        let relation = schema.relations.get(&dataset.name);
        let Some(relation) = relation.filter(|_| scope.filter().dataset == dataset.name) else {
            return (receipt, Err(ChangePlanError::Dataset(dataset.name.clone())));
        };
        let face = Face::new(Arc::clone(dataset), Arc::clone(scope.columns()));
        let plan = arguments::parse(&face, change, relation, arguments)
            .map(|request| Self { scope, face, change, request })
            .map_err(ChangePlanError::Arguments);
        (receipt, plan)
    }

    /// The same plan, for a row that is as it was shown and for no other.
    #[must_use]
    pub fn as_shown(mut self, shown: Option<Shown>) -> Self {
        self.request.shown = shown;
        self
    }

    /// The columns that are given, for the record: by name, never with what they hold.
    pub fn columns(&self) -> Option<String> {
        let names: Vec<&str> = self.request.given.iter().map(|(name, _)| name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The statements of the change.
    pub(in crate::dataset) fn prepared(&self, schema: &Schema) -> Result<Prepared, SqlError> {
        sql::render(self.change, &self.face, &self.request, self.scope.filter(), schema)
    }
}

/// Why a change was not made, besides that it must not be.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no statement for it.
    #[error("the change could not be put into SQL")]
    Sql(#[from] SqlError),
    /// The database did not make it.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ChangeError {
    /// Whether the same change may well succeed a little later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Write(WriteError::Busy(_)) => true,
            Self::Sql(_)
            | Self::Write(
                WriteError::TimedOut(_) | WriteError::Open(_) | WriteError::Statement(_) | WriteError::Abandoned,
            ) => false,
        }
    }
}

/// Makes a change, once, in the turn of whoever asks. Its decision is on record already; what it comes to is in the receipt that
/// comes back, and recorded with it whoever goes away. `None` where the server stopped first.
pub async fn make(
    changes: &Changes,
    schema: &Schema,
    plan: &ChangePlan,
    begun: Begun,
    person: &Person,
) -> Option<(Receipt, Result<Made, ChangeError>)> {
    let prepared = match plan.prepared(schema) {
        Ok(prepared) => prepared,
        Err(error) => return Some((begun.ended(Outcome::Failed), Err(error.into()))),
    };
    let shape = prepared.shape();
    let (receipt, ended) = changes.make(person, prepared, begun).await?;
    let made = ended.map_err(ChangeError::from).map(|attempt| match attempt {
        Attempt::Made(row) => Made::Row(shape.table(row)),
        Attempt::Refused => Made::Nothing,
        Attempt::Moved => Made::Moved,
    });
    Some((receipt, made))
}

/// Reads the row that a change would be made to, as the caller sees it, without changing anything: for whoever is asked first.
/// `None` where there is none that may be changed so.
///
/// # Errors
///
/// When the database refuses, is too slow, or does not have what was declared.
pub async fn look(
    database: &Database,
    schema: &Schema,
    plan: &ChangePlan,
    person: &Person,
) -> Result<Option<(Map<String, Json>, Shown)>, RunError> {
    let Rendered { statement, columns, masks, .. } =
        From::of(&plan.face, plan.scope.filter(), schema)?.row(&plan.request.key)?;
    let rows = database.fetch_for(Reading::Person(person), statement).await?;
    let shown = match rows.as_slice() {
        [] => return Ok(None),
        [row] => Shown::of(row),
        [_, _, ..] => return Err(RunError::AmbiguousKey(plan.face.dataset().name.clone())),
    };
    let mut rows = run::table(&columns, &masks, rows).into_objects();
    Ok(rows.next().and_then(|row| row.as_object().cloned()).map(|row| (row, shown)))
}
