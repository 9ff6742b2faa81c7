use super::*;
use crate::model::Secret;
use crate::model::oauth::KeyId;

fn key(n: u8) -> (KeyId, Secret) {
    (KeyId::from_random([n; 16]), Secret::new(format!("seed {n}")))
}

async fn stages(store: &StateStore) -> Vec<(KeyStage, String)> {
    let keys = store.signing_keys().await.unwrap();
    keys.into_iter().map(|key| (key.stage, key.seed.expose().to_owned())).collect()
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_after() {
    let world = world().await;
    let (one, two, three, four) = (key(1), key(2), key(3), key(4));
    let none = world.store.rotate_signing_keys((&one.0, &one.1), MINUTE, NOW).await;
    assert!(matches!(none, Err(StateError::NoKeys)));
    assert!(world.store.first_signing_keys((&one.0, &one.1), (&two.0, &two.1), NOW).await.unwrap());
    assert!(!world.store.first_signing_keys((&three.0, &three.1), (&four.0, &four.1), NOW).await.unwrap());

    let early = world.store.rotate_signing_keys((&three.0, &three.1), 5 * MINUTE, NOW.plus(MINUTE)).await.unwrap_err();
    assert!(matches!(early, StateError::KeyTooNew { published: NOW, .. }), "{early}");
    let later = NOW.plus(5 * MINUTE);
    let rotated = world.store.rotate_signing_keys((&three.0, &three.1), 5 * MINUTE, later).await.unwrap();
    assert_eq!(rotated, RotatedKeys { retired: one.0, current: two.0, next: three.0 });
    let expected = [(KeyStage::Next, "seed 3"), (KeyStage::Current, "seed 2"), (KeyStage::Previous, "seed 1")];
    assert_eq!(stages(&world.store).await, expected.map(|(stage, seed)| (stage, seed.to_owned())));

    let keep = Retention { unused_client: HOUR, idle_client: HOUR, access_token: 15 * MINUTE };
    assert_eq!(world.store.purge(keep, later.plus(20 * MINUTE)).await.unwrap().keys, 0);
    assert_eq!(world.store.purge(keep, later.plus(25 * MINUTE)).await.unwrap().keys, 1);
}

#[tokio::test]
async fn keys_that_were_stolen_are_gone_at_once() {
    let world = world().await;
    let (one, two, three, four, five) = (key(1), key(2), key(3), key(4), key(5));
    world.store.first_signing_keys((&one.0, &one.1), (&two.0, &two.1), NOW).await.unwrap();
    world.store.rotate_signing_keys((&three.0, &three.1), MINUTE, NOW.plus(MINUTE)).await.unwrap();
    let other = world.another().await;
    let before = other.poll().await.unwrap();
    let gone = world.store.replace_signing_keys((&four.0, &four.1), (&five.0, &five.1), NOW).await.unwrap();
    assert_eq!(gone.len(), 3, "the next and the previous were in the same file");
    let expected = [(KeyStage::Next, "seed 5"), (KeyStage::Current, "seed 4")];
    assert_eq!(stages(&world.store).await, expected.map(|(stage, seed)| (stage, seed.to_owned())));
    assert!(other.poll().await.unwrap() > before, "another process looks again");
}
