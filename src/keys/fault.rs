//! Why a token is refused: one closed list of reasons, and the recorder through which every check of a token goes, so that
//! what `bailiwick token inspect` explains is what the server enforces.

use std::fmt::{Debug, Display};

use crate::model::is_invisible;

/// How many characters of what arrived are shown.
const MAX_SHOWN: usize = 300;

macro_rules! reasons {
    ($($reason:ident $code:literal $what:literal $right:literal)*) => {
        /// What a check of a token looks at, in the order of the checks. A closed list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $(#[doc = $what] $reason,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$reason,)*];

            /// The stable word for logs and metrics.
            pub fn code(self) -> &'static str {
                match self { $(Self::$reason => $code,)* }
            }

            /// What the check looks at.
            pub fn what(self) -> &'static str {
                match self { $(Self::$reason => $what,)* }
            }

            /// What would be right, where no setting says it better.
            fn right(self) -> &'static str {
                match self { $(Self::$reason => $right,)* }
            }
        }
    };
}

reasons! {
    Size "token_too_large" "size of the token" "at most `max_token_bytes` of the issuer"
    ApiKey "api_key" "kind of credential" "a JWT, not an API key (`sk-kb-…`)"
    Encrypted "token_encrypted" "kind of JWT" "a signed JWT (3 parts), not an encrypted one (5 parts)"
    Opaque "token_opaque" "form of the token" "a JWT, which has 3 parts, and no opaque token"
    Base64 "base64" "base64url of the parts" "canonical base64url without padding"
    Header "header_malformed" "header" "a JSON object with each member once, in UTF-8, at most 64 deep"
    Payload "payload_malformed" "payload" "a JSON object with each member once, in UTF-8, at most 64 deep"
    Critical "header_crit" "extensions (`crit`)" "none, as no extension is known here"
    Parameter "header_parameter" "header parameters" "none that names a key or changes what is signed"
    KeyId "kid_malformed" "form of the key id" "1 to 256 printable ASCII characters, or absent"
    Issuer "issuer_unknown" "issuer (`iss`)" "a trusted `[[issuer]]`"
    Type "type_refused" "type (`typ`)" "a type of access token"
    Algorithm "algorithm_refused" "algorithm (`alg`)" "an algorithm of the issuer"
    UnknownKey "key_unknown" "key id (`kid`)" "a published key of the issuer"
    KeyAlgorithm "key_algorithm" "algorithm of the key" "the algorithm that the key is for"
    KeyAmbiguous "key_ambiguous" "key, without a key id" "exactly one published key that fits the algorithm"
    Signature "signature_invalid" "signature" "the key's own"
    Time "time_malformed" "form of a time" "a number of seconds since 1970"
    Expired "expired" "expiry (`exp`)" "in the future"
    Future "issued_in_future" "time of issue (`iat`)" "in the past"
    TooOld "too_old" "age since `iat`" "at most `max_age` of the issuer"
    NotYet "not_yet_valid" "begin (`nbf`)" "in the past"
    Audience "audience" "audience (`aud`)" "one of `audiences` of the issuer"
    Subject "subject" "subject (`sub`)" "a text of 1 to 256 visible characters"
    Bound "sender_constrained" "binding to a key (`cnf`)" "absent: only bearer tokens are accepted"
    Use "token_use" "what the token is for" "an access token"
    Forbidden "claim_forbidden" "a claim of `absent`" "absent: an access token does not have it"
    Required "claim_missing" "a claim of `required`" "present"
    Unequal "claims_differ" "claims of `equal`" "the same value"
    Client "client_refused" "client (`client_id`, `azp`)" "one of `clients` of the issuer"
    Actor "actor_refused" "actor (`act`)" "an actor that the issuer's rule accepts"
    Scope "scope_malformed" "scopes" "a text or a list of texts"
    Organisation "organisation_malformed" "organisation" "a text of 1 to 256 visible characters"
    ExternalUser "external_user_malformed" "external user" "a whole number, or a text of 1 to 256 visible characters"
    Grant "grant_malformed" "grant" "the claims that our own tokens have"
    Provider "provider_unknown" "provider where the person signed in" "the `[[issuer]]` of a `[[sign_in]]`"
    Withdrawn "withdrawn" "what was withdrawn" "none: grant, client and account are good"
    Roles "roles_malformed" "roles" "roles of the declared shape, of 1 to 256 visible characters each"
}

