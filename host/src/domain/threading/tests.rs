//! Threading, by table and property.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const INBOX: InboxId = InboxId(1);
const MIKA: Writer = Writer::Contact(ContactId(1));
const OTTO: Writer = Writer::Contact(ContactId(2));
const NO_BOUNDS: Bounds = Bounds { merges: usize::MAX, rows: u64::MAX };

/// An item of a channel that vouches for its threads.
fn item<'a>(external_id: &'a str, in_reply_to: &'a [String]) -> ThreadItem<'a> {
    ThreadItem { is_vouched: true, ..by(MIKA, external_id, in_reply_to) }
}

/// An item that anybody may have sent.
fn by<'a>(writer: Writer, external_id: &'a str, in_reply_to: &'a [String]) -> ThreadItem<'a> {
    ThreadItem { inbox: INBOX, external_id, in_reply_to, nearest: REFERENCES_MAX, writer, is_vouched: false }
}

/// Conversations with Mika, by what they hold.
fn known(entries: &[(&str, i64)]) -> KnownThreads {
    let entries: Vec<_> = entries.iter().map(|(id, conversation)| (*id, *conversation, 1, 1)).collect();
    known_with(&entries)
}

/// Conversations by what they hold, with whom they are, and how many rows they have.
fn known_with(entries: &[(&str, i64, i64, u32)]) -> KnownThreads {
    let mut known = KnownThreads::default();
    for (id, conversation, contact, rows) in entries {
        let (conversation, contact) = (ConversationId(*conversation), ContactId(*contact));
        let lead = Lead { conversation, evidence: Evidence::Contact(contact) };
        known.leads.entry((INBOX, (*id).to_owned())).or_default().push(lead);
        known.conversations.insert(conversation, Standing { contact, rows: *rows });
    }
    known
}

