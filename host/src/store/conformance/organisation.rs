//! Departments, agents, queues, inboxes.

use super::world::World;
use crate::domain::allowance::Allowance;
use crate::domain::ids::{DepartmentId, TokenId};
use crate::domain::installation::InstallationSettings;
use crate::domain::organisation::{Department, Inbox, Queue};
use crate::domain::principal::Role;
use crate::domain::quota::Quota;
use crate::domain::token::Token;
use crate::store::{ChannelScope, QuotaChange, StoreError};

pub(crate) async fn names_are_unique(world: World) {
    let now = world.now();
    let twin =
        Department { id: world.ids.next(now), name: "support".into(), title: "Twin".into(), created_at: now };
    let taken = world.store.add_department(&twin, &[], &world.audit("department.add")).await;
    assert!(matches!(&taken, Err(StoreError::Taken(what)) if what == "department support"), "{taken:?}");
    let twin = Queue { id: world.ids.next(now), ..world.queue.clone() };
    let taken = world.store.add_queue(&twin, &world.audit("queue.add")).await;
    assert!(matches!(&taken, Err(StoreError::Taken(what)) if what == "queue first-line"), "{taken:?}");
    let twin = Inbox { id: world.ids.next(now), ..(*world.inbox).clone() };
    let taken = world.store.add_inbox(&twin, ChannelScope::Company, &world.audit("inbox.add")).await;
    assert!(matches!(&taken, Err(StoreError::Taken(what)) if what == "inbox shop"), "{taken:?}");
}

pub(crate) async fn a_channel_of_one_department_is_shared_only_by_the_company(world: World) {
    let now = world.now();
    let other =
        Department { id: world.ids.next(now), name: "other".into(), title: "Other".into(), created_at: now };
    world.store.add_department(&other, &[], &world.audit("department.add")).await.unwrap();
    let (id, name) = (world.ids.next(now), "second".to_owned());
    let inbox = Inbox { id, name, department: other.id, ..(*world.inbox).clone() };
    let audit = || world.audit("inbox.add");
    let taken = world.store.add_inbox(&inbox, ChannelScope::Department, &audit()).await;
    assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
    world.store.add_inbox(&inbox, ChannelScope::Company, &audit()).await.unwrap();
}

pub(crate) async fn name_like_that_of_anothers_inbox_is_refused_to_a_department(world: World) {
    let now = world.now();
    let other =
        Department { id: world.ids.next(now), name: "other".into(), title: "Other".into(), created_at: now };
    world.store.add_department(&other, &[], &world.audit("department.add")).await.unwrap();
    let named = |name: &str, department| Inbox {
        id: world.ids.next(now),
        name: name.into(),
        channel: name.into(),
        department,
        ..(*world.inbox).clone()
    };
    let audit = || world.audit("inbox.add");
    let add = async |inbox: &Inbox, scope| world.store.add_inbox(inbox, scope, &audit()).await;
    add(&named("billing", world.inbox.department), ChannelScope::Department).await.unwrap();
    let alike = named("bi11ing", other.id);
    let refused = add(&alike, ChannelScope::Department).await;
    assert!(matches!(&refused, Err(StoreError::LookAlike(_, it)) if it == "billing"), "{refused:?}");
    add(&named("b1lling", world.inbox.department), ChannelScope::Department).await.unwrap();
    // An admin of the whole company sees both.
    add(&alike, ChannelScope::Company).await.unwrap();
}

pub(crate) async fn what_is_referred_to_must_exist(world: World) {
    let now = world.now();
    let stray = Queue {
        id: world.ids.next(now),
        department: DepartmentId(1),
        name: "stray".into(),
        ..world.queue.clone()
    };
    let missing = world.store.add_queue(&stray, &world.audit("queue.add")).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
}

pub(crate) async fn an_inbox_is_changed_by_compare_and_set(world: World) {
    let mut inbox = (*world.inbox).clone();
    inbox.reply_hosts.clear();
    inbox.revision = 2;
    world.store.change_inbox(&inbox, &world.audit("inbox.change")).await.unwrap();
    let stale = world.store.change_inbox(&inbox, &world.audit("inbox.change")).await;
    assert!(matches!(stale, Err(StoreError::Stale(_))), "{stale:?}");
    let directory = world.store.directory().await.unwrap();
    assert_eq!(**directory.inbox_named("shop").unwrap(), inbox);
    assert_eq!(directory.queues().len(), 3);
    assert_eq!(directory.agent_named("aiko"), Some(&world.agent));
    // Nothing of the refused change is kept, its audit entry included.
    let page = crate::store::PageRequest { after: None, limit: 1 };
    let audit = world.store.audit(page).await.unwrap();
    assert_eq!(audit.entries[0].action, "inbox.change");
}

