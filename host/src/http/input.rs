//! What a handler takes, how it is read, and its shape in OpenAPI.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::call::Call;
use super::problem::{Problem, ProblemKind};

/// The most bytes of a JSON body: the largest settings and cases are a tenth of it.
const JSON_BYTES_MAX: usize = 1024 * 1024;
/// The most bytes of a component.
const UPLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most bytes of a delivery: what the large mail providers take.
const DELIVERY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A JSON body with what is read of it and what is written down.
const JSON_COPIES: usize = 8;
/// A component with what the compiling child is handed and what is stored.
const UPLOAD_COPIES: usize = 3;
/// A delivery in the adapter's words and in the host's, as items, as rows, in the index, and in what SQLite
/// holds of a transaction. Measured: six to seven times.
pub const DELIVERY_COPIES: usize = 8;

/// The shape of what is sent.
#[derive(Debug, Default)]
pub struct RequestShape {
    /// An object with a property for each parameter of the query.
    pub query: Option<Schema>,
    /// The body's media type and schema.
    pub body: Option<(&'static str, Schema)>,
}

/// Something a handler takes.
pub trait Input: Sized + Send + 'static {
    /// The most bytes of the body; 0 when it is not read.
    const BODY_BYTES_MAX: usize;

    /// How many times its body is in memory at once while it is worked on.
    const COPIES: usize = JSON_COPIES;

    /// Reads it.
    fn read(call: &Call, body: Vec<u8>) -> Result<Self, Problem>;

    /// Its shape.
    fn shape(generator: &mut SchemaGenerator) -> RequestShape;
}

/// Nothing but the path.
impl Input for () {
    const BODY_BYTES_MAX: usize = 0;

    fn read(_: &Call, _: Vec<u8>) -> Result<Self, Problem> {
        Ok(())
    }

    fn shape(_: &mut SchemaGenerator) -> RequestShape {
        RequestShape::default()
    }
}

/// Parameters of the query.
pub struct Query<Q>(pub Q);

impl<Q: DeserializeOwned + JsonSchema + Send + 'static> Input for Query<Q> {
    const BODY_BYTES_MAX: usize = 0;

    fn read(call: &Call, _: Vec<u8>) -> Result<Self, Problem> {
        read_query(call).map(Self)
    }

    fn shape(generator: &mut SchemaGenerator) -> RequestShape {
        RequestShape { query: Some(Q::json_schema(generator)), body: None }
    }
}

fn read_query<Q: DeserializeOwned>(call: &Call) -> Result<Q, Problem> {
    match axum::extract::Query::try_from_uri(call.uri()) {
        Ok(axum::extract::Query(query)) => Ok(query),
        Err(error) => Err(Problem::invalid("/query", error.body_text())),
    }
}

/// A JSON body. No body at all is read as `{}`.
pub struct Json<B>(pub B);

impl<B: DeserializeOwned + JsonSchema + Send + 'static> Input for Json<B> {
    const BODY_BYTES_MAX: usize = JSON_BYTES_MAX;

    fn read(call: &Call, body: Vec<u8>) -> Result<Self, Problem> {
        if body.is_empty() {
            return read_json(b"{}").map(Self);
        }
        require_type(call.headers(), &["application/json"])?;
        read_json(&body).map(Self)
    }

    fn shape(generator: &mut SchemaGenerator) -> RequestShape {
        RequestShape { query: None, body: Some(("application/json", generator.subschema_for::<B>())) }
    }
}

fn read_json<B: DeserializeOwned>(body: &[u8]) -> Result<B, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let malformed = |error: &serde_json::Error| {
        Problem::new(ProblemKind::Malformed, format!("the body is not JSON: {error}"))
    };
    let value =
        serde_path_to_error::deserialize(&mut reader).map_err(|error| match error.inner().is_data() {
            true => Problem::invalid(pointer(error.path()), error.inner().to_string()),
            false => malformed(error.inner()),
        })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// A path as a JSON Pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
        // Where serde loses the way, the place above is the best there is.
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(segment).collect()
}

/// A component's bytes, with parameters in the query.
pub struct Upload<Q> {
    /// The bytes.
    pub bytes: Bytes,
    /// The parameters.
    pub query: Q,
}

const COMPONENT_TYPES: [&str; 2] = ["application/wasm", "application/octet-stream"];

impl<Q: DeserializeOwned + JsonSchema + Send + 'static> Input for Upload<Q> {
    const BODY_BYTES_MAX: usize = UPLOAD_BYTES_MAX;
    const COPIES: usize = UPLOAD_COPIES;

    fn read(call: &Call, body: Vec<u8>) -> Result<Self, Problem> {
        require_type(call.headers(), &COMPONENT_TYPES)?;
        Ok(Self { bytes: body.into(), query: read_query(call)? })
    }

    fn shape(generator: &mut SchemaGenerator) -> RequestShape {
        let bytes = json_schema!({ "description": "A WebAssembly component." });
        RequestShape { query: Some(Q::json_schema(generator)), body: Some((COMPONENT_TYPES[0], bytes)) }
    }
}

/// Whatever a channel sends.
pub struct Delivered(pub Vec<u8>);

impl Input for Delivered {
    const BODY_BYTES_MAX: usize = DELIVERY_BYTES_MAX;
    const COPIES: usize = DELIVERY_COPIES;

    fn read(_: &Call, body: Vec<u8>) -> Result<Self, Problem> {
        Ok(Self(body))
    }

    fn shape(_: &mut SchemaGenerator) -> RequestShape {
        let bytes = json_schema!({ "description": "Whatever the inbox's adapter reads." });
        RequestShape { query: None, body: Some(("*/*", bytes)) }
    }
}

fn require_type(headers: &HeaderMap, wanted: &[&str]) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if wanted.iter().any(|it| it.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    let wanted = wanted.join(" or ");
    let problem = Problem::new(ProblemKind::UnsupportedMediaType, format!("the body must be {wanted}"));
    Err(problem.with_remedy(format!("send the header `content-type: {wanted}`")))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "a/b")]
        _number: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "list")]
        _list: Vec<Inner>,
    }

    fn refused(body: &str) -> String {
        format!("{:?}", read_json::<Outer>(body.as_bytes()).unwrap_err())
    }

    #[test]
    fn a_wrong_value_is_pointed_at() {
        assert!(refused(r#"{"list":[{"a/b":1},{"a/b":"x"}]}"#).contains(r#""/list/1/a~1b""#));
    }

    #[test]
    fn an_unknown_field_is_refused_at_its_place() {
        assert!(refused(r#"{"list":[{"a/b":1,"more":2}]}"#).contains(r#""/list/0/more""#));
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["{", "not json", r#"{"list":[]} trailing"#] {
            assert!(refused(body).contains("Malformed"), "{body}");
        }
    }

    #[test]
    fn parameters_of_a_media_type_do_not_matter() {
        let mut headers = HeaderMap::new();
        assert!(require_type(&headers, &["application/json"]).is_err());
        headers.insert(CONTENT_TYPE, "Application/JSON; charset=utf-8".parse().unwrap());
        assert!(require_type(&headers, &["application/json"]).is_ok());
    }
}
