//! The only reader of the environment, and of what configures: `bailiwick.toml`, `.env`, variables and options in, [`Settings`]
//! out.
//!
//! Five layers are laid over each other as trees whose every value knows where it was written; then one pass reads the
//! result into [`Settings`] and [`Declarations`]. So a value is checked in one place whatever layer it came from, a message
//! can name that place, and `bailiwick config check` can show it. Every problem of a configuration is reported at once.
//!
//! Two things must never happen here: a key that nobody understands is passed over, and a setting that is left out permits
//! something. `defaults.toml` says of each key what leaving it out does.

mod client_documents;
mod context;
mod declaration;
mod document;
#[cfg(test)]
pub(crate) mod fixture;
mod guide;
mod issuer;
mod layers;
mod oauth;
mod origin;
mod preset;
mod problem;
mod prompt;
mod quantity;
mod reading;
mod section;
mod server;
mod settings;
mod sign_in;
mod storage;
#[cfg(test)]
mod tests;
mod trusted;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

pub use declaration::{
    ColumnDeclaration, DatasetDeclaration, Declarations, ResourceDeclaration, ResourceWord, SearchDeclaration,
    TenantDeclaration, TenantWord, WithinDeclaration,
};
pub use origin::{At, Origin};
pub use preset::PRESETS;
pub use problem::{BadSetting, ConfigErrors, Problem};
pub use prompt::{BodyDeclaration, MessageDeclaration, PromptArgumentDeclaration, PromptDeclaration};
pub use reading::{InForce, Warning};
pub use settings::{
    ActorRule, Audit, Authorities, Claims, ClientDocuments, ClientHost, ContextHeaders, Database, Durability, HostRule,
    Issuer, KeyLimits, KeySource, Log, LogFormat, McpOffer, Oauth, OauthClient, Policy, Registration, RoleClaim,
    RoleShape, Server, Settings, State, TokenFormat, TokenType, TokenUse,
};

pub use sign_in::SignIn;

use layers::Layers;
use reading::Reading;
use section::Section;

use crate::model::Name;

/// The documentation of every setting, which is also the lowest layer.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// The configuration file where none is named.
pub const DEFAULT_FILE: &str = "bailiwick.toml";

/// The environment variable that names the configuration file where the command line does not.
pub const FILE_VARIABLE: &str = "BAILIWICK_CONFIG";

/// Where a configuration is read from.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// `--config`; left out, [`FILE_VARIABLE`], and then [`DEFAULT_FILE`].
    pub path: Option<PathBuf>,
    /// The other options of the command line.
    pub overrides: Overrides,
    /// The process's environment ([`process_environment`]).
    pub environment: Vec<(OsString, OsString)>,
    /// The directory that the configuration file's path is relative to.
    pub working_directory: PathBuf,
}

/// Options of the command line that are settings, as they were typed.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--address`
    pub address: Option<String>,
    /// `--port`
    pub port: Option<String>,
    /// `--log-level`
    pub log_level: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
}

/// A configuration that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The settings in force.
    pub settings: Settings,
    /// What `catalog::build` makes the catalog of.
    pub declarations: Declarations,
    /// Every setting in force with its origin; secrets are hidden.
    pub provenance: Vec<InForce>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// The environment of this process, once.
pub fn process_environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// Reads the configuration: every layer, every file that a layer names.
pub fn read(inputs: Inputs) -> Result<Loaded, ConfigErrors> {
    let Inputs { path, overrides, environment, working_directory } = inputs;
    let variable = environment.iter().find(|(name, value)| name == FILE_VARIABLE && !value.is_empty());
    let named = path.or_else(|| variable.map(|(_, value)| value.into()));
    let is_named = named.is_some();
    let shown = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let path = working_directory.join(&shown);
    let base = path.parent().unwrap_or(&working_directory).to_owned();
    let reading = Reading::new(base);

    let layers = Layers::read(&shown, &path, is_named, environment, &reading);
    let document = match layers.and_then(|layers| layers.flatten(overrides, &reading)) {
        Ok(document) => document,
        Err(problems) => return Err(ConfigErrors::new(problems)),
    };
    let origin = Origin::File(shown.display().to_string().into());
    let loopback = server::is_loopback(&document);
    let read = Section::root(&document, &origin, &reading, |root| everything(root, loopback));
    let ((settings, declarations), provenance, warnings) = reading.end(read)?;
    Ok(Loaded { settings, declarations, provenance, warnings })
}

