//! A sign-in while the server is busy, which no request from outside can hold still.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::poll;
use poem::{Request, Response};
use tempfile::TempDir;

use super::throttle::Throttle;
use super::{Oauth, sign_in};
use crate::clock::Clock;
use crate::config;
use crate::http::pages::Frame;
use crate::keys::own::OwnKeys;
use crate::model::oauth::{LoginSessionId, Password, RequestHandle, SessionSecret};
use crate::model::{Scope, Scopes};
use crate::oauth::{AuthorizationServer, Documents, Parts, Site};
use crate::outbound::Authorities;
use crate::passwords::{PasswordError, Passwords};
use crate::random::OsRandom;
use crate::store::audit::{AuditLog, Holder, Writer};
use crate::store::state::{AuthorizationRequest, Client, StateStore, fixture};
use crate::test_support::clock::ManualClock;

const HOUR: Duration = Duration::from_hours(1);
const PASSWORD: &str = "correct horse battery";

/// The endpoints, with one request that waits in one browser, and room for one record in the audit trail.
struct World {
    _directory: TempDir,
    _writer: Writer,
    oauth: Arc<Oauth>,
    clock: Arc<ManualClock>,
    secret: SessionSecret,
    handle: RequestHandle,
}

async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let now = clock.now();
    let store = StateStore::open(&directory.path().join("state.db"), now).await.unwrap();
    let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
    let client = Client { scopes: Scopes::from_iter([Scope::Read]), ..fixture::client("app", now) };
    store.create_client(&client, now).await.unwrap();
    let account = fixture::account("ada", now);
    let hash = passwords.hash(Password::new(PASSWORD.to_owned())).await.unwrap();
    store.create_account(&account, &hash, now).await.unwrap();
    let (session, secret) = (LoginSessionId::from_random([3; 16]), SessionSecret::from_random([3; 32]));
    store.open_session(&session, &secret, now.plus(HOUR), now).await.unwrap();
    let request = AuthorizationRequest {
        client: client.id.clone(),
        redirect_uri: client.redirect_uris[0].clone(),
        redirect_uri_sent: true,
        resource: "http://127.0.0.1:8080/mcp".to_owned(),
        scopes: client.scopes.clone(),
        state: None,
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().unwrap(),
    };
    let handle = RequestHandle::from_random([4; 32]);
    store.open_request(&handle, &session, &request, now.plus(HOUR), now).await.unwrap();

    let audit = config::Audit {
        path: directory.path().join("audit.db"),
        durability: config::Durability::Process,
        queue: 1,
        keep: Duration::ZERO,
        max_bytes: 0,
    };
    let (audit, writer) = AuditLog::open(&audit, clock.clone()).await.unwrap();
    let settings = config::fixture::server("http://127.0.0.1:8080");
    let server = AuthorizationServer::new(Parts {
        providers: Vec::new(),
        site: Site::new(&settings.public_url),
        settings: Arc::new(config::fixture::oauth()),
        tenants: BTreeSet::from([account.tenant]),
        store: store.clone(),
        keys: OwnKeys::open(&settings, Vec::new(), store, clock.clone(), Arc::new(OsRandom)).await.unwrap(),
        documents: Documents::new(&Authorities::default(), &(clock.clone() as Arc<dyn Clock>)).unwrap(),
        passwords,
        clock: clock.clone(),
        random: Arc::new(OsRandom),
    });
    let throttle = Throttle::new(&server.clock);
    let oauth = Arc::new(Oauth { server, frame: Frame::new(&settings.public_url), throttle, audit });
    World { _directory: directory, _writer: writer, oauth, clock, secret, handle }
}

impl World {
    async fn sign_in(&self, password: &str) -> Response {
        let csrf = self.secret.csrf_token(&format!("sign-in {}", self.handle.expose()));
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("request", self.handle.expose())
            .append_pair("csrf", csrf.expose())
            .append_pair("account", "ada")
            .append_pair("password", password)
            .finish();
        let request = Request::builder()
            .header("cookie", format!("bailiwick-dev={}", self.secret.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        sign_in::post(Arc::clone(&self.oauth), request).await
    }

    async fn is_signed_in(&self) -> bool {
        self.oauth.server.store.session(&self.secret, self.clock.now()).await.unwrap().is_none()
    }
}

async fn text(response: Response) -> String {
    response.into_body().into_string().await.unwrap()
}

#[tokio::test]
async fn whoever_waits_for_a_comparison_takes_nothing_from_others_and_not_without_an_end() {
    let world = world().await;
    let passwords = &world.oauth.server.passwords;
    let mut waiting = Vec::new();
    loop {
        // Whoever has a place, or is given one later, and is not asked again keeps it.
        let mut next = Box::pin(passwords.verify(Password::new("guess".to_owned()), None));
        match poll!(&mut next) {
            std::task::Poll::Pending => waiting.push(next),
            std::task::Poll::Ready(Err(PasswordError::Busy)) => break,
            std::task::Poll::Ready(other) => panic!("{other:?}"),
        }
        assert!(waiting.len() < 100, "{} wait", waiting.len());
    }
    // Somebody else has the only place of the audit trail, and would keep it for as long.
    let place = world.oauth.audit.reserve(Holder::Ourselves).unwrap();
    let busy = world.sign_in(PASSWORD).await;
    assert_eq!((busy.status().as_u16(), busy.header("retry-after")), (503, Some("3")));
    let page = text(busy).await;
    assert!(page.contains("Too many people are signing in") && page.contains("action=\"/sign-in\""), "{page}");
    drop((waiting, place));
    assert_eq!(world.oauth.audit.status().waiting, 0);
}

#[tokio::test]
async fn nobody_is_signed_in_whose_sign_in_could_not_be_recorded() {
    let world = world().await;
    let place = world.oauth.audit.reserve(Holder::Ourselves).unwrap();
    for password in [PASSWORD, "another password"] {
        let refused = world.sign_in(password).await;
        assert_eq!((refused.status().as_u16(), refused.header("retry-after")), (503, Some("2")));
        assert!(!world.is_signed_in().await);
    }
    drop(place);
}
