//! Who may not: whoever is no admin of the whole company.

use serde_json::json;

use crate::support::TestApp;
use crate::support::reply::text;

#[tokio::test]
async fn nobody_but_an_admin_of_the_whole_company_erases_or_exports() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    let contact = text(&app.conversation(&conversation).await, "/contact/id").to_owned();
    for wanted in [
        json!({ "role": "admin", "department": "service" }),
        json!({ "role": "admin", "department": "billing" }),
        json!({ "role": "agent", "agent": "ada" }),
        json!({ "role": "auditor" }),
        json!({ "role": "service" }),
        json!({ "role": "author", "department": "service" }),
    ] {
        let token = app.token_for(wanted.clone()).await;
        let erase = json!({ "reason": "objection" });
        let path = format!("/v1/contacts/{contact}");
        app.ask_as(&token, "POST", &format!("{path}/erase"), Some(&erase)).await.problem(403);
        app.ask_as(&token, "GET", &format!("{path}/export"), None).await.problem(403);
    }
    assert!(app.conversation(&conversation).await["erased_at"].is_null());
    let log = app.get("/v1/audit").await.text();
    assert!(!log.contains("contact.export") && !log.contains("contact.erase"), "{log}");
}
