//! Items that cost the router the most it has been made to pay, five of each sort to one inbox: how many decisions
//! of the router another inbox loses.

use serde_json::{Value, json};

use crate::figure;
use crate::isolation::{Company, ROUTED, item};

/// How many items of each sort.
const EACH: usize = 5;
/// Items of the other inbox, before and after.
const PROBES: usize = 200;

pub async fn measure() {
    println!("\npoisonous items to one inbox, beside another inbox");
    let company = Company::found().await;
    let before = lost(&company, "before").await;
    let mut sent = 0;
    for (sort, text, subject) in poisons() {
        for number in 0..EACH {
            let id = format!("{sort}-{number}");
            let poison = json!({ "id": id, "author": id, "text": text, "subject": subject });
            let said = company.post("/in/loud", &poison).await;
            company.decided(&said).await;
            sent += 1;
        }
    }
    let after = lost(&company, "after").await;
    figure("poisonous items taken in", f64::from(sent), "items");
    figure("decisions of the router that another inbox lost before", before as f64, &format!("of {PROBES}"));
    figure(
        "decisions of the router that another inbox lost after",
        after as f64,
        &format!("of {PROBES} (goal: 0)"),
    );
    company.app.stopping().cancel();
    company.app.stop().await;
}

/// A sort, a text, a subject.
fn poisons() -> [(&'static str, String, String); 4] {
    let marks = "a\u{301}\u{323}".repeat(20_000);
    [
        ("marks", marks, String::new()),
        ("word", "parcel".repeat(170_000), String::new()),
        ("subject", "a parcel".to_owned(), "s ".repeat(5_000_000)),
        ("near", "parce parc el ".repeat(70_000), "parce ".repeat(200)),
    ]
}

/// How many items the router did not decide.
async fn lost(company: &Company, prefix: &str) -> usize {
    let mut lost = 0;
    for number in 0..PROBES {
        let said: Value = company.post("/in/quiet", &item(prefix, number)).await;
        let decided = company.decided(&said).await;
        lost += usize::from(!decided.is_some_and(|it| it.tags.contains(ROUTED)));
    }
    lost
}
