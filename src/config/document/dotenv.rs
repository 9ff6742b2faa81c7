//! The `.env` file: `NAME=value` lines, read strictly, never put into the process's environment.
//!
//! Programs disagree about what `$` means there, so it is refused outside single quotes instead of guessed at.

use super::Variable;
use crate::config::origin::Origin;
use crate::config::problem::{BadSetting, Problem};

/// Reads the lines of a `.env` file.
pub(in crate::config) fn read_dotenv(text: &str, file: &str) -> Result<Vec<Variable>, Vec<Problem>> {
    let mut variables: Vec<Variable> = Vec::new();
    let mut problems = Vec::new();
    for (index, line) in text.trim_start_matches('\u{FEFF}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = |name: &str| Origin::Dotenv { file: file.into(), line: index + 1, name: name.into() };
        let whole = Origin::Line { file: file.into(), line: index + 1 };
        match assignment(line) {
            Err(reason) => problems.push(Problem { origin: whole, what: BadSetting::Dotenv(reason) }),
            Ok((name, _)) if variables.iter().any(|variable| variable.name == name) => {
                let what = BadSetting::Dotenv("the variable was assigned above; leave one out");
                problems.push(Problem { origin: place(name), what });
            }
            Ok((name, value)) => {
                variables.push(Variable { name: name.to_owned(), value, origin: place(name) });
            }
        }
    }
    if problems.is_empty() { Ok(variables) } else { Err(problems) }
}

fn assignment(line: &str) -> Result<(&str, String), &'static str> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("expected `NAME=value`")?;
    let name = name.trim_end();
    let mut bytes = name.bytes();
    if !bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        return Err("a name has letters, digits and `_`, and does not begin with a digit");
    }
    Ok((name, unquote(value.trim_start())?))
}

fn unquote(value: &str) -> Result<String, &'static str> {
    let mut characters = value.chars();
    match characters.next() {
        Some('\'') => {
            let (inside, rest) = characters.as_str().split_once('\'').ok_or("the quote is not closed on this line")?;
            nothing_after(rest)?;
            Ok(inside.to_owned())
        }
        Some('"') => {
            let mut text = String::new();
            loop {
                match characters.next().ok_or("the quote is not closed on this line")? {
                    '"' => break,
                    '$' => {
                        return Err("variables are not expanded; put a value with `$` between single quotes");
                    }
                    '\\' => text.push(match characters.next() {
                        Some('n') => '\n',
                        Some('t') => '\t',
                        Some(same @ ('"' | '\\' | '$')) => same,
                        _ => {
                            return Err("between double quotes, `\\` stands before `n`, `t`, `\"`, `\\` or `$` only");
                        }
                    }),
                    other => text.push(other),
                }
            }
            nothing_after(characters.as_str())?;
            Ok(text)
        }
        _ => {
            let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
            let value = value.get(..end).unwrap_or(value).trim_end();
            if value.contains('$') {
                return Err("variables are not expanded; put a value with `$` between single quotes");
            }
            if value.contains(['"', '\'', '\\', '`']) {
                return Err("a value with a quote or a backslash stands between quotes");
            }
            Ok(value.to_owned())
        }
    }
}

fn nothing_after(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err("something stands after the closing quote") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        match read_dotenv(text, ".env") {
            Ok(variables) => Ok(variables.into_iter().map(|v| (v.name, v.value)).collect()),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    #[test]
    fn assignments_quotes_and_comments_are_read() {
        let text =
            "# a comment\n\nA=1\nexport B = two words # said so\nC='$x # \"'\nD=\"a\\n\\\"b\\\\\" # end\nE=\nF=a#b\n";
        let pairs = [("A", "1"), ("B", "two words"), ("C", "$x # \""), ("D", "a\n\"b\\"), ("E", ""), ("F", "a#b")];
        assert_eq!(read(text).unwrap(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn every_bad_line_is_named_with_its_number() {
        let text = "A\n1B=2\nC=$HOME\nD=\"${X}\"\nE='open\nF=\"open\nG='a'b\nH=\"\\x\"\nI=it's\nJ=1\nJ=2\n";
        let lines = [
            ".env:1: is not a line of a `.env` file: expected `NAME=value`",
            ".env:2: is not a line of a `.env` file: a name has letters, digits and `_`, and does not begin with a digit",
            ".env:3: is not a line of a `.env` file: variables are not expanded; put a value with `$` between single quotes",
            ".env:4: is not a line of a `.env` file: variables are not expanded; put a value with `$` between single quotes",
            ".env:5: is not a line of a `.env` file: the quote is not closed on this line",
            ".env:6: is not a line of a `.env` file: the quote is not closed on this line",
            ".env:7: is not a line of a `.env` file: something stands after the closing quote",
            ".env:8: is not a line of a `.env` file: between double quotes, `\\` stands before `n`, `t`, `\"`, `\\` or `$` only",
            ".env:9: is not a line of a `.env` file: a value with a quote or a backslash stands between quotes",
            ".env:11 J: is not a line of a `.env` file: the variable was assigned above; leave one out",
        ];
        assert_eq!(read(text).unwrap_err(), lines.join("\n"));
    }
}
