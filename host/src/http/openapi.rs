//! The description of the interface (OpenAPI 3.1), made from the table.

use axum::body::Bytes;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::permission::Permission;
use super::problem::{self, Problem, ProblemBody};
use super::route::{Method, Route};
use super::table;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/openapi.json", Permission::Public, "Describes this interface (OpenAPI 3.1)", show)]
}

async fn show(call: Call, (): ()) -> Result<Written, Problem> {
    Ok(Written(call.shared().openapi.clone()))
}

/// The description as it is sent.
struct Written(Bytes);

impl super::output::Output for Written {
    fn response(self, success: axum::http::StatusCode) -> axum::http::Response<axum::body::Body> {
        super::output::with_body(success, "application/json", self.0)
    }

    fn shape(_: &mut SchemaGenerator) -> super::output::AnswerShape {
        let schema = schemars::json_schema!({ "type": "object" });
        super::output::AnswerShape { media_type: "application/json", schema }
    }
}

/// The description of everything that can be asked for.
pub fn document() -> Value {
    described(&table::routes())
}

/// The description of these routes as it is sent.
pub(super) fn written(routes: &[Route]) -> Bytes {
    Bytes::from(described(routes).to_string())
}

/// The description of these routes.
pub(super) fn described(routes: &[Route]) -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|it| it.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in routes {
        let operations = operations(route, &mut generator);
        let path = route.path.replace("{*", "{");
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.extend(operations);
        }
    }
    let problem = generator.subschema_for::<ProblemBody<'_>>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Switchboard",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The operator: items from every channel in one repository, routed by sandboxed \
                policies to the people who answer.",
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": { "Problem": {
                "description": "Why it is not done (RFC 9457)",
                "content": { problem::MEDIA_TYPE: { "schema": problem } },
            } },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of one of the roles in `x-roles`" },
                "inbox": { "type": "http", "scheme": "bearer", "description": "The inbox's own token, if it has one" },
            },
        },
    })
}

fn operations(route: &Route, generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
    let methods: &[&str] = match route.method {
        Method::Get => &["get"],
        Method::Post => &["post"],
        Method::Patch => &["patch"],
        Method::Delete => &["delete"],
        // The two that channels use: one to deliver, one to check that the address is ours.
        Method::Any => &["post", "get"],
    };
    methods.iter().map(|method| ((*method).to_owned(), operation(route, method, generator))).collect()
}

fn operation(route: &Route, method: &str, generator: &mut SchemaGenerator) -> Value {
    let request = (route.request)(generator);
    let answer = (route.answer)(generator);
    let mut operation = json!({
        "operationId": operation_id(route, method),
        "summary": route.summary,
        "responses": {
            route.success.as_str(): {
                "description": "Yes",
                "content": { answer.media_type: { "schema": answer.schema } },
            },
            "default": { "$ref": "#/components/responses/Problem" },
        },
        "security": security(route.permission),
    });
    if let Permission::Roles(roles) | Permission::Company(roles) = route.permission {
        operation["x-roles"] = json!(roles);
        operation["x-whole-company"] = matches!(route.permission, Permission::Company(_)).into();
    }
    let parameters = parameters(route, request.query.map(|it| it.to_value()));
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some((media_type, schema)) = request.body.filter(|_| method != "get") {
        operation["requestBody"] = json!({ "content": { media_type: { "schema": schema } } });
    }
    operation
}

/// Method and path in one word: stable as long as the address is.
fn operation_id(route: &Route, method: &str) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

fn security(permission: Permission) -> Value {
    match permission {
        Permission::Public => json!([]),
        Permission::Inbox => json!([{}, { "inbox": [] }]),
        Permission::Roles(_) | Permission::Company(_) => json!([{ "token": [] }]),
    }
}

fn parameters(route: &Route, query: Option<Value>) -> Vec<Value> {
    let in_path = route.path_parameters().map(|name| {
        json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": path_parameter(name).unwrap_or_default(),
            "schema": { "type": "string" },
        })
    });
    in_path.chain(query.iter().flat_map(in_query)).collect()
}

fn in_query(schema: &Value) -> Vec<Value> {
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|it| it == name));
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, property)| {
            let description = property["description"].clone();
            json!({
                "name": name,
                "in": "query",
                "required": required(name),
                "description": description,
                "schema": property,
            })
        })
        .collect()
}

/// What varies in paths, explained.
pub(super) fn path_parameter(name: &str) -> Option<&'static str> {
    Some(match name {
        "inbox" => "The inbox's name",
        "path" => "Whatever stands below the inbox's address",
        "name" => "The unique name",
        "department" => "The department's name",
        "queue" => "The queue's name within its department",
        "version" => "The version, such as `1.2.0`",
        "number" => "The generation's number",
        "id" => "The identifier, with its prefix",
        _ => return None,
    })
}
