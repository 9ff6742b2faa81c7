//! The report in the XML that build servers read since `JUnit`: one suite for each file, one case for each test.

use std::fmt::Write as _;

use super::report::{Outcome, Report, told};

/// The whole document.
pub(super) fn document(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "<testsuites name=\"bailiwick policy test\" {}>", counts(report.outcomes.iter()));
    let mut left = &report.outcomes[..];
    while let Some(first) = left.first() {
        let same = left.iter().take_while(|outcome| outcome.file == first.file).count();
        let (suite, rest) = left.split_at(same);
        left = rest;
        let _ = writeln!(out, "  <testsuite name=\"{}\" {}>", escaped(&first.file), counts(suite.iter()));
        for outcome in suite {
            case(outcome, &mut out);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn counts<'a>(outcomes: impl Iterator<Item = &'a Outcome> + Clone) -> String {
    let failed = outcomes.clone().filter(|outcome| !outcome.failures.is_empty()).count();
    format!("tests=\"{}\" failures=\"{failed}\" errors=\"0\"", outcomes.count())
}

fn case(outcome: &Outcome, out: &mut String) {
    let (file, name) = (escaped(&outcome.file), escaped(&outcome.name));
    // Writing to a String cannot fail.
    let _ = write!(out, "    <testcase name=\"{name}\" classname=\"{file}\" file=\"{file}\" line=\"{}\"", outcome.line);
    if outcome.failures.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    for failure in &outcome.failures {
        let message = escaped(&format!("expected that {}, but {}", failure.expected, failure.found));
        let body = escaped(&told(&outcome.file, failure).join("\n"));
        let _ = writeln!(out, "      <failure message=\"{message}\">{body}</failure>");
    }
    out.push_str("    </testcase>\n");
}

/// Text as an attribute or element can hold it. What XML 1.0 has no way to write becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // As they are, an attribute would make blanks of them.
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_can_end_an_attribute_or_an_element() {
        assert_eq!(escaped("a<b>&\"'\u{1}\n\u{ffff}ü"), "a&lt;b&gt;&amp;&quot;&apos;\u{fffd}&#10;\u{fffd}ü");
    }
}
