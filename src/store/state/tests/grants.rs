use super::*;

#[tokio::test]
async fn a_consent_makes_what_was_asked_for_and_no_more() {
    let world = world().await;
    let session = world.signed_in().await;
    let handle = world.waiting(&session).await;
    let (id, code) = (GrantId::from_random([1; 16]), AuthorizationCode::from_random([1; 32]));
    // The page says both scopes; the request asked for one.
    let (request, grant) =
        world.store.consent(&handle, &session.id, &world.yes(&id, &code), NOW).await.unwrap().unwrap();
    assert_eq!(request, world.request());
    assert_eq!(grant.terms.scopes, scopes(&[Scope::Read]));
    assert_eq!(grant.terms.tenant.as_str(), "acme");
    assert_eq!(grant.terms.external_user, world.account.external_user);
    assert_eq!(grant.terms.client, world.client.id);
    assert_eq!(world.store.grant(&id).await.unwrap().unwrap(), grant);
    let stored = world.store.code(&code).await.unwrap().unwrap();
    assert_eq!((stored.grant.id, stored.spent, stored.challenge), (id, None, world.request().challenge));
}

#[tokio::test]
async fn a_request_is_decided_once_in_its_browser_and_in_time() {
    let world = world().await;
    let (session, other) = (world.signed_in().await, world.signed_in().await);
    let (id, code) = (GrantId::from_random([1; 16]), AuthorizationCode::from_random([1; 32]));
    let yes = world.yes(&id, &code);

    let handle = world.waiting(&session).await;
    assert!(world.store.request(&handle, &other.id, NOW).await.unwrap().is_none());
    assert!(world.store.consent(&handle, &other.id, &yes, NOW).await.unwrap().is_none());
    let late = NOW.plus(10 * MINUTE);
    assert!(world.store.request(&handle, &session.id, late).await.unwrap().is_none());
    assert!(world.store.consent(&handle, &session.id, &yes, late).await.unwrap().is_none());
    assert!(world.store.grant(&id).await.unwrap().is_none());

    assert!(world.store.deny(&handle, &session.id, NOW).await.unwrap().is_some());
    assert!(world.store.consent(&handle, &session.id, &yes, NOW).await.unwrap().is_none());
    assert!(world.store.deny(&handle, &session.id, NOW).await.unwrap().is_none());
    assert!(world.store.grant(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn nobody_who_was_disabled_meanwhile_consents() {
    let world = world().await;
    let session = world.signed_in().await;
    let handle = world.waiting(&session).await;
    let (id, code) = (GrantId::from_random([1; 16]), AuthorizationCode::from_random([1; 32]));
    world.store.disable_client(&world.client.id, NOW).await.unwrap();
    assert!(world.store.consent(&handle, &session.id, &world.yes(&id, &code), NOW).await.unwrap().is_none());
    assert!(world.store.grant(&id).await.unwrap().is_none());
    // The request was not used up by that.
    world.store.enable_client(&world.client.id, NOW).await.unwrap();
    assert!(world.store.consent(&handle, &session.id, &world.yes(&id, &code), NOW).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_redemptions_at_once_one_succeeds() {
    let world = world().await;
    let (_, code) = world.consented().await;
    // Half of them go through another process's connection.
    let stores = [world.store.clone(), world.another().await];
    let outcomes = futures_util::future::join_all((0..24_u8).map(|n| {
        let (store, code) = (stores[usize::from(n % 2)].clone(), code.expose().parse::<AuthorizationCode>().unwrap());
        #[expect(clippy::disallowed_methods, reason = "the test waits for all of them")]
        tokio::spawn(async move {
            let token = RefreshToken::from_random([n; 32]);
            let refresh = NewRefresh { token: &token, expires: NOW.plus(HOUR) };
            (token.hash(), store.redeem_code(&code, Some(refresh), NOW).await.unwrap())
        })
    }))
    .await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    let done: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == Redemption::Done).collect();
    assert_eq!(done.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|(_, o)| matches!(o, Redemption::Done | Redemption::Spent { .. })));
}

#[tokio::test]
async fn a_code_is_good_for_its_time_only() {
    let world = world().await;
    let (_, code) = world.consented().await;
    let never = AuthorizationCode::from_random([99; 32]);
    assert_eq!(world.store.redeem_code(&never, None, NOW).await.unwrap(), Redemption::Unknown);
    let late = NOW.plus(MINUTE);
    assert_eq!(world.store.redeem_code(&code, None, late).await.unwrap(), Redemption::Expired);
    let just = Timestamp::from_micros(late.as_micros() - 1);
    assert_eq!(world.store.redeem_code(&code, None, just).await.unwrap(), Redemption::Done);
    assert_eq!(world.store.redeem_code(&code, None, NOW).await.unwrap(), Redemption::Spent { at: just });
}

#[tokio::test]
async fn a_code_of_whom_is_not_good_any_more_is_refused() {
    let world = world().await;
    let (_, code) = world.consented().await;
    let redeem = async |code| world.store.redeem_code(code, None, NOW).await.unwrap();
    world.store.disable_client(&world.client.id, NOW).await.unwrap();
    assert_eq!(redeem(&code).await, Redemption::Revoked);
    world.store.enable_client(&world.client.id, NOW).await.unwrap();
    assert_eq!(redeem(&code).await, Redemption::Done);

    let (_, code) = world.consented().await;
    world.store.disable_account(&world.account.login, NOW).await.unwrap();
    assert_eq!(redeem(&code).await, Redemption::Revoked);
    world.store.enable_account(&world.account.login, NOW).await.unwrap();
    assert_eq!(redeem(&code).await, Redemption::Revoked, "what was revoked stays so");
}

#[tokio::test]
async fn what_is_revoked_here_is_known_at_once_and_elsewhere_at_the_next_look() {
    let world = world().await;
    let (grant, _) = world.exchanged().await;
    let other = world.another().await;
    let asked = |store: &StateStore| {
        let terms = &grant.terms;
        store.revocations().withdrawn(&grant.id, &terms.client, &terms.account)
    };
    assert_eq!((asked(&world.store), asked(&other)), (None, None));
    let before = other.poll().await.unwrap();

    assert!(world.store.revoke_grant(&grant.id, RevocationReason::TokenRevoked, NOW).await.unwrap());
    assert_eq!((asked(&world.store), asked(&other)), (Some(Withdrawn::Grant), None));
    let after = other.poll().await.unwrap();
    assert!(after > before, "{before} {after}");
    assert_eq!(asked(&other), Some(Withdrawn::Grant));
    assert_eq!(other.poll().await.unwrap(), after);

    assert!(!world.store.revoke_grant(&grant.id, RevocationReason::CodeReplayed, NOW).await.unwrap());
    let revoked = world.store.grant(&grant.id).await.unwrap().unwrap().revoked.unwrap();
    assert_eq!(revoked, Revoked { at: NOW, reason: RevocationReason::TokenRevoked });
}

#[tokio::test]
async fn purging_takes_what_nothing_can_come_of_and_no_more() {
    let world = world().await;
    let keep = Retention { unused_client: HOUR, idle_client: HOUR, access_token: 15 * MINUTE };
    let (_live, token) = world.exchanged().await;
    let (_, code) = world.consented().await;
    let (revoked, _) = world.exchanged().await;
    world.store.revoke_grant(&revoked.id, RevocationReason::TokenRevoked, NOW).await.unwrap();
    let mut registered = client("unused");
    registered.origin = ClientOrigin::Registration;
    assert_eq!(world.store.register_client(&registered, 10, NOW).await.unwrap(), Registration::Done);

    assert_eq!(world.store.purge(keep, NOW.plus(MINUTE)).await.unwrap(), Purged::default());
    assert!(world.store.code(&code).await.unwrap().is_some());

    let later = NOW.plus(2 * HOUR);
    let purged = world.store.purge(keep, later).await.unwrap();
    assert_eq!(
        purged,
        Purged {
            sessions: 3,
            requests: 3,
            departures: 0,
            grants: 2,
            clients: 1,
            keys: 0,
            assertions: 0,
            access_tokens: 0
        }
    );
    assert!(world.store.refresh(&token).await.unwrap().is_some());
    assert!(world.store.client(&world.client.id).await.unwrap().is_some());
    assert!(world.store.grant(&revoked.id).await.unwrap().is_none());

    let end = NOW.plus(31 * 24 * HOUR);
    assert_eq!(world.store.purge(keep, end).await.unwrap().grants, 1);
    assert!(world.store.refresh(&token).await.unwrap().is_none());
}

#[tokio::test]
async fn a_client_is_kept_by_those_who_use_it_and_not_by_those_who_let_it_wait() {
    let world = world().await;
    let day = 24 * HOUR;
    let keep = Retention { unused_client: HOUR, idle_client: 30 * day, access_token: 15 * MINUTE };
    let register = async |id: &str| {
        let registered = Client { origin: ClientOrigin::Registration, ..client(id) };
        assert_eq!(world.store.register_client(&registered, 10, NOW).await.unwrap(), Registration::Done);
        registered.id
    };
    let (waiting, asked, used) = (register("waiting").await, register("asked").await, register("used").await);
    let wait = async |client: &ClientId, session: &LoginSessionId, n: u8| {
        let request = AuthorizationRequest { client: client.clone(), ..world.request() };
        let handle = RequestHandle::from_random([n; 32]);
        world.store.open_request(&handle, session, &request, NOW.plus(3 * HOUR), NOW).await.unwrap();
    };
    let (stranger, secret) = (LoginSessionId::from_random([200; 16]), SessionSecret::from_random([200; 32]));
    world.store.open_session(&stranger, &secret, NOW.plus(3 * HOUR), NOW).await.unwrap();
    wait(&waiting, &stranger, 201).await;
    let (person, old) = (LoginSessionId::from_random([202; 16]), SessionSecret::from_random([202; 32]));
    let (new, end) = (SessionSecret::from_random([203; 32]), NOW.plus(3 * HOUR));
    world.store.open_session(&person, &old, end, NOW).await.unwrap();
    let signed_in = world.store.sign_in(&old, &new, &world.account, end, NOW).await.unwrap();
    assert!(matches!(signed_in, SignedIn::Done(_)));
    wait(&asked, &person, 204).await;
    world.store.note_client_use(&used, NOW).await.unwrap();

    let left = async |now| {
        world.store.purge(keep, now).await.unwrap();
        let mut left = Vec::new();
        for id in [&waiting, &asked, &used] {
            left.push(world.store.client(id).await.unwrap().is_some());
        }
        left
    };
    assert_eq!(left(NOW.plus(2 * HOUR)).await, [false, true, true]);
    assert_eq!(left(NOW.plus(4 * HOUR)).await, [false, false, true]);
    assert_eq!(left(NOW.plus(30 * day)).await, [false, false, false], "nothing is left that it was used for");
}
