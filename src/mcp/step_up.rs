//! Whether the scope alone is missing: asked by the http layer before dispatch, so that it can answer 403
//! `insufficient_scope` and the client can step up.
//!
//! What the policy hides is not revealed by it, and a token with the scope never gets here.

use super::rows::read_by;
use super::subscriptions::{LISTEN, SUBSCRIBE};
use super::tools::Tool;
use super::{Mcp, completion, prompts};
use crate::authn::Principal;
use crate::authz::{Action, ChangeRows, ReadRows, Refusal, Use};
use crate::catalog::Operation;
use crate::dataset::address;
use crate::model::Scope;
use crate::policy::Object;
use crate::store::audit::Ending;

/// The scope that a request would need and the token lacks, for the step-up challenge (RFC 6750, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepUp(pub Scope);

/// Reads a resource.
const READ: &str = "resources/read";

/// The method that the record of a refusal names: the one that was asked for.
fn recorded(method: &str) -> &'static str {
    [SUBSCRIBE, LISTEN].into_iter().find(|known| *known == method).unwrap_or(READ)
}

impl Mcp {
    /// Says whether the scope alone is missing for a method and what it names: a tool, a prompt, the URI or the template of a
    /// resource.
    ///
    /// # Errors
    ///
    /// When the decision cannot be recorded.
    pub async fn step_up(
        &self,
        principal: &Principal,
        request: &str,
        method: &str,
        name: Option<&str>,
    ) -> Result<Option<StepUp>, Refusal> {
        let scopes = &principal.proof().scopes;
        if scopes.contains(Scope::Read) && scopes.contains(Scope::Write) {
            return Ok(None);
        }
        let refusal = match (method, name) {
            ("tools/call", Some(name)) => match self.tools.get(name).map(|entry| (&entry.tool, &entry.name)) {
                Some((Tool::BuiltIn(_), tool)) => {
                    self.scope_refusal(principal, request, Use(Object::Tool(tool.clone()))).await
                }
                Some((Tool::Rows { declared, .. }, tool)) => {
                    let dataset = declared.dataset().name.clone();
                    let action = ReadRows { dataset, tool: tool.clone(), method: None };
                    self.scope_refusal(principal, request, action).await
                }
                Some((Tool::Changes { declared, change, .. }, tool)) => {
                    let (dataset, change) = (declared.dataset().name.clone(), *change);
                    self.scope_refusal(principal, request, ChangeRows { dataset, tool: tool.clone(), change }).await
                }
                None => None,
            },
            (READ | SUBSCRIBE | LISTEN, Some(uri)) => match self.parts.catalog.resources.get(uri) {
                Some(uri) => self.scope_refusal(principal, request, Use(Object::Resource(uri.clone()))).await,
                None => match address::read(uri, &self.parts.catalog) {
                    Some((dataset, _)) => match read_by(dataset, Operation::Get, recorded(method)) {
                        Some(action) => self.scope_refusal(principal, request, action).await,
                        None => None,
                    },
                    None => None,
                },
            },
            (prompts::METHOD | completion::METHOD, Some(name)) if self.parts.catalog.prompts.contains_key(name) => {
                match self.parts.catalog.prompts.get(name) {
                    Some(prompt) => {
                        self.scope_refusal(principal, request, Use(Object::Prompt(prompt.name.clone()))).await
                    }
                    None => None,
                }
            }
            (completion::METHOD, Some(template)) => {
                let action = self
                    .of_template(template)
                    .and_then(|dataset| read_by(dataset, Operation::List, completion::METHOD));
                match action {
                    Some(action) => self.scope_refusal(principal, request, action).await,
                    None => None,
                }
            }
            _ => None,
        };
        match refusal {
            Some(Refusal::Scope(needed, _)) => Ok(Some(StepUp(needed))),
            None | Some(Refusal::Denied(_)) => Ok(None),
            Some(refusal @ (Refusal::Audit(_) | Refusal::Random(_))) => Err(refusal),
        }
    }

    /// The recorded refusal of a token without the scope. What the policy denies is left to dispatch, so that one call is
    /// one record.
    async fn scope_refusal<A: Action>(&self, principal: &Principal, request: &str, action: A) -> Option<Refusal> {
        let lacks = A::NEEDS.is_some_and(|needed| !principal.proof().scopes.contains(needed));
        if !lacks || !self.parts.gate.would_allow(principal, &action) {
            return None;
        }
        self.parts.gate.authorize(principal, (request, &Ending::default()), action).await.err()
    }
}
