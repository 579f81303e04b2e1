//! Parts that need no guest and no repository: threading a batch, merging a decision.
//!
//! Run with `cargo bench -p switchboard`.

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use switchboard::domain::activation::{Mode, Phase, Reach};
use switchboard::domain::conversation::{Conversation, PersonSet, Status};
use switchboard::domain::ids::{
    ActivationId, ContactId, ConversationId, DepartmentId, IdentityId, InboxId, QueueId,
};
use switchboard::domain::merge::{Circumstances, Voice, merge};
use switchboard::domain::organisation::{Department, Directory, Inbox, InboxAccess, Queue, QueueKind};
use switchboard::domain::proposal::{Action, Destination, Priority, Proposal, ProposalKind};
use switchboard::domain::threading::{
    Bounds, Evidence, KnownThreads, Lead, REFERENCES_MAX, Standing, ThreadItem, Writer, assign,
};
use switchboard::domain::time::Timestamp;

/// As many items as one transaction stores.
const BATCH: usize = 256;

fn threading(criterion: &mut Criterion) {
    let ids: Vec<String> = (0..BATCH).map(|number| format!("message-{number}@example.com")).collect();
    let parents: Vec<Vec<String>> = (0..BATCH).map(|number| vec![ids[number / 3].clone()]).collect();
    let items: Vec<ThreadItem<'_>> = ids
        .iter()
        .zip(&parents)
        .map(|(id, parents)| ThreadItem {
            inbox: InboxId(1),
            external_id: id,
            in_reply_to: parents,
            nearest: REFERENCES_MAX,
            writer: Writer::Contact(ContactId(1)),
            is_vouched: false,
        })
        .collect();
    let (conversation, contact) = (ConversationId(1), ContactId(1));
    let lead = Lead { conversation, evidence: Evidence::Contact(contact) };
    let known = KnownThreads {
        leads: HashMap::from([((InboxId(1), ids[0].clone()), vec![lead])]),
        conversations: HashMap::from([(conversation, Standing { contact, rows: 1 })]),
        ..KnownThreads::default()
    };
    criterion.bench_function("threading/assign a batch of 256", |bencher| {
        bencher.iter(|| assign(black_box(&items), black_box(&known), Bounds::default()));
    });
}

fn merging(criterion: &mut Criterion) {
    let (inbox, conversation) = (inbox(), conversation());
    let directory = directory(&inbox);
    let proposals = proposals();
    let declared = [ProposalKind::Destination, ProposalKind::Priority, ProposalKind::Tags];
    let voices: Vec<Voice<'_>> = ["reach", "words", "silence"]
        .into_iter()
        .zip(1..)
        .map(|(name, number)| Voice {
            activation: ActivationId(number),
            name,
            phase: Phase::Route,
            mode: Mode::Active,
            reach: Reach::Anywhere,
            owner: None,
            declared: &declared,
            proposals: &proposals,
        })
        .collect();
    let (conversation, inbox, directory) = (&conversation, &inbox, &directory);
    let now = Timestamp::from_ms(1_800_000_000_000);
    let around = Circumstances { conversation, inbox, directory, open_timers: &[], now, parked: None };
    criterion.bench_function("merge/three policies, three proposals each", |bencher| {
        bencher.iter(|| merge(black_box(around), black_box(&voices)));
    });
}

fn proposals() -> Vec<Proposal> {
    let why = || "the text names it".to_owned();
    let to = Destination { department: "support".into(), queue: None, assignee: None };
    vec![
        Proposal { action: Action::Destination(to), why: why() },
        Proposal { action: Action::Priority { priority: Priority::High }, why: why() },
        Proposal { action: Action::Tags { tags: vec!["refund".into()] }, why: why() },
    ]
}

fn directory(inbox: &Inbox) -> Directory {
    let created_at = Timestamp::from_ms(0);
    let support =
        Department { id: DepartmentId(1), name: "support".into(), title: "Support".into(), created_at };
    let queue = Queue {
        id: QueueId(1),
        department: DepartmentId(1),
        name: "general".into(),
        title: "General".into(),
        kind: QueueKind::Ordinary,
        created_at,
    };
    Directory::new(vec![support], vec![queue], vec![], vec![inbox.clone()])
}

fn inbox() -> Inbox {
    Inbox {
        id: InboxId(1),
        name: "web".into(),
        department: DepartmentId(1),
        channel: "web".into(),
        adapter: "cloudevents".into(),
        settings: serde_json::Value::Null,
        operator_queue: QueueId(1),
        junk_queue: QueueId(1),
        promise: None,
        access: InboxAccess::Open,
        reply_hosts: vec![],
        allowance: Default::default(),
        secrets: Default::default(),
        retention: Default::default(),
        created_at: Timestamp::from_ms(0),
        revision: 1,
    }
}

fn conversation() -> Conversation {
    let opened_at = Timestamp::from_ms(1_000);
    Conversation {
        id: ConversationId(1),
        inbox: InboxId(1),
        thread_key: "message-1".into(),
        contact: ContactId(1),
        identity: IdentityId(1),
        subject: None,
        status: Status::Open,
        place: None,
        priority: Priority::Normal,
        tags: Default::default(),
        attributes: Default::default(),
        intent: None,
        listening: None,
        language: None,
        deadline: None,
        waiting_since: Some(opened_at),
        promise_started_for: None,
        first_answered_at: None,
        opened_at,
        updated_at: opened_at,
        item_count: 1,
        reopened_count: 0,
        handed_over_count: 0,
        escalation_level: 0,
        person_set: PersonSet::default(),
        disposition: None,
        merged_into: None,
        erased_at: None,
        revision: 1,
    }
}

criterion_group!(parts, threading, merging);
criterion_main!(parts);
