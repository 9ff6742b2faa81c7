use super::*;
use crate::store::database::DatabaseError;

#[tokio::test]
async fn a_login_is_one_persons_however_it_is_typed() {
    let world = world().await;
    let mut twin = account("Twin");
    twin.login = " Ada@ACME.example ".parse().unwrap();
    let error = world.store.create_account(&twin, &hash("x"), NOW).await.unwrap_err().to_string();
    assert!(error.contains("`ada@acme.example`"), "{error}");
    let login: Login = "ADA@acme.example".parse().unwrap();
    let (found, stored) = world.store.account_by_login(&login).await.unwrap().unwrap();
    assert_eq!((found, stored.as_phc()), (world.account.clone(), "$argon2id$"));
    assert!(world.store.account_by_login(&"bob".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_sign_in_changes_the_secret_and_keeps_what_waits() {
    let world = world().await;
    let (old, new) = (SessionSecret::from_random([60; 32]), SessionSecret::from_random([61; 32]));
    let id = LoginSessionId::from_random([60; 16]);
    let before = world.store.open_session(&id, &old, NOW.plus(HOUR), NOW).await.unwrap();
    assert_eq!(before.account, None);
    let handle = world.waiting(&before).await;
    let after = world.store.sign_in(&old, &new, &world.account, NOW.plus(HOUR), NOW).await.unwrap();
    let SignedIn::Done(after) = after else { panic!("{after:?}") };
    assert_eq!((after.id.clone(), after.account.clone()), (id, Some(world.account.id.clone())));
    assert!(world.store.session(&old, NOW).await.unwrap().is_none());
    assert_eq!(world.store.session(&new, NOW).await.unwrap(), Some(after.clone()));
    assert!(world.store.request(&handle, &after.id, NOW).await.unwrap().is_some());

    assert!(world.store.session(&new, NOW.plus(HOUR)).await.unwrap().is_none());
    assert!(world.store.sign_out(&new).await.unwrap());
    assert!(!world.store.sign_out(&new).await.unwrap());
    assert!(world.store.request(&handle, &after.id, NOW).await.unwrap().is_none());
}

#[tokio::test]
async fn a_disabled_account_neither_signs_in_nor_stays_signed_in() {
    let world = world().await;
    let (old, new) = (SessionSecret::from_random([60; 32]), SessionSecret::from_random([61; 32]));
    let id = LoginSessionId::from_random([60; 16]);
    world.store.open_session(&id, &old, NOW.plus(HOUR), NOW).await.unwrap();
    world.store.sign_in(&old, &new, &world.account, NOW.plus(HOUR), NOW).await.unwrap();
    assert!(world.store.disable_account(&world.account.login, NOW).await.unwrap());
    assert!(world.store.session(&new, NOW).await.unwrap().is_none());

    world.store.open_session(&id, &old, NOW.plus(HOUR), NOW).await.unwrap();
    for account in [&world.account, &account("stranger")] {
        let refused = world.store.sign_in(&old, &new, account, NOW.plus(HOUR), NOW).await.unwrap();
        assert_eq!(refused, SignedIn::AccountChanged);
        assert!(world.store.session(&old, NOW).await.unwrap().is_some(), "the browser is what it was");
    }
}

#[tokio::test]
async fn whoever_was_still_signing_in_with_the_old_password_when_it_was_changed_is_not_signed_in() {
    let world = world().await;
    let (old, new) = (SessionSecret::from_random([60; 32]), SessionSecret::from_random([61; 32]));
    let id = LoginSessionId::from_random([60; 16]);
    world.store.open_session(&id, &old, NOW.plus(HOUR), NOW).await.unwrap();
    let read = world.store.account_by_login(&world.account.login).await.unwrap().unwrap().0;
    world.store.set_password(&read.login, &hash("other"), NOW.plus(MINUTE)).await.unwrap();
    let late = world.store.sign_in(&old, &new, &read, NOW.plus(HOUR), NOW).await.unwrap();
    assert_eq!(late, SignedIn::AccountChanged);
    assert!(world.store.session(&new, NOW).await.unwrap().is_none());
    let read = world.store.account_by_login(&world.account.login).await.unwrap().unwrap().0;
    let again = world.store.sign_in(&old, &new, &read, NOW.plus(HOUR), NOW).await.unwrap();
    assert!(matches!(again, SignedIn::Done(_)), "{again:?}");
    let nothing = world.store.sign_in(&old, &new, &read, NOW.plus(HOUR), NOW).await.unwrap();
    assert_eq!(nothing, SignedIn::NoSession);
}

#[tokio::test]
async fn a_new_password_signs_out_everywhere_and_a_new_hash_does_not() {
    let world = world().await;
    let (old, new) = (SessionSecret::from_random([60; 32]), SessionSecret::from_random([61; 32]));
    let id = LoginSessionId::from_random([60; 16]);
    world.store.open_session(&id, &old, NOW.plus(HOUR), NOW).await.unwrap();
    world.store.sign_in(&old, &new, &world.account, NOW.plus(HOUR), NOW).await.unwrap();
    world.store.replace_hash(&world.account.id, &hash("$argon2id$"), &hash("stronger")).await.unwrap();
    world.store.replace_hash(&world.account.id, &hash("$argon2id$"), &hash("too late")).await.unwrap();
    let stored = world.store.account_by_login(&world.account.login).await.unwrap().unwrap().1;
    assert_eq!(stored.as_phc(), "stronger");
    assert!(world.store.session(&new, NOW).await.unwrap().is_some());
    world.store.set_password(&world.account.login, &hash("other"), NOW.plus(HOUR)).await.unwrap();
    assert!(world.store.session(&new, NOW).await.unwrap().is_none());
    let read = world.store.account(&world.account.id).await.unwrap().unwrap();
    assert_eq!(read.password_set, NOW.plus(HOUR));
    let nobody: Login = "nobody".parse().unwrap();
    let error = world.store.set_password(&nobody, &hash("x"), NOW).await.unwrap_err();
    assert!(error.to_string().contains("account list"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_read_is_refused_with_what_mends_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world().await;
    let allow = |mode| std::fs::set_permissions(&world.file, std::fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o644, 0o640, 0o602] {
        allow(mode);
        let error = format!("{:?}", StateStore::open(&world.file, NOW).await.unwrap_err());
        assert!(error.contains("Shared") && error.contains(&mode.to_string()), "{error}");
    }
    let said = DatabaseError::Shared { file: world.file.clone(), mode: 0o644 }.to_string();
    assert!(said.contains("(mode 644)") && said.contains(&format!("chmod go= {}", world.file.display())), "{said}");
    allow(0o600);
    StateStore::open(&world.file, NOW).await.unwrap();
}
