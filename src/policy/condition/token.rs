//! Condition text to tokens.

use crate::model::{Number, Value};
use crate::policy::finding::Flaw;
use crate::policy::predicate::Operator;

/// How many digits a decimal can have and still mean one floating-point number and no other (IEEE 754 binary64).
const EXACT_DIGITS: usize = 15;

/// Whose attribute a dotted name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// `r.sub`
    Subject,
    /// `r.obj`
    Object,
    /// `r.ctx`
    Context,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Path(Owner, &'a str),
    Literal(Value),
    Operator(Operator),
    In,
    And,
    Or,
    Not,
    Present,
    Open,
    Close,
}

impl Token<'_> {
    /// The token for a person, in a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Path(Owner::Subject, name) => format!("`r.sub.{name}`"),
            Self::Path(Owner::Object, name) => format!("`r.obj.{name}`"),
            Self::Path(Owner::Context, name) => format!("`r.ctx.{name}`"),
            Self::Literal(value) => format!("`{value}`"),
            Self::Operator(operator) => format!("`{}`", operator.as_str()),
            Self::In => "`in`".to_owned(),
            Self::And => "`&&`".to_owned(),
            Self::Or => "`||`".to_owned(),
            Self::Not => "`!`".to_owned(),
            Self::Present => "`present`".to_owned(),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
        }
    }
}

/// A token and the byte where it begins.
pub(super) type Placed<'a> = (usize, Token<'a>);

const SYMBOLS: [(&str, Token<'static>); 11] = [
    ("==", Token::Operator(Operator::Equal)),
    ("!=", Token::Operator(Operator::NotEqual)),
    ("<=", Token::Operator(Operator::LessOrEqual)),
    (">=", Token::Operator(Operator::GreaterOrEqual)),
    ("<", Token::Operator(Operator::Less)),
    (">", Token::Operator(Operator::Greater)),
    ("&&", Token::And),
    ("||", Token::Or),
    ("!", Token::Not),
    ("(", Token::Open),
    (")", Token::Close),
];

/// Splits a condition into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed<'_>>, Flaw> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first == ' ' {
            at += 1;
            continue;
        }
        let (token, length) = if let Some((symbol, token)) = SYMBOLS.iter().find(|(s, _)| rest.starts_with(s)) {
            (token.clone(), symbol.len())
        } else if first == '"' {
            literal_text(rest, at)?
        } else if first.is_ascii_digit() || first == '-' {
            literal_number(rest, at)?
        } else if first.is_alphanumeric() || first == '_' {
            word(rest, at)?
        } else {
            return Err(Flaw::new(at, unexpected(first)));
        };
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

fn unexpected(first: char) -> String {
    match first {
        '=' => "`=` does not compare; write `==`".to_owned(),
        '&' | '|' => format!("`{first}` stands alone; write `{first}{first}`"),
        '\'' => "text stands in double quotes, not in single ones".to_owned(),
        '“' | '”' | '„' | '‘' | '’' => format!("`{first}` is not a quote; write `\"`"),
        _ => format!("`{first}` is not part of a condition"),
    }
}

fn literal_text(rest: &str, at: usize) -> Result<(Token<'static>, usize), Flaw> {
    let Some(length) = rest[1..].find('"') else {
        return Err(Flaw::new(at, "the text has no closing `\"`"));
    };
    let text = &rest[1..=length];
    let allowed = |c: char| c.is_alphanumeric() || " -_.:/@#".contains(c);
    if let Some((offset, c)) = text.char_indices().find(|(_, c)| !allowed(*c)) {
        let message = format!("`{c}` cannot stand in a text; letters, digits, spaces and `- _ . : / @ #` can");
        return Err(Flaw::new(at + 1 + offset, message));
    }
    if let Some(offset) = rewritten(text) {
        let message = "casbin would rewrite `r.` or `p.` at the start of a word, even in a text; compare with a claim or column instead";
        return Err(Flaw::new(at + 1 + offset, message));
    }
    Ok((Token::Literal(Value::text(text)), length + 2))
}

