//! One layout for policy files: the fields of all `p` lines of a file under each other, and those of its `g` lines.
//!
//! A file reads as two tables, with its comments between the rows; so the columns are those of the whole file and not
//! of a paragraph, and a line that names them (`# who, tenant, …`) is laid out with them. One long field must not push
//! every other line to the right: a field beyond its column's limit does not count towards the width, it only moves what
//! follows it on its own line, and where there is room again the line is back in its columns.
//!
//! Nothing but blanks between fields changes. Text, order, comments and line ends stay, and what cannot be told apart into
//! fields is not touched at all.

use std::path::Path;

use super::record::{self, Field};
use super::{MAX_FILE_BYTES, line};
use crate::policy::finding::{Finding, Severity};

/// The widest field that makes its column wider, in characters.
const WIDEST: usize = 40;
/// The same for the condition, which is the longest field of most lines.
const WIDEST_CONDITION: usize = 60;
/// Where the second field begins: `p` and `g` are one character, a comma and a blank.
const SECOND: usize = 3;

/// Lays a policy file out. What comes back says the same; it is equal to the file where there is nothing to do.
///
/// # Errors
///
/// With what was found, when the file is not one of lines with fields. Nothing is said about what the fields hold.
pub fn format(path: &Path, bytes: &[u8]) -> Result<String, Vec<Finding>> {
    fits(path, bytes.len(), "it is")?;
    let text = record::text(path, bytes.to_vec()).map_err(|finding| vec![finding])?;
    let (mut records, mut findings) = (Vec::new(), Vec::new());
    for record in record::records(path, &text) {
        match record {
            Ok(record) => records.push(record),
            Err(finding) => findings.push(finding),
        }
    }
    for record in &records {
        if let Some((column, message)) = line::misshapen(&record.fields) {
            let severity = Severity::Refusal;
            findings.push(Finding { path: path.to_owned(), line: record.line, column, severity, message });
        }
    }
    if !findings.is_empty() {
        findings.sort_by_key(|finding| (finding.line, finding.column));
        return Err(findings);
    }
    let mut records = records.iter().peekable();
    let rows: Vec<(Row<'_>, &str)> = (1..)
        .zip(text.split_inclusive('\n'))
        .map(|(number, raw)| {
            let content = raw.trim_end_matches(['\r', '\n']);
            let end = &raw[content.len()..];
            let record = records.next_if(|record| record.line == number);
            (record.map_or_else(|| Row::beside(content), |record| Row::of(&record.fields)), end)
        })
        .collect();
    let rules = Stops::of(rows.iter().filter_map(|(row, _)| row.cells(Table::Rules)));
    let grants = Stops::of(rows.iter().filter_map(|(row, _)| row.cells(Table::Grants)));
    let mut laid_out = String::with_capacity(text.len());
    for (row, end) in &rows {
        match row {
            Row::Comment(text) => laid_out.push_str(text),
            Row::Cells(Table::Rules, cells) => rules.lay_out(cells, &mut laid_out),
            Row::Cells(Table::Grants, cells) => grants.lay_out(cells, &mut laid_out),
        }
        laid_out.push_str(end);
    }
    fits(path, laid_out.len(), "laid out, it would be")?;
    Ok(laid_out)
}

/// Refuses a file that would not be read.
fn fits(path: &Path, length: usize, it_is: &str) -> Result<(), Vec<Finding>> {
    if length as u64 <= MAX_FILE_BYTES {
        return Ok(());
    }
    let message = format!("{it_is} {length} bytes long; at most {MAX_FILE_BYTES} are read");
    Err(vec![Finding::of_file(path, message)])
}

/// The two tables of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Rules,
    Grants,
}

impl Table {
    /// The names of the columns, as a comment gives them.
    fn heads(self) -> &'static [&'static str] {
        match self {
            Self::Rules => &["who", "tenant", "what", "may", "when", "effect"],
            Self::Grants => &["member", "group", "tenant"],
        }
    }

    /// The widest cell of a column that makes it wider. Columns are counted with the `p` or `g`.
    fn limit(self, column: usize) -> usize {
        let is_condition = self == Self::Rules && column == 5;
        if is_condition { WIDEST_CONDITION } else { WIDEST }
    }
}

/// One line of the file.
enum Row<'a> {
    /// A comment or a blank line, as it stands.
    Comment(&'a str),
    Cells(Table, Vec<Cell<'a>>),
}

/// A field, and the column of its table that it stands in.
struct Cell<'a> {
    column: usize,
    text: &'a str,
}

impl<'a> Row<'a> {
    fn of(fields: &[Field<'a>]) -> Self {
        let table = if fields.first().is_some_and(|first| first.text == "g") { Table::Grants } else { Table::Rules };
        let cells = fields.iter().enumerate().map(|(column, field)| Cell { column, text: field.text });
        Self::Cells(table, cells.collect())
    }

    /// A line that is none of the policy's: the names of the columns, another comment, or nothing.
    fn beside(content: &'a str) -> Self {
        let content = content.trim_end_matches(' ');
        let words: Vec<&str> = content.split(',').map(|word| word.trim_matches(' ')).collect();
        let names = |table: &Table| {
            let first = words.first().and_then(|word| word.strip_prefix('#')).map(|word| word.trim_start_matches(' '));
            first.into_iter().chain(words.iter().skip(1).copied()).eq(table.heads().iter().copied())
        };
        let Some(table) = [Table::Rules, Table::Grants].into_iter().find(names) else {
            return Self::Comment(content);
        };
        // `# who` stands above `p, role:member`: the first name spans two columns.
        let columns = [0].into_iter().chain(2..);
        Self::Cells(table, columns.zip(words).map(|(column, text)| Cell { column, text }).collect())
    }

    fn cells(&self, of: Table) -> Option<(Table, &[Cell<'a>])> {
        match self {
            Self::Cells(table, cells) if *table == of => Some((of, cells)),
            Self::Cells(..) | Self::Comment(_) => None,
        }
    }
}

/// Where the columns of a table begin, in characters.
struct Stops(Vec<usize>);

impl Stops {
    fn of<'a>(rows: impl Iterator<Item = (Table, &'a [Cell<'a>])>) -> Self {
        let mut widths: Vec<usize> = vec![1];
        for (table, cells) in rows {
            for cell in cells {
                let length = cell.text.chars().count();
                let (column, own) =
                    if cell.column == 0 { (1, length.saturating_sub(SECOND)) } else { (cell.column, length) };
                widths.resize(widths.len().max(column + 1), 0);
                if let Some(width) = widths.get_mut(column).filter(|_| own <= table.limit(column)) {
                    *width = own.max(*width);
                }
            }
        }
        // A comma and a blank stand between two columns.
        let starts = widths.iter().scan(0, |start, width| {
            let own = *start;
            *start += width + 2;
            Some(own)
        });
        Self(starts.collect())
    }

    fn lay_out(&self, cells: &[Cell<'_>], out: &mut String) {
        let mut length = 0;
        let mut gap = "";
        for cell in cells {
            out.push_str(gap);
            length += gap.chars().count();
            let start = self.0.get(cell.column).copied().unwrap_or(0);
            out.extend(std::iter::repeat_n(' ', start.saturating_sub(length)));
            out.push_str(cell.text);
            length = length.max(start) + cell.text.chars().count();
            gap = ", ";
        }
    }
}
