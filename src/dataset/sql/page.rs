//! A page: the rows of each arm, in one order.

use super::arms::{self, Arm, Before, Rows};
use super::heads::{self, Heads};
use super::keyset::{self, Term};
use super::{From, Rendered, SqlError, TABLE, answered};
use crate::catalog::{Column, OrderTerm};
use crate::dataset::filter;
use crate::dataset::plan::PageRead;
use crate::dataset::statement::{Bind, Statement};
use crate::policy::RowFilter;

impl<'a> From<'a> {
    pub(super) fn page(&self, page: &PageRead) -> Result<Rendered, SqlError> {
        let columns: Vec<&Column> = self.face.listed().collect();
        let terms = page.order.iter().map(|term| self.term(term)).collect::<Result<Vec<_>, _>>()?;
        let mut selected = columns.clone();
        let mut position = Vec::with_capacity(terms.len());
        for term in &terms {
            let column = term.column.declared;
            let known = selected.iter().position(|other| other.name == column.name);
            position.push(known.unwrap_or(selected.len()));
            if known.is_none() {
                selected.push(column);
            }
        }
        let arms = arms::divide(page, self.face, self.filter, self.relation, self.schema);
        let heads = |number, arm, searches| Heads { from: self, page, terms: &terms, number, arm, searches };
        let mut out = Statement::default();
        for (number, arm) in arms.iter().enumerate() {
            if let Rows::Found(searches) = &arm.rows {
                out.sql(if out.is_empty() { "WITH RECURSIVE " } else { ", " });
                heads(number, arm, searches).queue(&mut out)?;
            }
        }
        for (number, arm) in arms.iter().enumerate() {
            if !out.is_empty() {
                out.sql(if number == 0 { " " } else { " UNION ALL " });
            }
            match &arm.rows {
                Rows::Within(filter) => {
                    self.columns(&selected, &mut out)?;
                    self.rows(filter, arm, page, &terms, &mut out)?;
                }
                Rows::Found(searches) => {
                    self.columns(&selected, &mut out)?;
                    heads(number, arm, searches).rows(&mut out)?;
                }
                Rows::Otherwise(parents, filter) => {
                    self.columns(&selected, out.sql("SELECT * FROM ("))?;
                    self.rows(filter, arm, page, &terms, &mut out)?;
                    keyset::order_by(&terms, &mut out);
                    heads::limit_where_crowded(*parents, page, &mut out);
                    out.sql(")");
                }
            }
        }
        match arms.as_slice() {
            [_] => keyset::order_by(&terms, &mut out),
            _ => keyset::order_by_place(&terms, &position, &mut out),
        }
        // One more than asked says whether there is another page.
        out.sql(" LIMIT ").bind(Bind::Integer(i64::from(page.limit) + 1));
        Ok(Rendered {
            statement: out,
            columns: answered(&columns),
            position,
            masks: self.masks(&columns, selected.len()),
        })
    }

    /// Appends the rows of an arm that are within a filter, after the columns that are selected.
    fn rows(
        &self,
        filter: &RowFilter,
        arm: &Arm,
        page: &PageRead,
        terms: &[Term<'_>],
        out: &mut Statement,
    ) -> Result<(), SqlError> {
        self.within(filter, out)?;
        self.search(&page.words, out)?;
        self.narrowed(arm, page, terms, out)?;
        if let Some(after) = &page.after {
            out.sql(" AND ");
            keyset::after(terms, after, out);
        }
        Ok(())
    }

    /// Appends what an arm leaves to those before it, and the caller's filters.
    pub(super) fn narrowed(
        &self,
        arm: &Arm,
        page: &PageRead,
        terms: &[Term<'_>],
        out: &mut Statement,
    ) -> Result<(), SqlError> {
        for before in &arm.before {
            out.sql(" AND ");
            match before {
                Before::Alternative(predicate) => {
                    filter::alternative(predicate, &self.dataset().name, self.schema, TABLE, out.sql("("))
                        .map_err(|source| self.unfit(source))?;
                    out.sql(") IS NOT TRUE");
                }
                Before::Found(number) => heads::not_found(*number, terms, out),
            }
        }
        self.filters(&page.filters, out)
    }

    fn term(&self, term: &OrderTerm) -> Result<Term<'a>, SqlError> {
        let never_null = self.relation.never_null.contains(&term.column);
        Ok(Term { column: self.column_ref(&term.column)?, direction: term.direction, never_null })
    }
}
