//! Finding texts.

use super::world::{World, item};
use crate::domain::arrival::{Arrival, Edit};
use crate::domain::time::Timestamp;
use crate::store::PageRequest;

async fn say(world: &World, external_id: &str, text: &str) {
    let mut said = item(external_id, &[]);
    said.subject = None;
    said.text = text.into();
    world.take([Arrival::Item(said)]).await;
}

async fn find(world: &World, query: &str) -> Vec<String> {
    let page = world.store.search(query, None, PageRequest { after: None, limit: 10 }).await.unwrap();
    page.entries.into_iter().map(|it| it.item.item.external_id).collect()
}

pub(crate) async fn words_and_phrases_are_found(world: World) {
    say(&world, "a", "My parcel is late again").await;
    say(&world, "b", "Late! The second parcel").await;
    assert_eq!(find(&world, "parcel late").await, ["b", "a"]);
    assert_eq!(find(&world, "\"parcel is late\"").await, ["a"]);
    assert_eq!(find(&world, "parcel refund").await, [""; 0]);
    assert_eq!(find(&world, "MIKA").await, ["b", "a"]);
    assert_eq!(find(&world, "  ").await, [""; 0]);
    // Its pieces are in a text, itself is not.
    say(&world, "c", "abcx xbcd").await;
    assert_eq!(find(&world, "abcd").await, [""; 0]);
}

pub(crate) async fn japanese_is_found(world: World) {
    say(&world, "a", "荷物がまだ届いていません。").await;
    say(&world, "b", "返金してください").await;
    assert_eq!(find(&world, "届いて").await, ["a"]);
    assert_eq!(find(&world, "返金").await, ["b"]);
}

pub(crate) async fn accents_and_case_do_not_matter(world: World) {
    say(&world, "a", "Bei CAFE\u{301} Über\u{ad}raschung ÄRGER").await;
    assert_eq!(find(&world, "café").await, ["a"]);
    assert_eq!(find(&world, "ärger").await, ["a"]);
}

pub(crate) async fn an_edited_text_is_found_by_its_latest_words(world: World) {
    say(&world, "a", "the first wording").await;
    let edit = Edit {
        external_id: "a".into(),
        text: Some("another wording".into()),
        subject: None,
        html: None,
        edited_at: Timestamp::from_ms(1),
    };
    world.take([Arrival::Edit(edit)]).await;
    assert_eq!(find(&world, "first").await, [""; 0]);
    assert_eq!(find(&world, "wording").await, ["a"]);
}

pub(crate) async fn short_words_are_found_by_walking(world: World) {
    say(&world, "a", "is it ok").await;
    say(&world, "b", "no").await;
    assert_eq!(find(&world, "ok").await, ["a"]);
    assert_eq!(find(&world, "o").await, ["b", "a"]);
}

pub(crate) async fn hits_come_in_pages(world: World) {
    for index in 0..5 {
        say(&world, &format!("m{index}"), "the same text").await;
    }
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let page = world.store.search("same", None, PageRequest { after, limit: 2 }).await.unwrap();
        found.extend(page.entries.into_iter().map(|it| it.item.item.external_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["m4", "m3", "m2", "m1", "m0"]);
}
