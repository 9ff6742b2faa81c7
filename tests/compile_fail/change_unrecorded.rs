//! E0308
//! Nothing is changed before the decision is on record.

use crate::authz::Receipt;
use crate::dataset::change::{self, ChangePlan};
use crate::dataset::{Changes, Schema};
use crate::model::Subject;

pub(crate) async fn hasty(changes: &Changes, schema: &Schema, plan: &ChangePlan, receipt: Receipt, caller: &Subject) {
    change::make(changes, schema, plan, receipt, caller).await;
}
