//! Releases, activations, generations, artefacts.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde_json::json;

use super::world::{ALL, World, inbound};
use crate::domain::activation::{Activation, AppliesTo, Mode, Phase, Preparation, Reach};
use crate::domain::failure_policy::FailurePolicy;
use crate::domain::generation::Generation;
use crate::domain::ids::SigningKeyId;
use crate::domain::quota::{Quota, QuotaLimit, Quotas};
use crate::domain::release::{Manifest, PluginKind, Release, ReleaseState};
use crate::domain::signing::{KnownSignature, Signature};
use crate::store::{
    ACTIVATION_VERSIONS_MAX, ActivationAdded, ActivationRoom, GENERATIONS_KEPT, PageRequest, Published,
    ReleaseRoom, StoreError, StoreResult, Sweep, UsableRelease,
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
    let versions = world.store.versions("keyword-router").await.unwrap();
    let called: Vec<_> = versions.iter().map(|it| (it.version.as_str(), it.digest.as_str())).collect();
    assert_eq!(called, [("1.1.0", "d3"), ("1.0.0", "d1")]);
    assert_eq!(world.store.releases_of("keyword-router", ALL).await.unwrap().entries, both);
    let first_page = PageRequest { after: None, limit: 1 };
    let page = world.store.releases_of("keyword-router", first_page).await.unwrap();
    assert_eq!(page.entries, both[..1]);
    let rest = PageRequest { after: page.next, limit: 1 };
    assert_eq!(world.store.releases_of("keyword-router", rest).await.unwrap().entries, both[1..]);
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
    let missing = world.store.add_activation(&first, activation_room(&first), &[], &audit()).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
    publish(&world, &release).await;
    world.store.add_activation(&first, activation_room(&first), &[], &audit()).await.unwrap();
    let twin = activation(&world, &release);
    let taken = world.store.add_activation(&twin, activation_room(&twin), &[], &audit()).await;
    assert!(matches!(&taken, Err(StoreError::Taken(what)) if what == "activation words"), "{taken:?}");

    let mut ready = Activation { preparation: Preparation::Ready, updated_at: world.now(), ..first.clone() };
    world.store.change_activation(&ready, first.updated_at, &[], &audit()).await.unwrap();
    let stale = world.store.change_activation(&ready, first.updated_at, &[], &audit()).await;
    assert!(matches!(stale, Err(StoreError::Stale(_))), "{stale:?}");
    assert_eq!(world.store.activation_versions(first.id).await.unwrap().len(), 1);
    let seen = ready.updated_at;
    ready = Activation { revision: 2, settings: json!({}), updated_at: world.now(), ..ready };
    world.store.change_activation(&ready, seen, &[], &audit()).await.unwrap();
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
        world.store.add_activation(&first, activation_room(&first), &[], &audit()).await.unwrap(),
        ActivationAdded::Added
    );
    let second = Activation { id: world.ids.next(world.now()), name: "second".into(), ..first.clone() };
    let there = ActivationAdded::AdapterIsEnabled { name: first.name.clone() };
    assert_eq!(
        world.store.add_activation(&second, activation_room(&second), &[], &audit()).await.unwrap(),
        there
    );
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
    let again = Release { signature: Some(signature()), ..release(&world, "1.0.0", "d1") };
    let signed = Release { signature: Some(signature()), ..yanked };
    assert_eq!(publish(&world, &again).await, Published::Before(Box::new(signed.clone())));
    assert_eq!(world.store.component("d1").await.unwrap().as_deref(), Some(&b"abc"[..]));
    assert_eq!(world.store.release("d1").await.unwrap(), Some(signed.clone()), "and its signature with them");
    world.store.change_release(&published, &signed, &audit()).await.unwrap();
}

