//! The only reader of files and of the environment: `bailiwick.toml`, `.env`, variables and options in, [`Settings`] out.

mod settings;

pub use settings::{
    ActorRule, Audit, Claims, ContextHeaders, Database, Durability, Issuer, KeyLimits, KeySource, Log,
    LogFormat, Policy, RoleClaim, RoleShape, Server, Settings, TokenType,
};
