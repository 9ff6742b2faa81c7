mod clients;
mod grants;
mod keys;
mod people;
mod refresh;

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::model::oauth::{
    AuthMethod, AuthorizationCode, ClientOrigin, GrantId, Login, LoginSessionId, RedirectUri, RefreshToken,
    RequestHandle, SessionSecret,
};
use crate::model::{ClientId, Scope, Scopes};

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const REDIRECT: &str = "https://app.example/callback";

/// A state file with one client and one account.
pub(super) struct World {
    _directory: TempDir,
    pub(super) file: PathBuf,
    pub(super) store: StateStore,
    pub(super) client: Client,
    pub(super) account: Account,
    counter: std::sync::atomic::AtomicU8,
}

pub(super) fn client(id: &str) -> Client {
    fixture::client(id, NOW)
}

pub(super) fn account(login: &str) -> Account {
    fixture::account(login, NOW)
}

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(text.to_owned())
}

pub(super) async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    let store = StateStore::open(&file, NOW).await.unwrap();
    let (client, account) = (client("app"), account("ada@acme.example"));
    store.create_client(&client, NOW).await.unwrap();
    store.create_account(&account, &hash("$argon2id$"), NOW).await.unwrap();
    World { _directory: directory, file, store, client, account, counter: 0.into() }
}

impl World {
    pub(super) fn unique(&self) -> u8 {
        self.counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    /// Closes the file and opens it anew, as another process would.
    pub(super) async fn another(&self) -> StateStore {
        StateStore::open(&self.file, NOW).await.unwrap()
    }

    pub(super) fn request(&self) -> AuthorizationRequest {
        AuthorizationRequest {
            client: self.client.id.clone(),
            redirect_uri: REDIRECT.parse().unwrap(),
            redirect_uri_sent: true,
            resource: "https://mcp.example/mcp".to_owned(),
            scopes: [Scope::Read].into_iter().collect(),
            state: Some("st\"ate ü".to_owned()),
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().unwrap(),
        }
    }

    /// A browser in which the account is signed in.
    pub(super) async fn signed_in(&self) -> LoginSession {
        let n = self.unique();
        let (old, new) = (SessionSecret::from_random([n; 32]), SessionSecret::from_random([n ^ 0x80; 32]));
        let id = LoginSessionId::from_random([n; 16]);
        self.store.open_session(&id, &old, NOW.plus(HOUR), NOW).await.unwrap();
        match self.store.sign_in(&old, &new, &self.account, NOW.plus(HOUR), NOW).await.unwrap() {
            SignedIn::Done(session) => session,
            other @ (SignedIn::AccountChanged | SignedIn::NoSession) => panic!("{other:?}"),
        }
    }

    /// A request that waits in that browser.
    pub(super) async fn waiting(&self, session: &LoginSession) -> RequestHandle {
        let handle = RequestHandle::from_random([self.unique(); 32]);
        self.store.open_request(&handle, &session.id, &self.request(), NOW.plus(10 * MINUTE), NOW).await.unwrap();
        handle
    }

    /// A grant whose code can be spent for a minute.
    pub(super) async fn consented(&self) -> (Grant, AuthorizationCode) {
        let session = self.signed_in().await;
        let handle = self.waiting(&session).await;
        let n = self.unique();
        let (id, code) = (GrantId::from_random([n; 16]), AuthorizationCode::from_random([n; 32]));
        let consent = self.yes(&id, &code);
        let (_, grant) = self.store.consent(&handle, &session.id, &consent, NOW).await.unwrap().unwrap();
        (grant, code)
    }

    pub(super) fn yes<'a>(&'a self, grant: &'a GrantId, code: &'a AuthorizationCode) -> Consent<'a> {
        Consent {
            grant,
            account: &self.account.id,
            scopes: Scope::ALL.into_iter().collect(),
            expires: NOW.plus(30 * 24 * HOUR),
            code,
            counts_for: None,
            code_expires: NOW.plus(MINUTE),
        }
    }

    /// A grant with its first refresh token.
    pub(super) async fn exchanged(&self) -> (Grant, RefreshToken) {
        let (grant, code) = self.consented().await;
        let token = RefreshToken::from_random([self.unique(); 32]);
        let refresh = NewRefresh { token: &token, expires: NOW.plus(14 * 24 * HOUR) };
        assert_eq!(self.store.redeem_code(&code, Some(refresh), NOW).await.unwrap(), Redemption::Done);
        (grant, token)
    }
}