pub(crate) async fn the_installations_settings_are_changed_by_compare_and_set(world: World) {
    let seen = world.store.settings().await.unwrap();
    let changed = InstallationSettings { require_signatures: !seen.require_signatures };
    let change = world.audit("settings.change");
    world.store.change_settings(&seen, &changed, &change).await.unwrap();
    assert_eq!(world.store.settings().await.unwrap(), changed);
    // Whoever had looked before then changes nothing, and nothing is recorded.
    let stale = world.store.change_settings(&seen, &seen, &world.audit("settings.change")).await;
    assert!(matches!(stale, Err(StoreError::Stale(_))), "{stale:?}");
    assert_eq!(world.store.settings().await.unwrap(), changed);
    let page = crate::store::PageRequest { after: None, limit: 1 };
    assert_eq!(world.store.audit(page).await.unwrap().entries, [change]);
}

pub(crate) async fn tokens_are_kept_and_revoked_once(world: World) {
    assert_eq!(world.store.tokens().await.unwrap(), []);
    let now = world.now();
    let token = Token {
        id: world.ids.next(now),
        title: "for the shop".into(),
        role: Role::Service,
        department: Some(world.queue.department),
        agent: None,
        allowance: Allowance { requests_per_second: Some(7), body_bytes: Some(1_000) },
        sha256: "digest".into(),
        created_at: now,
        expires_at: Some(now.plus_ms(1)),
        revoked_at: None,
    };
    world.store.add_token(&token, &world.audit("token.add")).await.unwrap();
    assert_eq!(world.store.tokens().await.unwrap(), std::slice::from_ref(&token));
    let twin = Token { id: world.ids.next(now), ..token.clone() };
    let taken = world.store.add_token(&twin, &world.audit("token.add")).await;
    assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
    let at = world.now();
    world.store.revoke_token(token.id, at, &world.audit("token.revoke")).await.unwrap();
    let revoked = Token { revoked_at: Some(at), ..token.clone() };
    assert_eq!(world.store.tokens().await.unwrap(), [revoked]);
    let again = world.store.revoke_token(token.id, world.now(), &world.audit("token.revoke")).await;
    assert!(matches!(again, Err(StoreError::Stale(_))), "{again:?}");
    let unknown = world.store.revoke_token(TokenId(1), at, &world.audit("token.revoke")).await;
    assert!(matches!(unknown, Err(StoreError::Missing(_))), "{unknown:?}");
}

pub(crate) async fn a_token_that_was_revoked_makes_no_other(world: World) {
    let now = world.now();
    let token = |sha256: &str| Token {
        id: world.ids.next(now),
        title: "an admin".into(),
        role: Role::Admin,
        department: None,
        agent: None,
        allowance: Allowance::default(),
        sha256: sha256.into(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    let maker = token("maker");
    world.store.add_token(&maker, &world.audit("token.add")).await.unwrap();
    let mut audit = world.audit("token.add");
    audit.principal.token = Some(maker.id);
    world.store.add_token(&token("made"), &audit).await.unwrap();
    world.store.revoke_token(maker.id, world.now(), &world.audit("token.revoke")).await.unwrap();
    audit.id = world.ids.next(now);
    let late = world.store.add_token(&token("late"), &audit).await;
    assert!(matches!(late, Err(StoreError::Stale(_))), "{late:?}");
}

pub(crate) async fn quotas_are_set_and_put_back_to_their_default(world: World) {
    let support = Some(world.inbox.department);
    let change = async |owner, value| {
        let changes = [QuotaChange { quota: Quota::Activations, value }];
        world.store.change_quotas(owner, &changes, &world.audit("quotas.change")).await.unwrap();
        let directory = world.store.directory().await.unwrap();
        [support, None].map(|it| directory.quotas().value(it, Quota::Activations))
    };
    let defaults = [support, None].map(|it| Quota::Activations.default_of(it));
    assert_eq!(change(support, Some(3)).await, [3, defaults[1]]);
    assert_eq!(change(None, Some(0)).await, [3, 0]);
    assert_eq!(change(support, Some(4)).await, [4, 0]);
    assert_eq!(change(support, None).await, [defaults[0], 0]);
    assert_eq!(change(None, None).await, defaults);
}
