//! casbin's own word on rows and on the columns in them.
//!
//! To serve, nobody asks for it: rows and columns are decided by conditions compiled from the lines (`scope`, `columns`),
//! and casbin would have to be asked again about each row. It is what those conditions are held against, by
//! `bailiwick policy explain` and by the tests. So casbin is given the lines about rows when somebody wants its word on one,
//! and what is in force does not keep them twice.

use super::decision::Decision;
use super::enforcer::{Enforcer, EnforcerError};
use super::object::{Kind, Object, Permission};
use super::predicate::Row;
use super::snapshot::Snapshot;
use crate::catalog::{Column, Dataset};
use crate::model::{Name, Requester};

/// casbin with every line about rows and columns.
#[derive(Debug)]
pub struct Oracle<'a> {
    policy: &'a Snapshot,
    casbin: Enforcer,
}

impl Snapshot {
    /// Gives casbin the lines about rows and columns. Takes long where there are many.
    ///
    /// # Errors
    ///
    /// When casbin does not take them.
    pub fn oracle(&self) -> Result<Oracle<'_>, EnforcerError> {
        let casbin = Enforcer::new(&self.rules, self.index.partitions(Kind::has_rows))?;
        Ok(Oracle { policy: self, casbin })
    }
}

impl Oracle<'_> {
    /// casbin's own word on one row: what the policy lines say of it. Tenant, data room and parent are not asked.
    pub fn admits_row(&self, requester: &Requester, dataset: &Name, permission: Permission, row: &Row) -> Decision {
        let object = Object::Dataset(dataset.clone());
        self.policy.judge(&self.casbin, requester, &object, permission, row).decision
    }

    /// casbin's own word on one column of one row, by what the lines and the declaration say of it. Whether the row is in
    /// scope is not asked.
    pub fn admits_column(&self, requester: &Requester, dataset: &Dataset, column: &Column, row: &Row) -> bool {
        let object = Object::column(&dataset.name, &column.name);
        if !self.policy.spoken.covers(&object) {
            return column.expose && !column.protected;
        }
        self.policy.judge(&self.casbin, requester, &object, Permission::Read, row).decision.is_allowed()
    }
}