fn signature() -> KnownSignature {
    let signature = Signature { public_key: "a key".into(), signature: "a signature".into() };
    KnownSignature { key: SigningKeyId(1), signature }
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
    world.store.add_activation(&one, wide, &[], &audit()).await.unwrap();
    let activations = QuotaLimit { most: 1, ..wide.activations };
    let preparing = QuotaLimit { most: 1, ..wide.preparing };
    for room in [ActivationRoom { activations, ..wide }, ActivationRoom { preparing, ..wide }] {
        let refused = world.store.add_activation(&two, room, &[], &audit()).await;
        assert!(matches!(refused, Err(StoreError::OverQuota(_))), "{refused:?}");
    }
    // One that waits already may wait for something else.
    let other = Activation { updated_at: one.updated_at.plus_ms(1), ..one.clone() };
    world.store.plan_activation(&other, one.updated_at, &[], preparing, &audit()).await.unwrap();
    assert_eq!(world.store.activations().await.unwrap(), [other]);
}

pub(crate) async fn activation_keeps_its_last_versions(world: World) {
    let release = release(&world, "1.0.0", "d1");
    publish(&world, &release).await;
    let mut present = activation(&world, &release);
    let audit = || world.audit("activation.change");
    world.store.add_activation(&present, activation_room(&present), &[], &audit()).await.unwrap();
    for revision in 2..=ACTIVATION_VERSIONS_MAX + 2 {
        let next = Activation { revision, updated_at: present.updated_at.plus_ms(1), ..present.clone() };
        world.store.change_activation(&next, present.updated_at, &[], &audit()).await.unwrap();
        present = next;
    }
    let versions = world.store.activation_versions(present.id).await.unwrap();
    let revisions: Vec<_> = versions.iter().map(|it| it.revision).collect();
    assert_eq!(revisions, (3..=ACTIVATION_VERSIONS_MAX + 2).rev().collect::<Vec<_>>());
}

async fn yank(world: &World, published: &Release) -> Release {
    let state = ReleaseState::Yanked { reason: "wrong".into(), yanked_at: world.now() };
    let yanked = Release { state, ..published.clone() };
    world.store.change_release(&yanked, published, &world.audit("plugin.yank")).await.unwrap();
    yanked
}

pub(crate) async fn release_that_changed_meanwhile_enables_nothing(world: World) {
    let published = release(&world, "1.0.0", "d1");
    publish(&world, &published).await;
    let settings = world.store.settings().await.unwrap();
    let usable = [UsableRelease { release: published.clone(), keys: Vec::new(), settings }];
    let first = activation(&world, &published);
    let (room, audit) = (activation_room(&first), || world.audit("activation.enable"));
    world.store.add_activation(&first, room, &usable, &audit()).await.unwrap();
    yank(&world, &published).await;
    let second = Activation { id: world.ids.next(world.now()), name: "second".into(), ..first.clone() };
    let refused = world.store.add_activation(&second, room, &usable, &audit()).await;
    assert!(matches!(refused, Err(StoreError::Stale(_))), "{refused:?}");
    let ready = Activation { preparation: Preparation::Ready, updated_at: world.now(), ..first.clone() };
    let refused = world.store.change_activation(&ready, first.updated_at, &usable, &audit()).await;
    assert!(matches!(refused, Err(StoreError::Stale(_))), "{refused:?}");
    assert_eq!(world.store.activations().await.unwrap(), std::slice::from_ref(&first));
    // What does not depend on it goes on.
    world.store.change_activation(&ready, first.updated_at, &[], &audit()).await.unwrap();
}