#[tokio::test]
async fn everything_is_there_after_the_file_was_opened_anew() {
    let world = world().await;
    let (grant, token) = world.exchanged().await;
    let store = world.another().await;
    assert_eq!(store.client(&world.client.id).await.unwrap().unwrap().redirect_uris, world.client.redirect_uris);
    assert_eq!(store.account(&world.account.id).await.unwrap().unwrap(), world.account);
    let refresh = store.refresh(&token).await.unwrap().unwrap();
    assert_eq!(refresh.grant.terms, grant.terms);
    assert_eq!(refresh.generation, 1);
}

#[tokio::test]
async fn no_secret_is_in_the_file() {
    let world = world().await;
    let (_, code) = world.consented().await;
    let (_, token) = world.exchanged().await;
    let rotation = world.store.rotate_refresh(&token, &[9; 32], NOW.plus(HOUR), NOW).await.unwrap();
    let Rotation::Rotated(Successor { token: next, .. }) = rotation else { panic!("{rotation:?}") };
    let session = SessionSecret::from_random([0x80; 32]);
    let mut bytes = std::fs::read(&world.file).unwrap();
    bytes.extend(std::fs::read(world.file.with_extension("db-wal")).unwrap());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&token.hash().as_text()), "the search finds what is there");
    for secret in [code.expose(), token.expose(), next.expose(), session.expose()] {
        assert!(!holds(secret) && !holds(&secret[7..50]));
    }
}

#[tokio::test]
async fn a_transition_that_fails_in_the_middle_leaves_everything_usable() {
    let world = world().await;
    let (_, code) = world.consented().await;
    let (_, token) = world.exchanged().await;
    let mut other = sqlx::sqlite::SqliteConnectOptions::new().filename(&world.file);
    other = sqlx::ConnectOptions::disable_statement_logging(other);
    let mut vandal = sqlx::ConnectOptions::connect(&other).await.unwrap();
    sqlx::raw_sql(
        "CREATE TRIGGER full BEFORE INSERT ON refresh_tokens BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    .execute(&mut vandal)
    .await
    .unwrap();
    let refresh = RefreshToken::from_random([200; 32]);
    let first = || Some(NewRefresh { token: &refresh, expires: NOW.plus(HOUR) });
    assert!(matches!(world.store.redeem_code(&code, first(), NOW).await, Err(StateError::Write(_))));
    assert!(matches!(
        world.store.rotate_refresh(&token, &[1; 32], NOW.plus(HOUR), NOW).await,
        Err(StateError::Write(_))
    ));
    assert_eq!(world.store.code(&code).await.unwrap().unwrap().spent, None);
    assert_eq!(world.store.refresh(&token).await.unwrap().unwrap().spent, None);
    sqlx::raw_sql("DROP TRIGGER full").execute(&mut vandal).await.unwrap();
    assert_eq!(world.store.redeem_code(&code, first(), NOW).await.unwrap(), Redemption::Done);
    let rotation = world.store.rotate_refresh(&token, &[1; 32], NOW.plus(HOUR), NOW).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)));
}

#[tokio::test]
async fn a_transition_that_nobody_waits_for_any_more_is_whole_or_not_at_all() {
    let world = world().await;
    for patience in 0..30 {
        let (_, code) = world.consented().await;
        let refresh = RefreshToken::from_random([world.unique(); 32]);
        let first = Some(NewRefresh { token: &refresh, expires: NOW.plus(HOUR) });
        let attempt = world.store.redeem_code(&code, first, NOW);
        // The future is dropped wherever it is then.
        drop(tokio::time::timeout(Duration::from_micros(patience * 40), attempt).await);
        // What the connection was told goes on without us; the next transition waits for its end.
        let again = world.store.redeem_code(&code, None, NOW).await.unwrap();
        assert!(matches!(again, Redemption::Done | Redemption::Spent { at: NOW }), "{again:?}");
        let refreshable = world.store.refresh(&refresh).await.unwrap().is_some();
        assert_eq!(refreshable, again != Redemption::Done, "spent without a token, or a token without being spent");
    }
}

fn scopes(scopes: &[Scope]) -> Scopes {
    scopes.iter().copied().collect()
}
