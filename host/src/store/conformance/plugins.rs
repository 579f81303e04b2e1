//! Releases, activations, generations, artefacts.

use serde_json::json;

use super::world::{ALL, World};
use crate::domain::activation::{Activation, AppliesTo, Mode, Phase, Preparation, Reach};
use crate::domain::failure_policy::FailurePolicy;
use crate::domain::generation::Generation;
use crate::domain::release::{Manifest, PluginKind, Release, ReleaseState};
use crate::store::{Published, StoreError};

fn release(world: &World, version: &str, digest: &str) -> Release {
    let now = world.now();
    Release {
        id: world.ids.next(now),
        digest: digest.into(),
        component_bytes: 3,
        imports: vec!["switchboard:plugin/log@0.2.0".into()],
        manifest: Manifest {
            name: "keyword-router".into(),
            version: version.into(),
            summary: "Routes by words".into(),
            kind: PluginKind::Policy,
            settings_schema: json!({ "type": "object" }),
            events: Vec::new(),
            proposals: Vec::new(),
            needs: Vec::new(),
            secrets: Vec::new(),
        },
        owner: None,
        state: ReleaseState::Published,
        signature: None,
        published_at: now,
    }
}

async fn publish(world: &World, release: &Release) -> Published {
    world.store.publish(release, b"abc", &world.audit("release.publish")).await.unwrap()
}

pub(crate) async fn a_release_is_published_once(world: World) {
    let first = release(&world, "1.0.0", "d1");
    assert_eq!(publish(&world, &first).await, Published::New);
    let same = release(&world, "1.0.0", "d1");
    assert_eq!(publish(&world, &same).await, Published::Before(Box::new(first.clone())));
    let other = release(&world, "1.0.0", "d2");
    assert_eq!(publish(&world, &other).await, Published::OtherBytes(Box::new(first.clone())));
    let squatter = Release { owner: Some(world.agent.department), ..release(&world, "2.0.0", "d4") };
    assert_eq!(publish(&world, &squatter).await, Published::OtherOwner(Box::new(first.clone())));
    let mut imitator = Release { owner: Some(world.agent.department), ..release(&world, "1.0.0", "d5") };
    imitator.manifest.name = "keyword-r0uter".into();
    assert_eq!(publish(&world, &imitator).await, Published::LookAlike(Box::new(first.clone())));
    let second = release(&world, "1.1.0", "d3");
    assert_eq!(publish(&world, &second).await, Published::New);

    assert_eq!(world.store.release("d1").await.unwrap(), Some(first.clone()));
    assert_eq!(world.store.component("d1").await.unwrap().as_deref(), Some(&b"abc"[..]));
    assert_eq!(world.store.component("d2").await.unwrap(), None);
    let both = vec![second, first];
    assert_eq!(world.store.versions("keyword-router").await.unwrap(), both);
    assert_eq!(world.store.releases("WORDS", ALL).await.unwrap().entries, both);
    assert_eq!(world.store.releases("nothing", ALL).await.unwrap().entries, []);
}

fn activation(world: &World, release: &Release) -> Activation {
    let now = world.now();
    Activation {
        id: world.ids.next(now),
        name: "words".into(),
        kind: PluginKind::Policy,
        plugin: "keyword-router".into(),
        version: release.manifest.version.clone(),
        release: release.id,
        digest: release.digest.clone(),
        settings: json!({ "rules": [] }),
        owner: None,
        applies_to: AppliesTo::default(),
        reach: Reach::Anywhere,
        phase: Phase::Route,
        rank: 0,
        mode: Mode::Shadow,
        on_failure: FailurePolicy::Retry,
        preparation: Preparation::Preparing,
        next: None,
        suspension: None,
        suspended_revisions: Vec::new(),
        revision: 1,
        created_at: now,
        updated_at: now,
    }
}

pub(crate) async fn an_activation_is_changed_by_compare_and_set(world: World) {
    let release = release(&world, "1.0.0", "d1");
    let first = activation(&world, &release);
    let audit = || world.audit("activation.change");
    let missing = world.store.add_activation(&first, &audit()).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
    publish(&world, &release).await;
    world.store.add_activation(&first, &audit()).await.unwrap();
    let twin = activation(&world, &release);
    let taken = world.store.add_activation(&twin, &audit()).await;
    assert!(matches!(&taken, Err(StoreError::Taken(what)) if what == "activation words"), "{taken:?}");

    let mut ready = Activation { preparation: Preparation::Ready, updated_at: world.now(), ..first.clone() };
    world.store.change_activation(&ready, first.updated_at, &audit()).await.unwrap();
    let stale = world.store.change_activation(&ready, first.updated_at, &audit()).await;
    assert!(matches!(stale, Err(StoreError::Stale(_))), "{stale:?}");
    assert_eq!(world.store.activation_versions(first.id).await.unwrap().len(), 1);
    let seen = ready.updated_at;
    ready = Activation { revision: 2, settings: json!({}), updated_at: world.now(), ..ready };
    world.store.change_activation(&ready, seen, &audit()).await.unwrap();
    let versions = world.store.activation_versions(first.id).await.unwrap();
    assert_eq!(versions.iter().map(|it| it.revision).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(versions[1].settings, first.settings);
    assert_eq!(world.store.activations().await.unwrap(), [ready]);
}

pub(crate) async fn generations_follow_one_another(world: World) {
    let generation = |number| {
        let now = world.now();
        Generation {
            id: world.ids.next(now),
            number,
            created_at: now,
            cause: "tests".into(),
            entries: Vec::new(),
        }
    };
    let (one, two) = (generation(1), generation(2));
    assert!(matches!(world.store.add_generation(&two).await, Err(StoreError::Stale(_))));
    world.store.add_generation(&one).await.unwrap();
    assert!(matches!(world.store.add_generation(&generation(1)).await, Err(StoreError::Stale(_))));
    world.store.add_generation(&two).await.unwrap();
    assert_eq!(world.store.latest_generation().await.unwrap(), Some(two.clone()));
    assert_eq!(world.store.generation(1).await.unwrap(), Some(one.clone()));
    assert_eq!(world.store.generations(ALL).await.unwrap().entries, [two, one]);
}

pub(crate) async fn artefacts_are_kept_by_key(world: World) {
    assert_eq!(world.store.artefact("k").await.unwrap(), None);
    world.store.put_artefact("k", b"one").await.unwrap();
    assert_eq!(world.store.artefact("k").await.unwrap().as_deref(), Some(&b"one"[..]));
    world.store.put_artefact("k", b"another").await.unwrap();
    assert_eq!(world.store.artefact("k").await.unwrap().as_deref(), Some(&b"another"[..]));
}
