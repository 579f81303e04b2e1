//! Releases, activations, generations, artefacts.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde_json::json;

use super::world::{ALL, World};
use crate::domain::activation::{Activation, AppliesTo, Mode, Phase, Preparation, Reach};
use crate::domain::failure_policy::FailurePolicy;
use crate::domain::generation::Generation;
use crate::domain::quota::{Quota, QuotaLimit, Quotas};
use crate::domain::release::{Manifest, PluginKind, Release, ReleaseState};
use crate::store::{
    ACTIVATION_VERSIONS_MAX, ActivationAdded, ActivationRoom, Published, ReleaseRoom, StoreError,
    StoreResult, Sweep,
};

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

fn release_room(release: &Release) -> ReleaseRoom {
    let [releases, bytes] =
        [Quota::Releases, Quota::ReleaseBytes].map(|it| Quotas::default().limit(release.owner, it));
    ReleaseRoom { releases, bytes }
}

fn activation_room(activation: &Activation) -> ActivationRoom {
    let [activations, preparing] = [Quota::Activations, Quota::WaitingPreparations]
        .map(|it| Quotas::default().limit(activation.owner, it));
    ActivationRoom { activations, preparing }
}

async fn publish(world: &World, release: &Release) -> Published {
    let audit = world.audit("release.publish");
    world.store.publish(release, &Bytes::from_static(b"abc"), release_room(release), &audit).await.unwrap()
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
    let missing = world.store.add_activation(&first, activation_room(&first), &audit()).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
    publish(&world, &release).await;
    world.store.add_activation(&first, activation_room(&first), &audit()).await.unwrap();
    let twin = activation(&world, &release);
    let taken = world.store.add_activation(&twin, activation_room(&twin), &audit()).await;
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

pub(crate) async fn an_adapter_is_enabled_once(world: World) {
    let mut release = release(&world, "1.0.0", "d1");
    release.manifest.kind = PluginKind::ChannelAdapter;
    publish(&world, &release).await;
    let first = Activation { kind: PluginKind::ChannelAdapter, ..activation(&world, &release) };
    let audit = || world.audit("activation.enable");
    assert_eq!(
        world.store.add_activation(&first, activation_room(&first), &audit()).await.unwrap(),
        ActivationAdded::Added
    );
    let second = Activation { id: world.ids.next(world.now()), name: "second".into(), ..first.clone() };
    let there = ActivationAdded::AdapterIsEnabled { name: first.name.clone() };
    assert_eq!(world.store.add_activation(&second, activation_room(&second), &audit()).await.unwrap(), there);
    assert_eq!(world.store.activations().await.unwrap(), [first]);
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

async fn put(world: &World, key: &str, bytes: &'static [u8], room: Option<QuotaLimit>) -> StoreResult<()> {
    let owner = Some(world.agent.department);
    world.store.put_artefact(key, owner, Bytes::from_static(bytes), room).await
}

async fn artefact(world: &World, key: &str) -> Option<Vec<u8>> {
    world.store.artefact(key).await.unwrap()
}

pub(crate) async fn artefacts_are_kept_by_key(world: World) {
    assert_eq!(artefact(&world, "k").await, None);
    put(&world, "k", b"one", None).await.unwrap();
    assert_eq!(artefact(&world, "k").await.as_deref(), Some(&b"one"[..]));
    put(&world, "k", b"another", None).await.unwrap();
    assert_eq!(artefact(&world, "k").await.as_deref(), Some(&b"another"[..]));
}

pub(crate) async fn artefact_beyond_the_quota_is_not_kept(world: World) {
    let owner = Some(world.agent.department);
    let room = Some(QuotaLimit { owner, quota: Quota::ArtefactBytes, most: 10 });
    put(&world, "k", b"sixsix", room).await.unwrap();
    let over = put(&world, "l", b"five5", room).await;
    assert!(matches!(over, Err(StoreError::OverQuota(it)) if (it.used, it.added) == (6, 5)), "{over:?}");
    assert_eq!(artefact(&world, "l").await, None);
    // What replaces another counts in its place.
    put(&world, "k", b"ten, or so", room).await.unwrap();
}

pub(crate) async fn unused_artefact_is_deleted_after_a_while(world: World) {
    for key in ["used", "unused"] {
        put(&world, key, b"code", None).await.unwrap();
    }
    let used = HashMap::from([("used".to_owned(), None)]);
    let now = world.now();
    let sweep = |after_ms: i64, kept_ms: i64| Sweep {
        now: now.plus_ms(after_ms),
        unused_before: now.plus_ms(after_ms - kept_ms),
        at_once: None,
    };
    assert_eq!(world.store.sweep_artefacts(&used, sweep(0, 100)).await.unwrap(), 0);
    // One that is used again in between is unused anew later.
    let both = HashMap::from([("used".to_owned(), None), ("unused".to_owned(), None)]);
    assert_eq!(world.store.sweep_artefacts(&both, sweep(50, 100)).await.unwrap(), 0);
    assert_eq!(world.store.sweep_artefacts(&used, sweep(60, 100)).await.unwrap(), 0);
    assert_eq!(world.store.sweep_artefacts(&used, sweep(120, 100)).await.unwrap(), 0);
    assert!(artefact(&world, "unused").await.is_some());
    assert_eq!(world.store.sweep_artefacts(&used, sweep(160, 100)).await.unwrap(), 1);
    assert_eq!(artefact(&world, "unused").await, None);
    assert!(artefact(&world, "used").await.is_some());
    // Whose owner has no room is deleted at once.
    put(&world, "unused", b"code", None).await.unwrap();
    let at_once = |owner| Sweep { at_once: Some(owner), ..sweep(160, 100) };
    assert_eq!(world.store.sweep_artefacts(&used, at_once(None)).await.unwrap(), 0);
    let owner = Some(world.agent.department);
    assert_eq!(world.store.sweep_artefacts(&used, at_once(owner)).await.unwrap(), 1);
}

pub(crate) async fn component_of_a_yanked_unused_release_is_deleted_and_its_version_kept(world: World) {
    let published = release(&world, "1.0.0", "d1");
    publish(&world, &published).await;
    let (now, none) = (world.now(), HashSet::new());
    let over = Sweep { now, unused_before: now, at_once: None };
    assert_eq!(world.store.sweep_components(&none, over).await.unwrap(), 0, "it is not yanked");
    let state = ReleaseState::Yanked { reason: "wrong".into(), yanked_at: now };
    let yanked = Release { state, ..published.clone() };
    let audit = || world.audit("plugin.yank");
    world.store.change_release(&yanked, &published, &audit()).await.unwrap();
    let used = HashSet::from(["d1".to_owned()]);
    assert_eq!(world.store.sweep_components(&used, over).await.unwrap(), 0, "an activation runs it");
    assert_eq!(world.store.sweep_components(&none, over).await.unwrap(), 1);
    assert_eq!(world.store.component("d1").await.unwrap(), None);
    let other = release(&world, "1.0.0", "d2");
    assert_eq!(publish(&world, &other).await, Published::OtherBytes(Box::new(yanked.clone())));
    let unyanked = world.store.change_release(&published, &yanked, &audit()).await;
    assert!(matches!(unyanked, Err(StoreError::Missing(_))), "{unyanked:?}");
    // The same bytes again bring the component back.
    let again = release(&world, "1.0.0", "d1");
    assert_eq!(publish(&world, &again).await, Published::Before(Box::new(yanked.clone())));
    assert_eq!(world.store.component("d1").await.unwrap().as_deref(), Some(&b"abc"[..]));
    world.store.change_release(&published, &yanked, &audit()).await.unwrap();
}

pub(crate) async fn releases_and_activations_stay_within_their_quotas(world: World) {
    let owner = Some(world.agent.department);
    let first = Release { owner, ..release(&world, "1.0.0", "d1") };
    publish(&world, &first).await;
    let second = Release { owner, ..release(&world, "1.1.0", "d2") };
    let wide = release_room(&second);
    let bytes = QuotaLimit { most: 5, ..wide.bytes };
    let releases = QuotaLimit { most: 1, ..wide.releases };
    let audit = || world.audit("release.publish");
    for room in [ReleaseRoom { bytes, ..wide }, ReleaseRoom { releases, ..wide }] {
        let refused = world.store.publish(&second, &Bytes::from_static(b"abc"), room, &audit()).await;
        assert!(matches!(refused, Err(StoreError::OverQuota(_))), "{refused:?}");
        assert_eq!(world.store.release("d2").await.unwrap(), None);
    }
    let one = Activation { owner, ..activation(&world, &first) };
    let two = Activation { id: world.ids.next(world.now()), name: "two".into(), ..one.clone() };
    let wide = activation_room(&one);
    world.store.add_activation(&one, wide, &audit()).await.unwrap();
    let activations = QuotaLimit { most: 1, ..wide.activations };
    let preparing = QuotaLimit { most: 1, ..wide.preparing };
    for room in [ActivationRoom { activations, ..wide }, ActivationRoom { preparing, ..wide }] {
        let refused = world.store.add_activation(&two, room, &audit()).await;
        assert!(matches!(refused, Err(StoreError::OverQuota(_))), "{refused:?}");
    }
    // One that waits already may wait for something else.
    let other = Activation { updated_at: one.updated_at.plus_ms(1), ..one.clone() };
    world.store.plan_activation(&other, one.updated_at, preparing, &audit()).await.unwrap();
    assert_eq!(world.store.activations().await.unwrap(), [other]);
}

pub(crate) async fn activation_keeps_its_last_versions(world: World) {
    let release = release(&world, "1.0.0", "d1");
    publish(&world, &release).await;
    let mut present = activation(&world, &release);
    let audit = || world.audit("activation.change");
    world.store.add_activation(&present, activation_room(&present), &audit()).await.unwrap();
    for revision in 2..=ACTIVATION_VERSIONS_MAX + 2 {
        let next = Activation { revision, updated_at: present.updated_at.plus_ms(1), ..present.clone() };
        world.store.change_activation(&next, present.updated_at, &audit()).await.unwrap();
        present = next;
    }
    let versions = world.store.activation_versions(present.id).await.unwrap();
    let revisions: Vec<_> = versions.iter().map(|it| it.revision).collect();
    assert_eq!(revisions, (3..=ACTIVATION_VERSIONS_MAX + 2).rev().collect::<Vec<_>>());
}
