use super::*;
use crate::model::TokenHash;

async fn rotate(world: &World, token: &RefreshToken, salt: u8, now: Timestamp) -> Rotation {
    world.store.rotate_refresh(token, &[salt; 32], now.plus(14 * 24 * HOUR), now).await.unwrap()
}

fn rotated(rotation: Rotation) -> Successor {
    let Rotation::Rotated(successor) = rotation else { panic!("{rotation:?}") };
    successor
}

fn replayed(rotation: Rotation) -> Replay {
    let Rotation::Replayed(replay) = rotation else { panic!("{rotation:?}") };
    replay
}

#[tokio::test]
async fn each_rotation_spends_one_generation_and_begins_the_next() {
    let world = world().await;
    let (_, first) = world.exchanged().await;
    let second = rotated(rotate(&world, &first, 1, NOW).await);
    let third = rotated(rotate(&world, &second.token, 2, NOW).await);
    assert_eq!((second.generation, third.generation), (2, 3));
    assert_eq!(world.store.refresh(&first).await.unwrap().unwrap().spent, Some(NOW));
    assert_eq!(world.store.refresh(&third.token).await.unwrap().unwrap().spent, None);
    let stranger = RefreshToken::from_random([77; 32]);
    assert!(matches!(rotate(&world, &stranger, 1, NOW).await, Rotation::Unknown));
}

#[tokio::test]
async fn a_lost_answer_can_be_given_again_until_its_token_was_spent() {
    let world = world().await;
    let (grant, first) = world.exchanged().await;
    let second = rotated(rotate(&world, &first, 1, NOW).await);

    let replay = replayed(rotate(&world, &first, 50, NOW.plus(MINUTE)).await);
    let again = replay.successor.unwrap();
    assert_eq!(again.token.hash(), second.token.hash());
    assert_eq!((replay.generation, replay.spent, again.generation, again.used), (1, NOW, 2, None));

    world.store.note_use(&grant.id, 2, NOW.plus(MINUTE)).await.unwrap();
    world.store.note_use(&grant.id, 2, NOW.plus(HOUR)).await.unwrap();
    let replay = replayed(rotate(&world, &first, 51, NOW.plus(MINUTE)).await);
    assert_eq!(replay.successor.unwrap().used, Some(NOW.plus(MINUTE)));

    rotated(rotate(&world, &second.token, 2, NOW.plus(HOUR)).await);
    assert!(replayed(rotate(&world, &first, 52, NOW.plus(HOUR)).await).successor.is_none());
    assert!(replayed(rotate(&world, &second.token, 53, NOW.plus(HOUR)).await).successor.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_refreshes_at_once_leave_one_live_lineage() {
    let world = world().await;
    let (grant, token) = world.exchanged().await;
    let stores = [world.store.clone(), world.another().await];
    let outcomes = futures_util::future::join_all((0..20_u8).map(|n| {
        let (store, token) = (stores[usize::from(n % 2)].clone(), token.expose().parse::<RefreshToken>().unwrap());
        #[expect(clippy::disallowed_methods, reason = "the test waits for all of them")]
        tokio::spawn(async move { store.rotate_refresh(&token, &[n; 32], NOW.plus(HOUR), NOW).await.unwrap() })
    }))
    .await;
    let mut first = 0;
    let tokens: Vec<TokenHash> = outcomes
        .into_iter()
        .map(|outcome| match outcome.unwrap() {
            Rotation::Rotated(successor) => {
                first += 1;
                successor.token.hash()
            }
            Rotation::Replayed(replay) => replay.successor.unwrap().token.hash(),
            other @ (Rotation::Unknown | Rotation::Expired | Rotation::Revoked) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(first, 1);
    assert!(tokens.iter().all(|hash| *hash == tokens[0]), "all were given the same token");
    let (all, live): (i64, i64) =
        sqlx::query_as("SELECT count(*), sum(spent_at IS NULL) FROM refresh_tokens WHERE grant_id = $1")
            .bind(grant.id.as_str())
            .fetch_one(world.store.readers())
            .await
            .unwrap();
    assert_eq!((all, live), (2, 1));
}

#[tokio::test]
async fn no_rotation_moves_the_end_of_the_grant() {
    let world = world().await;
    let (grant, first) = world.exchanged().await;
    let idle = NOW.plus(14 * 24 * HOUR);
    assert_eq!(world.store.refresh(&first).await.unwrap().unwrap().expires, idle);
    assert!(matches!(rotate(&world, &first, 1, idle).await, Rotation::Expired));
    let almost = Timestamp::from_micros(idle.as_micros() - 1);
    let second = rotated(rotate(&world, &first, 1, almost).await);
    let late = NOW.plus(20 * 24 * HOUR);
    let third = rotated(rotate(&world, &second.token, 2, late).await);
    assert_eq!(world.store.refresh(&third.token).await.unwrap().unwrap().expires, grant.expires);
    assert!(matches!(rotate(&world, &third.token, 3, grant.expires).await, Rotation::Expired));
    assert!(matches!(rotate(&world, &first, 3, grant.expires).await, Rotation::Expired));
}

#[tokio::test]
async fn an_answer_whose_token_has_ended_is_not_given_again() {
    let world = world().await;
    let (_, first) = world.exchanged().await;
    rotated(rotate(&world, &first, 1, NOW).await);
    let idle = NOW.plus(14 * 24 * HOUR);
    assert!(
        replayed(rotate(&world, &first, 2, Timestamp::from_micros(idle.as_micros() - 1)).await).successor.is_some()
    );
    assert!(matches!(rotate(&world, &first, 2, idle).await, Rotation::Expired));
}

#[tokio::test]
async fn what_was_withdrawn_is_not_refreshed() {
    let world = world().await;
    let (grant, token) = world.exchanged().await;
    world.store.disable_client(&world.client.id, NOW).await.unwrap();
    assert!(matches!(rotate(&world, &token, 1, NOW).await, Rotation::Revoked));
    world.store.enable_client(&world.client.id, NOW).await.unwrap();
    let token = rotated(rotate(&world, &token, 1, NOW).await).token;

    world.store.set_password(&world.account.login, &hash("other"), NOW).await.unwrap();
    assert!(matches!(rotate(&world, &token, 2, NOW).await, Rotation::Revoked));
    let revoked = world.store.grant(&grant.id).await.unwrap().unwrap().revoked.unwrap();
    assert_eq!(revoked.reason, RevocationReason::PasswordChanged);

    let (grant, token) = world.exchanged().await;
    assert_eq!(world.store.delete_client(&world.client.id, NOW).await.unwrap(), 1);
    assert!(matches!(rotate(&world, &token, 1, NOW).await, Rotation::Revoked));
    let withdrawn = world.store.revocations().withdrawn(&grant.id, &grant.terms.client, &grant.terms.account);
    assert_eq!(withdrawn, Some(Withdrawn::Grant));
}
