//! Settings for tests of what reads a few of them.

use std::time::Duration;

use super::{ClientDocuments, HostRule, Oauth, Registration, Server, TokenFormat};

const HOUR: Duration = Duration::from_hours(1);

/// A server at this public URL.
pub(crate) fn server(public_url: &str) -> Server {
    Server {
        listen: "127.0.0.1:8080".parse().unwrap(),
        public_url: public_url.parse().unwrap(),
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        body_limit: 0,
        header_timeout: HOUR,
        body_timeout: HOUR,
        write_timeout: HOUR,
        request_timeout: HOUR,
        shutdown_grace: HOUR,
        connections: 1,
        connections_per_address: 0,
        requests_per_person: 1,
        sessions_per_person: 1,
        session_lifetime: std::time::Duration::from_hours(1),
        session_idle: std::time::Duration::from_mins(5),
        handle_key: None,
    }
}

/// An authorization server where everything lasts an hour, and no client makes itself known.
pub(crate) fn oauth() -> Oauth {
    Oauth {
        access_token: HOUR,
        access_token_format: TokenFormat::Jwt,
        refresh_idle: HOUR,
        refresh_absolute: HOUR,
        refresh_grace: HOUR,
        code: HOUR,
        sign_in: HOUR,
        registration: Registration::Off,
        registration_cap: 0,
        registration_unused: HOUR,
        client_documents: ClientDocuments { rule: HostRule::None, hosts: Vec::new() },
        private_schemes: Vec::new(),
        trusted_proxies: Vec::new(),
    }
}