/// Reads the document. Every section is read before any is missed, so that every problem is found.
fn everything(root: &mut Section<'_>, loopback: bool) -> Option<(Settings, Declarations)> {
    let server = root.table("server", server::server).flatten();
    let mcp = root.table("mcp", server::mcp).flatten();
    let log = root.table("log", server::log).flatten();
    let database = root.table("database", storage::database).flatten();
    let audit = root.table("audit", storage::audit).flatten();
    let policy = root.table("policy", storage::policy);
    let claims = root.pairs("claims");
    let authorities = root.table("outbound", server::outbound).flatten();
    let state = root.table("state", oauth::state).flatten();
    let oauth = root.table("oauth", |section| oauth::oauth(section, loopback)).flatten();
    // Where `[oauth]` itself is wrong, nothing else is blamed for it.
    let own = oauth.as_ref().is_none_or(|oauth| oauth.server.is_some());
    let user_token = root.table("modes", |section| server::modes(section, own)).flatten();
    let context = root.table("context", context::context).flatten();
    let names: Vec<Name> = claims.iter().filter_map(|(name, _)| name.value.parse().ok()).collect();
    let sign_ins = sign_in::written(root);
    let providers: Vec<&str> = sign_ins.iter().map(|written| written.issuer.value.as_str()).collect();
    let (issuers, of_issuers) =
        issuer::issuers(root, issuer::Around { claims: &names, providers: &providers, own, loopback });
    let tenants = declaration::tenants(root, own);
    let datasets = declaration::datasets(root);
    let prompts = prompt::prompts(root);
    root.not_yet("tool", "this version has the generated and the built-in tools; leave it out");
    if let Some(first) = datasets.first().filter(|_| !has_url(root)) {
        let hint = "a dataset is declared, so write `url = \"sqlite:<path>\"`".into();
        root.refuse(&first.origin, BadSetting::Missing { key: "database.url".to_owned(), hint });
    }

    for issuer in &issuers {
        let speaks =
            |tenant: &TenantDeclaration| tenant.issuer.as_ref().is_some_and(|at| at.value == issuer.name.as_str());
        if !tenants.iter().any(speaks) {
            root.reading().warn(Warning::NoTenant(issuer.name.to_string()));
        }
    }

    let sign_ins = sign_in::sign_ins(root, sign_ins, (&issuers, &of_issuers), own);

    let oauth = oauth?;
    let server = server?;
    issuer::check_own_name(root, &issuers);
    client_documents::check_tenants(root, &oauth.named, &tenants.iter().map(|tenant| tenant.name.value.as_str()));
    if oauth.server.is_some() {
        oauth::check_transport(root, &server);
        issuer::check_own_origin(root, &issuers, &server);
    }

    let (policy, lists) = policy?;
    let (context, trusted) = context?;
    let settings = Settings {
        server,
        mcp: mcp?,
        log: log?,
        database,
        audit: audit?,
        policy: policy?,
        user_token: user_token?,
        issuers,
        context,
        state: state?,
        oauth: oauth.server.map(Arc::new),
        oauth_client: oauth.client,
        sign_ins: sign_ins.into_iter().map(Arc::new).collect(),
        authorities,
    };
    Some((settings, Declarations { claims, lists, trusted, tenants, datasets, prompts }))
}

/// Says whether a database is written, be it well or badly.
fn has_url(root: &Section<'_>) -> bool {
    root.raw_table("database").is_some_and(|table| table.get("url").is_some())
}
