//! Every body there is: made from the table, so that no address can be more lenient than the others.

use serde_json::{Value, json};
use switchboard::http::{Route, table};

use super::world::{World, method, with};

/// The media types of a route's body, as they are described; none where nothing is sent.
fn media_types(openapi: &Value, route: &Route) -> Vec<String> {
    let operation = &openapi["paths"][route.path.replace("{*", "{")][method(route).to_lowercase()];
    let content = operation["requestBody"]["content"].as_object();
    content.into_iter().flatten().map(|(media_type, _)| media_type.clone()).collect()
}

#[tokio::test]
async fn every_unknown_field_is_refused_at_its_place_and_nothing_is_done() {
    let world = World::found().await;
    let openapi = world.app.get("/openapi.json").await.json(200);
    let before = world.app.get("/v1/audit").await.json(200);
    let mut asked = 0;
    for route in table::routes() {
        if media_types(&openapi, &route) != ["application/json"] {
            continue;
        }
        let body = with(world.body(&route).unwrap(), json!({ "zz-colour": "red" }));
        let path = world.path(&route);
        let refused = world.app.ask_as(&world.app.token, method(&route), &path, Some(&body)).await;
        let places = refused.pointers();
        assert_eq!(places, ["/zz-colour"], "{}: {}", refused.asked, refused.text());
        asked += 1;
    }
    assert!(asked > 25, "only {asked} were asked");
    assert_eq!(world.app.get("/v1/audit").await.json(200), before, "something was done");
}

#[tokio::test]
async fn every_body_of_a_wrong_type_is_refused_and_told_the_right_one() {
    let world = World::found().await;
    let openapi = world.app.get("/openapi.json").await.json(200);
    let before = world.app.get("/v1/audit").await.json(200);
    let mut asked = 0;
    for route in table::routes() {
        let types = media_types(&openapi, &route);
        // A channel sends whatever it sends.
        if types.is_empty() || types == ["*/*"] {
            continue;
        }
        let body = world.body(&route).unwrap().to_string();
        for wrong in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            let headers = [("content-type", wrong)];
            let refused = world.app.ask(method(&route), &world.path(&route), &headers, body.clone()).await;
            let problem = refused.problem(415);
            assert!(problem["remedy"].as_str().unwrap().contains(&types[0]), "{problem}");
        }
        asked += 1;
    }
    assert!(asked > 26, "only {asked} were asked");
    assert_eq!(world.app.get("/v1/audit").await.json(200), before, "something was done");
}
