//! Threading, by table and property.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const INBOX: InboxId = InboxId(1);

fn item<'a>(external_id: &'a str, in_reply_to: &'a [String]) -> ThreadItem<'a> {
    ThreadItem { inbox: INBOX, external_id, in_reply_to }
}

fn known(entries: &[(&str, i64)]) -> HashMap<Reference, ConversationId> {
    entries
        .iter()
        .map(|(id, conversation)| ((INBOX, (*id).to_owned()), ConversationId(*conversation)))
        .collect()
}

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn a_reply_joins_the_conversation_of_its_parent() {
    let parents = ids(&["a"]);
    let threads = assign(&[item("b", &parents)], &known(&[("a", 7)]));
    assert_eq!(threads.assigned, [Assigned::Existing(ConversationId(7))]);
}

#[test]
fn a_child_before_its_parent_is_one_conversation_with_it() {
    let parents = ids(&["a"]);
    let threads = assign(&[item("b", &parents), item("a", &[]), item("x", &[])], &HashMap::new());
    assert_eq!(threads.assigned, [Assigned::New(0), Assigned::New(0), Assigned::New(2)]);
}

#[test]
fn an_item_that_joins_two_conversations_merges_the_younger_into_the_older() {
    let parents = ids(&["b", "a"]);
    let threads = assign(&[item("c", &parents)], &known(&[("a", 9), ("b", 4)]));
    assert_eq!(threads.assigned, [Assigned::Existing(ConversationId(4))]);
    assert_eq!(threads.merges, [(ConversationId(4), ConversationId(9))]);
}

#[test]
fn the_same_id_in_another_inbox_is_another_item() {
    let other = ThreadItem { inbox: InboxId(2), external_id: "a", in_reply_to: &[] };
    let threads = assign(&[item("a", &[]), other], &HashMap::new());
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

/// Items as they came, one batch or many, thread the same way.
fn partition(items: &[(u8, Vec<u8>)], batch: usize) -> Vec<usize> {
    let items: Vec<(String, Vec<String>)> = items
        .iter()
        .map(|(id, parents)| (format!("m{id}"), parents.iter().map(|it| format!("m{it}")).collect()))
        .collect();
    let mut known: HashMap<Reference, ConversationId> = HashMap::new();
    let mut merged: HashMap<ConversationId, ConversationId> = HashMap::new();
    let mut of_item = Vec::new();
    for chunk in items.chunks(batch) {
        let chunk_items: Vec<_> = chunk.iter().map(|(id, parents)| item(id, parents)).collect();
        let threads = assign(&chunk_items, &known);
        for (winner, loser) in &threads.merges {
            merged.insert(*loser, *winner);
            known.values_mut().filter(|it| *it == loser).for_each(|it| *it = *winner);
        }
        let base = of_item.len() as i64;
        for (item, assigned) in chunk_items.iter().zip(&threads.assigned) {
            let conversation = match assigned {
                Assigned::Existing(id) => *id,
                Assigned::New(first) => ConversationId(base + *first as i64),
            };
            known.extend(item.references().map(|reference| (reference, conversation)));
            of_item.push(conversation);
        }
    }
    let resolve = |mut id: ConversationId| {
        while let Some(next) = merged.get(&id) {
            id = *next;
        }
        id
    };
    let resolved: Vec<_> = of_item.into_iter().map(resolve).collect();
    // Numbered by first appearance, so that partitions can be compared.
    resolved.iter().map(|id| resolved.iter().position(|it| it == id).unwrap_or_default()).collect()
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
}