/// Why a token is refused. Never contains the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is {arrived}; {expected} is expected", self.reason.what())]
pub struct TokenFault {
    /// What the check that failed looks at.
    pub reason: Reason,
    /// What arrived, escaped and cut to a length for a log line.
    pub arrived: String,
    /// What would have been right.
    pub expected: String,
}

impl TokenFault {
    /// The stable word for logs and metrics.
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }

    fn new(reason: Reason, arrived: &dyn Display, expected: Option<&dyn Debug>) -> Self {
        let arrived = arrived.to_string().chars().take(MAX_SHOWN).flat_map(visible).collect();
        let expected = expected.map_or_else(|| reason.right().to_owned(), |expected| format!("{expected:?}"));
        Self { reason, arrived, expected }
    }
}

/// A character as a log line can hold it.
fn visible(c: char) -> impl Iterator<Item = char> {
    let plain = !is_invisible(c);
    plain.then_some(c).into_iter().chain((!plain).then(|| c.escape_unicode()).into_iter().flatten())
}

/// One check, as `bailiwick token inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What the check looks at.
    pub name: &'static str,
    /// What arrived.
    pub arrived: String,
    /// What is expected.
    pub expected: String,
    /// Whether the check passed.
    pub ok: bool,
}

/// Every check of a token goes through here. Records steps only when asked to; otherwise a check that passes makes no text.
#[derive(Debug, Default)]
pub struct Trace {
    steps: Option<Vec<Step>>,
    /// Whether a check that fails is gone on after, until all are made.
    gathering: bool,
    /// The first of those that failed.
    first: Option<TokenFault>,
}

impl Trace {
    /// A trace that records every step.
    pub fn recording() -> Self {
        Self { steps: Some(Vec::new()), ..Self::default() }
    }

    /// Says whether steps are recorded.
    pub fn records(&self) -> bool {
        self.steps.is_some()
    }

    /// The steps so far.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps.unwrap_or_default()
    }

    /// Makes these checks to the last where steps are recorded, though one of them fails, so that a reader is shown everything
    /// that is wrong at once. What comes of it is the same either way: the first fault, or what the checks gave. A value that
    /// is not there still ends them.
    pub fn all<T>(&mut self, checks: impl FnOnce(&mut Self) -> Result<T, TokenFault>) -> Result<T, TokenFault> {
        self.gathering = self.records();
        let outcome = checks(self);
        self.gathering = false;
        self.first.take().map_or(outcome, Err)
    }

    /// Goes on if the check passed.
    pub fn check(&mut self, reason: Reason, ok: bool, arrived: &dyn Display) -> Result<(), TokenFault> {
        self.step(reason, ok, arrived, None)
    }

    /// Goes on if the check passed; says what the settings expect.
    pub fn compare(
        &mut self,
        reason: Reason,
        ok: bool,
        arrived: &dyn Display,
        expected: &dyn Debug,
    ) -> Result<(), TokenFault> {
        self.step(reason, ok, arrived, Some(expected))
    }

    /// Goes on with the value if there is one; says what the settings expect, if they say it.
    pub fn require<T>(
        &mut self,
        reason: Reason,
        value: Option<T>,
        arrived: &dyn Display,
        expected: Option<&dyn Debug>,
    ) -> Result<T, TokenFault> {
        match value {
            Some(value) => self.step(reason, true, arrived, expected).map(|()| value),
            None => Err(self.record(TokenFault::new(reason, arrived, expected), false)),
        }
    }

    /// The fault of a check that failed.
    pub fn refuse(&mut self, reason: Reason, arrived: &dyn Display) -> TokenFault {
        self.record(TokenFault::new(reason, arrived, None), false)
    }

    fn step(
        &mut self,
        reason: Reason,
        ok: bool,
        arrived: &dyn Display,
        expected: Option<&dyn Debug>,
    ) -> Result<(), TokenFault> {
        if ok && !self.records() {
            return Ok(());
        }
        let fault = self.record(TokenFault::new(reason, arrived, expected), ok);
        match (ok, self.gathering) {
            (true, _) => Ok(()),
            (false, false) => Err(fault),
            (false, true) => {
                self.first.get_or_insert(fault);
                Ok(())
            }
        }
    }

    fn record(&mut self, fault: TokenFault, ok: bool) -> TokenFault {
        if let Some(steps) = &mut self.steps {
            let (arrived, expected) = (fault.arrived.clone(), fault.expected.clone());
            steps.push(Step { name: fault.reason.what(), arrived, expected, ok });
        }
        fault
    }
}