fn assign_all(items: &[ThreadItem<'_>], known: &KnownThreads) -> Threads {
    assign(items, known, Bounds::default())
}

fn existing(id: i64) -> Assigned {
    Assigned::Existing(ConversationId(id))
}

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn a_reply_joins_the_conversation_of_its_parent() {
    let parents = ids(&["a"]);
    let threads = assign_all(&[item("b", &parents)], &known(&[("a", 7)]));
    assert_eq!(threads.assigned, [existing(7)]);
}

#[test]
fn a_child_before_its_parent_is_one_conversation_with_it() {
    let parents = ids(&["a"]);
    for is_vouched in [true, false] {
        let items = [by(MIKA, "b", &parents), by(MIKA, "a", &[]), by(MIKA, "x", &[])];
        let items = items.map(|it| ThreadItem { is_vouched, ..it });
        let threads = assign_all(&items, &KnownThreads::default());
        assert_eq!(threads.assigned, [Assigned::New(0), Assigned::New(0), Assigned::New(2)]);
    }
}

#[test]
fn an_item_that_joins_two_conversations_merges_the_younger_into_the_older() {
    let parents = ids(&["b", "a"]);
    for is_vouched in [true, false] {
        let item = ThreadItem { is_vouched, ..by(MIKA, "c", &parents) };
        let threads = assign_all(&[item], &known(&[("a", 9), ("b", 4)]));
        assert_eq!(threads.assigned, [existing(4)]);
        assert_eq!(threads.merges, [(ConversationId(4), ConversationId(9))]);
        assert_eq!(threads.suggestions, []);
    }
}

#[test]
fn a_strangers_references_join_nothing_and_are_suggestions() {
    let parents = ids(&["b", "a"]);
    for writer in [OTTO, Writer::Anonymous] {
        let threads = assign_all(&[by(writer, "c", &parents)], &known(&[("a", 9), ("b", 4)]));
        assert_eq!((&threads.assigned[..], &threads.merges[..]), (&[Assigned::New(0)][..], &[][..]));
        let suggested: Vec<_> = threads.suggestions.iter().map(|it| it.other).collect();
        assert_eq!(suggested, [existing(4), existing(9)]);
    }
}

#[test]
fn an_item_that_we_sent_is_joined_and_nothing_is_merged_by_it() {
    let mut known = known_with(&[("a", 4, 1, 1), ("sent", 4, 1, 1), ("other", 9, 1, 1)]);
    for leads in known.leads.values_mut() {
        leads[0].evidence = Evidence::Sent;
    }
    let parents = ids(&["sent", "other"]);
    for writer in [OTTO, Writer::Anonymous] {
        let threads = assign_all(&[by(writer, "c", &parents)], &known);
        assert_eq!((&threads.assigned[..], &threads.merges[..]), (&[existing(4)][..], &[][..]));
        assert_eq!(threads.suggestions, [Suggested { item: 0, other: existing(9), why: Unjoined::Unproven }]);
    }
}

#[test]
fn a_writer_who_joined_a_conversation_joins_it_again() {
    let mut known = known(&[("a", 4)]);
    let lead = Lead { conversation: ConversationId(4), evidence: Evidence::Contact(ContactId(2)) };
    known.leads.insert((INBOX, "ottos".into()), vec![lead]);
    let (own, others) = (ids(&["ottos"]), ids(&["a"]));
    let threads = assign_all(&[by(OTTO, "c", &own), by(OTTO, "d", &others)], &known);
    assert_eq!(threads.assigned, [existing(4), Assigned::New(1)]);
}

#[test]
fn an_id_that_a_stranger_named_first_leads_its_own_writer() {
    let named = ids(&["parent"]);
    let items = [by(OTTO, "x", &named), by(MIKA, "child", &named), by(MIKA, "parent", &[])];
    let threads = assign_all(&items, &KnownThreads::default());
    assert_eq!(threads.assigned, [Assigned::New(0), Assigned::New(1), Assigned::New(1)]);
}

#[test]
fn what_the_company_wrote_joins_what_it_answers_and_merges_nothing() {
    let parents = ids(&["b", "a"]);
    let threads = assign_all(&[by(Writer::Company, "c", &parents)], &known(&[("a", 9), ("b", 4)]));
    assert_eq!(threads.assigned, [existing(4)]);
    assert_eq!((threads.merges.len(), threads.suggestions.len()), (0, 0));
}

#[test]
fn more_merges_than_a_batch_makes_are_suggestions() {
    let entries: Vec<_> = (0..20).map(|it| (format!("m{it}"), it + 1)).collect();
    let entries: Vec<_> = entries.iter().map(|(name, id)| (name.as_str(), *id)).collect();
    let parents: Vec<_> = (0..20).map(|it| format!("m{it}")).collect();
    let threads = assign_all(&[item("x", &parents)], &known(&entries));
    assert_eq!(threads.merges.len(), Bounds::default().merges);
    assert_eq!(threads.suggestions.len(), SUGGESTIONS_MAX);
}

#[test]
fn a_long_conversation_is_merged_into_none_and_others_into_it() {
    let parents = ids(&["a", "b"]);
    let entries = |of_older, of_younger| known_with(&[("a", 4, 1, of_older), ("b", 9, 1, of_younger)]);
    let threads = assign_all(&[item("c", &parents)], &entries(1, 1_001));
    assert_eq!((threads.merges.len(), threads.suggestions.len()), (0, 1));
    assert_eq!(threads.suggestions[0].why, Unjoined::TooLong);
    let threads = assign_all(&[item("c", &parents)], &entries(1_000_000, 1_000));
    assert_eq!(threads.merges, [(ConversationId(4), ConversationId(9))]);
}

#[test]
fn a_delivery_of_many_items_counts_fewer_references_of_each() {
    assert_eq!([1, 64, 1_000].map(nearest_of), [64, 64, 4]);
    assert_eq!([100, 10_000].map(nearest_of), [40, 4]);
}

#[test]
fn what_is_kept_apart_is_not_merged_and_the_suggestion_says_why() {
    let parents = ids(&["b", "a"]);
    let pair = [ConversationId(9), ConversationId(4)];
    for why in [Unjoined::Apart, Unjoined::OverQuota] {
        let mut known = known(&[("a", 9), ("b", 4)]);
        match why {
            Unjoined::Apart => known.apart.insert(pair),
            _ => known.over_quota.insert(pair),
        };
        let threads = assign_all(&[item("c", &parents)], &known);
        assert_eq!((&threads.assigned[..], &threads.merges[..]), (&[existing(4)][..], &[][..]));
        assert_eq!(threads.suggestions, [Suggested { item: 0, other: existing(9), why }]);
    }
}

#[test]
fn the_same_id_in_another_inbox_is_another_item() {
    let other = ThreadItem { inbox: InboxId(2), ..item("a", &[]) };
    let threads = assign_all(&[item("a", &[]), other], &KnownThreads::default());
    assert_eq!(threads.assigned, [Assigned::New(0), Assigned::New(1)]);
}

#[test]
fn a_new_conversation_is_known_by_its_farthest_ancestor() {
    let parents = ids(&["near", "far"]);
    assert_eq!(item("x", &parents).thread_key(), "far");
    assert_eq!(item("x", &[]).thread_key(), "x");
}

#[test]
fn an_endless_chain_of_references_counts_its_nearest() {
    let parents: Vec<_> = (0..10_000).map(|n| format!("m{n}")).collect();
    assert_eq!(item("x", &parents).references().count(), REFERENCES_MAX + 1);
}

fn any_items() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    vec((0_u8..30, vec(0_u8..30, 0..3)), 1..40)
}

