//! casbin's own word on rows and on the columns in them.
//!
//! To serve, nobody asks for it: rows and columns are decided by conditions compiled from the lines (`scope`, `columns`),
//! and casbin would have to be asked again about each row. It is what those conditions are held against, by
//! `bailiwick policy explain` and by the tests.
//!
//! casbin finds the lines by itself where they are few. Of many it is given those that the index finds ([`Index::given`]), as the
//! conditions are compiled from these: a line that the index lost is then lost for both, and is not seen here.
//!
//! [`Index::given`]: super::index::Index::given

use super::decision::Decision;
use super::object::{Object, Permission};
use super::predicate::Row;
use super::snapshot::Snapshot;
use crate::catalog::{Column, Dataset};
use crate::model::{Name, Requester};

impl Snapshot {
    /// casbin's own word on one row: what the policy lines say of it. Tenant, data room and parent are not asked.
    pub fn admits_row(&self, requester: &Requester, dataset: &Name, permission: Permission, row: &Row) -> Decision {
        self.judge(requester, &Object::Dataset(dataset.clone()), permission, row).decision
    }

    /// casbin's own word on one column of one row, by what the lines and the declaration say of it. Whether the row is in
    /// scope is not asked.
    pub fn admits_column(&self, requester: &Requester, dataset: &Dataset, column: &Column, row: &Row) -> bool {
        let object = Object::column(&dataset.name, &column.name);
        if !self.spoken.covers(&object) {
            return column.expose && !column.protected;
        }
        self.judge(requester, &object, Permission::Read, row).decision.is_allowed()
    }
}
