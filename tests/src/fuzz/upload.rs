//! Uploads: whatever is uploaded is published or refused by name, and the host lives on.

use super::each_input;
use super::mutate::{changed, shown};
use crate::support::TestApp;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::text;

#[tokio::test]
async fn whatever_is_uploaded_is_published_or_refused_by_name() {
    let app = TestApp::company().await;
    let samples = [
        Guest::proposing("judge", Kind::Abstain, "no idea").component(),
        Guest::proposing("other", Kind::Destination, "there").component(),
        b"\0asm\x01\0\0\0".to_vec(),
    ];
    each_input(async |seed, mut rng| {
        let component = changed(&samples, &mut rng);
        let answer = app.upload(component.clone()).await;
        let case = format!("seed {seed}: {} {} on b\"{}\"", answer.status, answer.text(), shown(&component));
        match answer.status.as_u16() {
            // The same bytes, or the same version with other bytes.
            200 | 201 | 409 => {}
            422 => {
                let problem = answer.problem(422);
                assert!(
                    !text(&problem, "/name").is_empty() && !text(&problem, "/remedy").is_empty(),
                    "{case}"
                );
                assert_ne!(text(&problem, "/name"), "crashed", "{case}");
            }
            _ => panic!("{case}"),
        }
    })
    .await;
    app.get("/healthz").await.json(200);
}
