//! E0061
//! A plan needs the scope of a permit; there is no plan without one.

use crate::dataset::{Pager, PlanError, ReadPlan, Request};

pub(crate) fn unscoped(request: Request, pager: &Pager<'_>) -> Result<ReadPlan, PlanError> {
    ReadPlan::new(request, pager)
}
