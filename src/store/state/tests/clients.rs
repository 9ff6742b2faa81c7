use super::*;
use crate::model::oauth::ClientSecret;

#[tokio::test]
async fn a_client_is_kept_as_it_was_made_known() {
    let world = world().await;
    let secret = ClientSecret::from_random([3; 32]);
    let mut made = client("confidential");
    made.auth_method = AuthMethod::SecretEither;
    made.secret = Some(secret.hash());
    made.uri = Some("https://app.example".to_owned());
    made.reach = "acme globex".parse().unwrap();
    made.scopes = scopes(&[Scope::Read]);
    world.store.create_client(&made, NOW).await.unwrap();
    let read = world.store.client(&made.id).await.unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{made:?}"));
    assert!(read.secret.unwrap().is(&ClientSecret::new(secret.expose().to_owned()).hash()));
    assert!(matches!(world.store.create_client(&made, NOW).await, Err(StateError::ClientTaken(_))));
    assert_eq!(world.store.clients().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_redirect_uri_that_was_good_by_other_rules_is_not_used() {
    let world = world().await;
    sqlx::query("UPDATE clients SET redirect_uris = 'http://app.example/cb https://app.example/cb'")
        .execute(&mut *world.store.writer().await)
        .await
        .unwrap();
    let uris = world.store.client(&world.client.id).await.unwrap().unwrap().redirect_uris;
    assert_eq!(uris, ["https://app.example/cb".parse::<RedirectUri>().unwrap()]);
}

#[tokio::test]
async fn as_many_clients_register_themselves_as_may() {
    let world = world().await;
    for (n, expected) in [Registration::Done, Registration::Done, Registration::Full].into_iter().enumerate() {
        let mut other = client(&format!("registered-{n}"));
        other.origin = ClientOrigin::Registration;
        assert_eq!(world.store.register_client(&other, 2, NOW).await.unwrap(), expected);
    }
    // The operator's own clients are not among them.
    assert_eq!(world.store.clients().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_client_that_nobody_ever_used_makes_room_for_the_next() {
    let world = world().await;
    let register = async |id: &str, at: Timestamp| {
        let other = Client { origin: ClientOrigin::Registration, ..client(id) };
        world.store.register_client(&other, 2, at).await.unwrap()
    };
    let minute = |n: u64| NOW.plus(Duration::from_mins(n));
    assert_eq!(register("first", NOW).await, Registration::Done);
    assert_eq!(register("second", minute(1)).await, Registration::Done);
    assert_eq!(register("third", minute(9)).await, Registration::Full, "a person may still sign in");
    assert_eq!(register("third", minute(10)).await, Registration::Done);
    world.store.note_client_use(&"second".parse().unwrap(), minute(10)).await.unwrap();
    assert_eq!(register("fourth", minute(19)).await, Registration::Full, "the one is used, and the other is young");
    assert_eq!(register("fourth", minute(20)).await, Registration::Done);
    let ids: Vec<_> = world.store.clients().await.unwrap().into_iter().map(|client| client.id.to_string()).collect();
    assert_eq!(ids, ["app", "second", "fourth"]);
}

#[tokio::test]
async fn the_client_of_the_configuration_is_the_one_that_is_written_there() {
    let world = world().await;
    let configured =
        |id: &str, name: &str| Client { name: name.to_owned(), origin: ClientOrigin::Configuration, ..client(id) };
    world.store.configure_client(Some(&configured("ours", "one")), NOW).await.unwrap();
    world.store.configure_client(Some(&configured("ours", "two")), NOW).await.unwrap();
    let ours: ClientId = "ours".parse().unwrap();
    assert_eq!(world.store.client(&ours).await.unwrap().unwrap().name, "two");
    world.store.configure_client(Some(&configured("other", "three")), NOW).await.unwrap();
    assert!(world.store.client(&ours).await.unwrap().is_none());
    world.store.configure_client(None, NOW).await.unwrap();
    assert_eq!(world.store.clients().await.unwrap().len(), 1);
    // It never takes over a client that the operator made otherwise.
    let taken = world.store.configure_client(Some(&configured("app", "four")), NOW).await;
    assert!(matches!(taken, Err(StateError::ClientTaken(_))));
}

#[tokio::test]
async fn a_change_leaves_its_record_for_the_audit_trail() {
    let world = world().await;
    assert!(world.store.disable_client(&world.client.id, NOW).await.unwrap());
    assert!(!world.store.disable_client(&world.client.id, NOW).await.unwrap(), "it is disabled already");
    let told = world.store.announcements().await.unwrap();
    let kinds: Vec<_> = told.iter().map(|told| told.kind.as_str()).collect();
    assert_eq!(kinds, ["client_created", "account_created", "client_disabled"]);
    assert_eq!(told[2].detail, r#"{"client":"app"}"#);
    for one in &told[..2] {
        world.store.forget_announcement(one).await.unwrap();
    }
    assert_eq!(world.store.announcements().await.unwrap(), told[2..]);
    let nobody: ClientId = "nobody".parse().unwrap();
    let error = world.store.delete_client(&nobody, NOW).await.unwrap_err().to_string();
    assert!(error.contains("no client `nobody`") && error.contains("client list"), "{error}");
}

fn described(id: &str, fetched: Timestamp) -> Client {
    let document = Some(DocumentCopy { fetched, fresh_until: fetched.plus(MINUTE) });
    Client { origin: ClientOrigin::MetadataDocument, document, ..client(id) }
}

#[tokio::test]
async fn a_copy_is_renewed_and_what_was_decided_about_it_stays() {
    let world = world().await;
    let first = described("https://app.example/c", NOW);
    assert_eq!(world.store.adopt_client(&first, 9, NOW).await.unwrap(), Registration::Done);
    world.store.disable_client(&first.id, NOW).await.unwrap();
    let later = NOW.plus(HOUR);
    let renewed = Client { name: "Renamed".to_owned(), ..described("https://app.example/c", later) };
    world.store.adopt_client(&renewed, 9, later).await.unwrap();
    let read = world.store.client(&first.id).await.unwrap().unwrap();
    assert_eq!((read.name.as_str(), read.created, read.disabled), ("Renamed", NOW, Some(NOW)));
    assert_eq!(read.document, renewed.document);
    // What the operator made known is never taken over.
    let theirs = Client { id: world.client.id.clone(), ..described("x", NOW) };
    assert!(matches!(world.store.adopt_client(&theirs, 9, NOW).await, Err(StateError::ClientTaken(_))));
}

#[tokio::test]
async fn the_copy_that_nobody_needs_makes_room() {
    let world = world().await;
    for (n, at) in [NOW.plus(MINUTE), NOW, NOW.plus(HOUR)].into_iter().enumerate() {
        let one = described(&format!("https://app.example/{n}"), at);
        assert_eq!(world.store.adopt_client(&one, 2, at).await.unwrap(), Registration::Done);
    }
    let ids: Vec<_> = world.store.clients().await.unwrap().into_iter().map(|client| client.id.to_string()).collect();
    assert_eq!(ids, ["app", "https://app.example/0", "https://app.example/2"]);
    for id in &ids {
        world.store.disable_client(&id.parse().unwrap(), NOW).await.unwrap();
    }
    let one = described("https://app.example/9", NOW);
    assert_eq!(world.store.adopt_client(&one, 2, NOW).await.unwrap(), Registration::Full);
}