/// Where casbin would take a piece of text for a variable: `\b(r\d*|p\d*)\.`
fn rewritten(text: &str) -> Option<usize> {
    let mut before = ' ';
    for (offset, c) in text.char_indices() {
        let begins = !before.is_alphanumeric() && before != '_';
        let short = begins && matches!(c, 'r' | 'p');
        if short && text[offset + 1..].trim_start_matches(char::is_numeric).starts_with('.') {
            return Some(offset);
        }
        before = c;
    }
    None
}

fn literal_number(rest: &str, at: usize) -> Result<(Token<'static>, usize), Flaw> {
    let length = rest
        .char_indices()
        .find(|(offset, c)| !(c.is_alphanumeric() || *c == '.' || *c == '_' || (*offset == 0 && *c == '-')))
        .map_or(rest.len(), |(offset, _)| offset);
    let text = &rest[..length];
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole.strip_prefix('-').unwrap_or(whole)) || !fraction.is_none_or(digits) {
        return Err(Flaw::new(at, format!("`{text}` is not a number; write digits, as in `-3` or `0.5`")));
    }
    let padded = whole.trim_start_matches('-');
    if padded.len() > 1 && padded.starts_with('0') {
        let message =
            format!("`{text}` begins with a zero, which not every reader of numbers takes for nothing; leave it out");
        return Err(Flaw::new(at, message));
    }
    let number = if fraction.is_some() {
        let significant = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
        if significant > EXACT_DIGITS {
            let message = format!("`{text}` has {significant} digits; decimals compare exactly up to {EXACT_DIGITS}");
            return Err(Flaw::new(at, message));
        }
        text.parse().ok().and_then(Number::from_f64)
    } else {
        text.parse().ok().map(Number::Integer)
    };
    match number {
        Some(number) => Ok((Token::Literal(Value::Number(number)), length)),
        None => Err(Flaw::new(at, format!("`{text}` does not fit into 64 bits"))),
    }
}

fn word(rest: &str, at: usize) -> Result<(Token<'_>, usize), Flaw> {
    let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
    let text = &rest[..length];
    let mut parts = text.splitn(3, '.');
    let token = match (parts.next(), parts.next(), parts.next()) {
        (Some("true"), None, None) => Token::Literal(Value::Boolean(true)),
        (Some("false"), None, None) => Token::Literal(Value::Boolean(false)),
        (Some("in"), None, None) => Token::In,
        (Some("present"), None, None) => Token::Present,
        (Some("r"), Some("sub"), Some(name)) => Token::Path(Owner::Subject, name),
        (Some("r"), Some("obj"), Some(name)) => Token::Path(Owner::Object, name),
        (Some("r"), Some("ctx"), Some(name)) => Token::Path(Owner::Context, name),
        (Some(word), after, _) => {
            let message = match (word, after) {
                ("and" | "or" | "not", None) => {
                    let symbol = [("and", "&&"), ("or", "||"), ("not", "!")];
                    let symbol = symbol.iter().find(|(name, _)| *name == word).map_or("", |(_, symbol)| symbol);
                    format!("`{word}` is written `{symbol}`")
                }
                ("r", Some(_)) => {
                    format!("`{text}` is not a term; write `r.sub.NAME`, `r.obj.COLUMN` or `r.ctx.NAME`")
                }
                ("p", Some(_)) => {
                    format!(
                        "`{text}` is not a term: `p` is the line itself; write `r.sub.NAME`, `r.obj.COLUMN` or `r.ctx.NAME`"
                    )
                }
                ("sub" | "obj" | "ctx", Some(_)) => format!("`{text}` is not a term; did you mean `r.{text}`?"),
                _ if rest[length..].trim_start().starts_with('(') => {
                    format!("`{text}` is not known here; nothing is called in a condition but `present(…)`")
                }
                ("like" | "LIKE" | "matches" | "contains", None) => {
                    format!(
                        "there is no `{word}`; a condition compares whole values, with `==`, `!=`, `<`, `<=`, `>`, `>=` and `in`"
                    )
                }
                (word, None) if matches!(word.to_lowercase().as_str(), "true" | "false" | "in" | "present") => {
                    format!("`{word}` is written in small letters, `{}`", word.to_lowercase())
                }
                _ => format!("`{text}` is not a term; text stands in double quotes, as in `\"{text}\"`"),
            };
            return Err(Flaw::new(at, message));
        }
        (None, _, _) => return Err(Flaw::new(at, "a term is missing here")),
    };
    Ok((token, length))
}
