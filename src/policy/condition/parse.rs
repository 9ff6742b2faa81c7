//! Tokens to a tree: the grammar, one function per rule.

use super::token::{Owner, Placed, Token, tokens};
use super::{MAX_DEPTH, Tree};
use crate::model::Value;
use crate::policy::finding::Flaw;

/// What is said where values stand in parentheses.
pub(in crate::policy) const ONE_BY_ONE: &str =
    "`in` takes a list of `r.sub`; write values one by one, as in `r.obj.x == \"a\" || r.obj.x == \"b\"`";

/// What a term is called, before it is known what that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word<'a> {
    Literal(Value),
    Path(Owner, &'a str),
}

/// A term and the byte where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) at: usize,
    pub(super) word: Word<'a>,
}

/// Parses a condition.
pub(super) fn parse(text: &str) -> Result<Tree<Named<'_>>, Flaw> {
    let tokens = tokens(text)?;
    match tokens.as_slice() {
        [] => return Err(Flaw::new(0, "the condition is empty; write `true` for always")),
        [(_, Token::Literal(Value::Boolean(true)))] => return Ok(Tree::Always),
        [(_, Token::Literal(Value::Boolean(false)))] => {
            return Err(Flaw::new(0, "`false` never holds; remove the line"));
        }
        _ => {}
    }
    let mut parser = Parser { tokens: &tokens, next: 0, end: text.len() };
    let tree = parser.disjunction(0)?;
    match parser.tokens.get(parser.next) {
        None => Ok(tree),
        Some((at, Token::Close)) => Err(Flaw::new(*at, "this `)` has no `(`")),
        Some((at, token)) => {
            let message = format!("{} stands where `&&`, `||` or the end is expected", token.describe());
            Err(Flaw::new(*at, message))
        }
    }
}

struct Parser<'a, 't> {
    tokens: &'t [Placed<'a>],
    next: usize,
    end: usize,
}

impl<'a> Parser<'a, '_> {
    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn accept(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek() == Some(token);
        self.next += usize::from(found);
        found
    }

    fn expected(&self, what: &str) -> Flaw {
        let message = match self.peek() {
            Some(token) => format!("{} stands where {what} is expected", token.describe()),
            None => format!("the condition ends where {what} is expected"),
        };
        Flaw::new(self.at(), message)
    }

    fn disjunction(&mut self, depth: usize) -> Result<Tree<Named<'a>>, Flaw> {
        let first = self.conjunction(depth)?;
        let mut parts = vec![first];
        while self.accept(&Token::Or) {
            parts.push(self.conjunction(depth)?);
        }
        Ok(single(parts, Tree::Any))
    }

    fn conjunction(&mut self, depth: usize) -> Result<Tree<Named<'a>>, Flaw> {
        let first = self.unit(depth)?;
        let mut parts = vec![first];
        while self.accept(&Token::And) {
            parts.push(self.unit(depth)?);
        }
        Ok(single(parts, Tree::All))
    }

    fn unit(&mut self, depth: usize) -> Result<Tree<Named<'a>>, Flaw> {
        if depth >= MAX_DEPTH {
            let message = format!("the condition is nested more than {MAX_DEPTH} deep; split it into several lines");
            return Err(Flaw::new(self.at(), message));
        }
        if self.accept(&Token::Open) {
            let inner = self.disjunction(depth + 1)?;
            return self.close(inner);
        }
        if self.accept(&Token::Not) {
            if !self.accept(&Token::Open) {
                return Err(self.expected("`(` after `!`"));
            }
            let inner = self.disjunction(depth + 1)?;
            return self.close(Tree::Not(Box::new(inner)));
        }
        if self.accept(&Token::Present) {
            if !self.accept(&Token::Open) {
                return Err(self.expected("`(` after `present`"));
            }
            let term = self.term()?;
            return self.close(Tree::Present(term));
        }
        self.comparison()
    }

    fn close(&mut self, tree: Tree<Named<'a>>) -> Result<Tree<Named<'a>>, Flaw> {
        if self.accept(&Token::Close) { Ok(tree) } else { Err(self.expected("`)`")) }
    }

    fn comparison(&mut self) -> Result<Tree<Named<'a>>, Flaw> {
        let left = self.term()?;
        if self.accept(&Token::In) {
            if self.peek() == Some(&Token::Open) {
                return Err(Flaw::new(self.at(), ONE_BY_ONE));
            }
            return Ok(Tree::In { item: left, list: self.term()? });
        }
        let Some(Token::Operator(operator)) = self.peek() else {
            return Err(self.expected("a comparison (`==`, `!=`, `<`, `<=`, `>`, `>=`, `in`)"));
        };
        let operator = *operator;
        self.next += 1;
        Ok(Tree::Compare { left, operator, right: self.term()? })
    }

    fn term(&mut self) -> Result<Named<'a>, Flaw> {
        let word = match self.peek() {
            Some(Token::Literal(value)) => Word::Literal(value.clone()),
            Some(Token::Path(owner, name)) => Word::Path(*owner, name),
            Some(_) | None => {
                return Err(self.expected("a term (`r.sub.NAME`, `r.obj.COLUMN`, \"text\", a number)"));
            }
        };
        let term = Named { at: self.at(), word };
        self.next += 1;
        Ok(term)
    }
}

fn single<T>(mut parts: Vec<Tree<T>>, join: impl FnOnce(Box<[Tree<T>]>) -> Tree<T>) -> Tree<T> {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            join(parts.into_boxed_slice())
        }
    }
}
