//! What a call costs without the sandbox around it, and what preparing for it costs.

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use switchboard_plugin_keyword_router::KeywordRouter;
use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::testing;

const WORDS: [&str; 20] = [
    "refund",
    "invoice",
    "delivery",
    "broken",
    "password",
    "cancel",
    "lawyer",
    "journalist",
    "application",
    "complaint",
    "upgrade",
    "login",
    "charged",
    "address",
    "discount",
    "newsletter",
    "privacy",
    "outage",
    "contract",
    "warranty",
];

/// Twenty rules, of which only the last holds for the letter.
fn settings(condition: impl Fn(&str) -> Value) -> Value {
    let rule = |word: &&str| {
        json!({
            "name": word,
            "any": [condition(word)],
            "destination": {"department": "service", "queue": word},
            "tags": [word],
        })
    };
    json!({ "rules": WORDS.iter().map(rule).collect::<Vec<_>>() })
}

fn letter(paragraphs: usize) -> String {
    let paragraph = "I ordered a coffee machine three weeks ago and it still has not come. Could you find out \
                     where it is? My neighbour in Köln got hers within four days. ";
    format!("{}Is it under warranty 4711?", paragraph.repeat(paragraphs))
}

fn judge(criterion: &mut Criterion) {
    let patterns = settings(|word| json!({"regex": format!(r"\b{word}(s|ed)?\b\s*#?\d*")}));
    let words = settings(|word| json!(word));
    let received = testing::event(Occasion::ItemReceived);
    for (name, settings) in [("20 patterns", &patterns), ("20 words", &words)] {
        let policy = testing::policy::<KeywordRouter>(settings.clone()).expect("the settings are right");
        for paragraphs in [1, 5, 500] {
            let case = testing::case(&letter(paragraphs));
            let name = format!("{name}, {} characters", case.item.text.chars().count());
            criterion.bench_function(&name, |bencher| bencher.iter(|| policy.evaluate(&received, &case)));
        }
        criterion.bench_function(&format!("configure {name}"), |bencher| {
            bencher.iter(|| testing::policy::<KeywordRouter>(settings.clone()));
        });
    }
}

criterion_group!(benches, judge);
criterion_main!(benches);