pub(crate) async fn component_that_an_activation_runs_by_now_is_not_deleted(world: World) {
    let published = release(&world, "1.0.0", "d1");
    publish(&world, &published).await;
    let yanked = yank(&world, &published).await;
    let (now, none) = (world.now(), HashSet::new());
    let over = Sweep { now, unused_before: now, at_once: None };
    // It was not running when the used ones were looked up.
    let first = activation(&world, &published);
    let audit = || world.audit("activation.enable");
    world.store.add_activation(&first, activation_room(&first), &[], &audit()).await.unwrap();
    assert_eq!(world.store.sweep_components(&none, over).await.unwrap(), 0);
    assert!(world.store.component("d1").await.unwrap().is_some());
    world.store.delete_activation(&first, first.updated_at, &audit()).await.unwrap();
    world.store.change_release(&published, &yanked, &audit()).await.unwrap();
    assert_eq!(world.store.sweep_components(&none, over).await.unwrap(), 0, "it is not yanked any more");
    yank(&world, &published).await;
    assert_eq!(world.store.sweep_components(&none, over).await.unwrap(), 1);
}

pub(crate) async fn deleted_activation_leaves_its_name_to_another(world: World) {
    let published = release(&world, "1.0.0", "d1");
    publish(&world, &published).await;
    let first = activation(&world, &published);
    let (room, audit) = (activation_room(&first), || world.audit("activation.delete"));
    world.store.add_activation(&first, room, &[], &audit()).await.unwrap();
    let stale = world.store.delete_activation(&first, first.updated_at.plus_ms(-1), &audit()).await;
    assert!(matches!(stale, Err(StoreError::Stale(_))), "{stale:?}");
    assert_eq!(world.store.activation_versions(first.id).await.unwrap().len(), 1, "nothing of it is deleted");
    world.store.delete_activation(&first, first.updated_at, &audit()).await.unwrap();
    assert_eq!(world.store.activations().await.unwrap(), []);
    assert_eq!(world.store.activation_versions(first.id).await.unwrap(), []);
    let missing = world.store.delete_activation(&first, first.updated_at, &audit()).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
    let again = Activation { id: world.ids.next(world.now()), ..first };
    world.store.add_activation(&again, room, &[], &audit()).await.unwrap();
}

pub(crate) async fn name_like_that_of_anothers_activation_is_refused(world: World) {
    let published = release(&world, "1.0.0", "d1");
    publish(&world, &published).await;
    let companys = activation(&world, &published);
    let audit = || world.audit("activation.enable");
    let add = async |activation: &Activation| {
        world.store.add_activation(activation, activation_room(activation), &[], &audit()).await
    };
    add(&companys).await.unwrap();
    let named = |name: &str, owner| Activation {
        id: world.ids.next(world.now()),
        name: name.into(),
        owner,
        ..companys.clone()
    };
    let owner = Some(world.agent.department);
    let refused = add(&named("w0rds", owner)).await;
    assert!(matches!(&refused, Err(StoreError::LookAlike(_, other)) if other == "words"), "{refused:?}");
    add(&named("letters", owner)).await.unwrap();
    add(&named("1etters", owner)).await.unwrap();
    // The company's own admins see all of them.
    add(&named("letter-s", None)).await.unwrap();
}

pub(crate) async fn generations_that_a_decision_names_are_kept(world: World) {
    let began = world.now();
    let generation = |number: i64| {
        // Two hours pass from each to the next: longer than work is in flight.
        let at = began.plus_ms(number * 7_200_000);
        Generation {
            id: world.ids.next(at),
            number,
            created_at: at,
            cause: "tests".into(),
            entries: Vec::new(),
        }
    };
    for number in 1..=3 {
        world.store.add_generation(&generation(number)).await.unwrap();
    }
    world.take_one(inbound("a", &[])).await;
    world.route_all().await;
    for number in 4..=GENERATIONS_KEPT + 4 {
        world.store.add_generation(&generation(number)).await.unwrap();
    }
    assert_eq!(world.store.sweep_generations().await.unwrap(), 2);
    let mut kept = Vec::new();
    for number in 1..=6 {
        kept.extend(world.store.generation(number).await.unwrap().map(|it| it.number));
    }
    // The decision was made under the third, or in flight since the second.
    assert_eq!(kept, [2, 3, 5, 6]);
    assert_eq!(world.store.latest_generation().await.unwrap().unwrap().number, GENERATIONS_KEPT + 4);
}