/// Items as they came, one batch or many, thread the same way: each one's conversation, by first appearance.
fn partition(items: &[(u8, Vec<u8>)], batch: usize) -> Vec<usize> {
    let items: Vec<_> = items.iter().map(|(id, parents)| (*id, parents.clone(), 0, true)).collect();
    let resolved = threaded(&items, batch);
    resolved.iter().map(|id| resolved.iter().position(|it| it == id).unwrap_or_default()).collect()
}

/// Threads items (id, parents, writer, whether the channel vouches) in batches; the conversation of each.
fn threaded(items: &[(u8, Vec<u8>, i64, bool)], batch: usize) -> Vec<ConversationId> {
    let name = |it: &u8| format!("m{it}");
    let items: Vec<(String, Vec<String>, i64, bool)> = items
        .iter()
        .map(|(id, parents, writer, vouched)| {
            (name(id), parents.iter().map(name).collect(), *writer, *vouched)
        })
        .collect();
    let mut known = KnownThreads::default();
    let mut merged: HashMap<ConversationId, ConversationId> = HashMap::new();
    let mut of_item = Vec::new();
    for chunk in items.chunks(batch) {
        let writer = |it: i64| Writer::Contact(ContactId(it));
        let chunk: Vec<_> = chunk
            .iter()
            .map(|(id, parents, by_whom, is_vouched)| {
                let item = by(writer(*by_whom), id, parents);
                (ThreadItem { is_vouched: *is_vouched, ..item }, ContactId(*by_whom))
            })
            .collect();
        let chunk_items: Vec<_> = chunk.iter().map(|it| it.0.clone()).collect();
        let threads = assign(&chunk_items, &known, NO_BOUNDS);
        for (winner, loser) in &threads.merges {
            merged.insert(*loser, *winner);
            known.leads.values_mut().flatten().filter(|it| it.conversation == *loser).for_each(|it| {
                it.conversation = *winner;
            });
        }
        let base = of_item.len() as i64;
        for ((item, contact), assigned) in chunk.iter().zip(&threads.assigned) {
            let conversation = match assigned {
                Assigned::Existing(id) => *id,
                Assigned::New(first) => ConversationId(base + *first as i64),
            };
            known.conversations.entry(conversation).or_insert(Standing { contact: *contact, rows: 1 });
            let lead = Lead { conversation, evidence: item.evidence() };
            for reference in item.references() {
                known.leads.entry(reference).or_default().push(lead);
            }
            of_item.push(conversation);
        }
    }
    let resolve = |mut id: ConversationId| {
        while let Some(next) = merged.get(&id) {
            id = *next;
        }
        id
    };
    of_item.into_iter().map(resolve).collect()
}

proptest! {
    #[test]
    fn batches_do_not_change_who_belongs_together(items in any_items(), batch in 1_usize..40) {
        prop_assert_eq!(partition(&items, batch), partition(&items, items.len()));
    }

    #[test]
    fn items_that_share_a_reference_share_the_conversation(items in any_items()) {
        let parts = partition(&items, 1);
        for (index, (_, parents)) in items.iter().enumerate() {
            for (other, (id, _)) in items.iter().enumerate() {
                if parents.contains(id) || items[index].0 == *id {
                    prop_assert_eq!(parts[index], parts[other]);
                }
            }
        }
    }

    #[test]
    fn without_a_vouching_channel_a_conversation_has_one_writer(
        items in vec((0_u8..30, vec(0_u8..30, 0..4), 0_i64..4), 1..40),
        batch in 1_usize..40,
    ) {
        let items: Vec<_> = items.into_iter().map(|(id, parents, by)| (id, parents, by, false)).collect();
        let mut writers: HashMap<ConversationId, HashSet<i64>> = HashMap::new();
        for (conversation, item) in threaded(&items, batch).into_iter().zip(&items) {
            writers.entry(conversation).or_default().insert(item.2);
        }
        prop_assert!(writers.values().all(|it| it.len() == 1), "{:?}", writers);
    }
}
