//! Secrets and their sealed values.

use super::world::World;
use crate::domain::ids::{SecretId, SecretValueId};
use crate::domain::secret::{Secret, SecretUse, SecretValueFacts};
use crate::domain::time::Timestamp;
use crate::store::{StoreError, StoredSecret, StoredSecretValue};

fn secret(world: &World) -> Secret {
    let now = world.now();
    Secret {
        id: world.ids.next(now),
        name: "webhook".into(),
        department: Some(world.queue.department),
        uses: vec![SecretUse::Verify],
        hosts: vec![],
        created_at: now,
        revision: 1,
    }
}

fn value(world: &World, sealed: &[u8]) -> StoredSecretValue {
    let now = world.now();
    let facts = SecretValueFacts { id: world.ids.next(now), created_at: now, retired_at: None };
    StoredSecretValue { facts, sealed: Some(sealed.to_vec()) }
}

pub(crate) async fn a_secret_is_changed_by_compare_and_set(world: World) {
    let (first, one) = (secret(&world), value(&world, b"one"));
    world.store.add_secret(&first, &one, &world.audit("secret.add")).await.unwrap();
    let twin = Secret { id: world.ids.next(world.now()), ..first.clone() };
    let taken = world.store.add_secret(&twin, &value(&world, b"x"), &world.audit("secret.add")).await;
    assert!(matches!(&taken, Err(StoreError::Taken(what)) if what == "secret webhook"), "{taken:?}");
    let changed =
        Secret { uses: vec![SecretUse::Send], hosts: vec!["a.example".into()], revision: 2, ..first };
    world.store.change_secret(&changed, &world.audit("secret.change")).await.unwrap();
    let stale = world.store.change_secret(&changed, &world.audit("secret.change")).await;
    assert!(matches!(stale, Err(StoreError::Stale(_))), "{stale:?}");
    let stray = Secret { id: SecretId(1), ..changed.clone() };
    let missing = world.store.change_secret(&stray, &world.audit("secret.change")).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
    let two = value(&world, b"two");
    let stale = world.store.add_secret_value(&changed, &two, &world.audit("secret.value.add")).await;
    assert!(matches!(stale, Err(StoreError::Stale(_))), "{stale:?}");
    let again = Secret { revision: 3, ..changed };
    world.store.add_secret_value(&again, &two, &world.audit("secret.value.add")).await.unwrap();
    let kept = world.store.secrets().await.unwrap();
    assert_eq!(kept, [StoredSecret { secret: again, values: vec![one, two] }]);
}

pub(crate) async fn a_retired_value_is_gone(world: World) {
    let (secret, one) = (secret(&world), value(&world, b"one"));
    world.store.add_secret(&secret, &one, &world.audit("secret.add")).await.unwrap();
    let (id, at) = (one.facts.id, Timestamp::from_ms(7));
    world.store.retire_secret_value(id, at, &world.audit("secret.value.retire")).await.unwrap();
    let kept = world.store.secrets().await.unwrap();
    assert_eq!(kept[0].values[0].sealed, None);
    assert_eq!(kept[0].values[0].facts.retired_at, Some(at));
    let again = world.store.retire_secret_value(id, at, &world.audit("secret.value.retire")).await;
    assert!(matches!(again, Err(StoreError::Stale(_))), "{again:?}");
    let unknown = world.store.retire_secret_value(SecretValueId(1), at, &world.audit("x")).await;
    assert!(matches!(unknown, Err(StoreError::Missing(_))), "{unknown:?}");
}
