//! Guests that want all memory.

use super::aftermath::{adapter_is_survived, compiles_on, policy_is_survived};
use crate::support::TestApp;
use crate::support::guest::{DONE, Guest, filling, with_modules};
use crate::support::reply::text;

#[tokio::test]
async fn an_adapter_that_grows_its_memory_and_fills_it() {
    adapter_is_survived(Guest::adapter("hostile", &filling()), &["memory"]).await;
}

#[tokio::test]
async fn a_policy_that_grows_its_memory_and_fills_it() {
    policy_is_survived(Guest::bomb("hostile"), &["memory"]).await;
}

#[tokio::test]
async fn an_adapter_that_grows_a_table() {
    let grow = "(loop $again
            (br_if $again (i32.ne (table.grow $table (ref.null func) (i32.const 1000)) (i32.const -1))))
        unreachable";
    adapter_is_survived(Guest::adapter("hostile", grow).with("(table $table 1 funcref)"), &["memory"]).await;
}

#[tokio::test]
async fn a_million_handles() {
    let handles = "(loop $again (drop (call $thing (i32.const 1))) (br $again)) unreachable";
    policy_is_survived(Guest::policy("hostile", handles).with_handles(), &["memory"]).await;
}

/// The refusal of an upload.
async fn refused(component: Vec<u8>) -> (String, String) {
    let app = TestApp::staffed().await;
    let problem = app.upload(component).await.problem(422);
    compiles_on(&app).await;
    (text(&problem, "/name").to_owned(), text(&problem, "/detail").to_owned())
}

fn module_with_memory(pages: u32) -> Vec<u8> {
    wat::parse_str(format!("(module (memory {pages}))")).unwrap()
}

#[tokio::test]
async fn many_memories_together_are_too_much() {
    // Each is well below the limit.
    let modules = vec![module_with_memory(400); 3];
    let component = with_modules(&Guest::policy("hostile", DONE).component(), &modules);
    let (name, detail) = refused(component).await;
    assert_eq!(name, "describe-failed");
    assert!(detail.contains("memory"), "{detail}");
}

#[tokio::test]
async fn more_memories_than_a_slot_has() {
    let modules = vec![module_with_memory(1); 100];
    let (name, _) = refused(with_modules(&Guest::policy("hostile", DONE).component(), &modules)).await;
    assert_eq!(name, "not-compilable");
}

#[tokio::test]
async fn a_memory_larger_than_allowed_from_the_start() {
    let (name, _) = refused(Guest::policy("hostile", DONE).pages(2_000).component()).await;
    assert!(["describe-failed", "not-compilable"].contains(&name.as_str()), "{name}");
}

#[tokio::test]
async fn a_memory_with_addresses_of_64_bits() {
    let module = wat::parse_str("(module (memory i64 1))").unwrap();
    let (name, detail) = refused(with_modules(&Guest::policy("hostile", DONE).component(), &[module])).await;
    assert_eq!(name, "invalid");
    assert!(detail.contains("memory64"), "{detail}");
}
