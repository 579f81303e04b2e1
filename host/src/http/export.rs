//! Everything about a contact as one JSON document, written piece by piece while it is read.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode};
use futures::stream::{self, Stream};
use schemars::SchemaGenerator;
use serde_json::Value;

use super::output::{AnswerShape, Output, with_body};
use crate::flow::FlowError;
use crate::flow::export::{ContactExport, Export, Piece};
use crate::store::Reading;

/// A document being written. Should reading fail in between, the answer breaks off and is no JSON.
pub(super) struct Document(pub(super) Export);

impl Output for Document {
    fn response(self, success: StatusCode) -> Response<Body> {
        let mut response = with_body(success, "application/json", Body::from_stream(pieces(self.0)));
        let headers = response.headers_mut();
        headers.insert("content-disposition", HeaderValue::from_static("attachment"));
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        response
    }

    fn shape(generator: &mut SchemaGenerator) -> AnswerShape {
        AnswerShape { media_type: "application/json", schema: generator.subschema_for::<ContactExport>() }
    }
}

/// Where the document stands.
struct Writing {
    export: Export,
    place: Place,
    /// For whom it is read, also while it is sent.
    reading: Option<Reading>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing is written.
    Start,
    /// After a field.
    Field,
    /// In a list without entries.
    EmptyList,
    /// After an entry of a list.
    List,
    /// In a list without entries, within an entry.
    EmptyInner,
    /// After an entry of a list within an entry.
    Inner,
    /// Everything is written.
    End,
}

fn pieces(export: Export) -> impl Stream<Item = Result<Bytes, FlowError>> {
    let writing = Writing { export, place: Place::Start, reading: Reading::current() };
    stream::try_unfold(writing, |mut writing| async move {
        if writing.place == Place::End {
            return Ok(None);
        }
        let next = match writing.reading {
            Some(reading) => reading.scope(writing.export.next()).await,
            None => writing.export.next().await,
        };
        let next = next.inspect_err(|error| {
            tracing::error!(%error, "an export broke off");
        })?;
        let text = writing.place.write(next);
        Ok(Some((Bytes::from(text), writing)))
    })
}

impl Place {
    /// What comes next in the document.
    fn write(&mut self, piece: Option<Piece>) -> String {
        let end_of_list = if matches!(self, Self::EmptyList | Self::List) { "]" } else { "" };
        let before_field = if *self == Self::Start { "{" } else { "," };
        match piece {
            None => {
                *self = Self::End;
                format!("{end_of_list}}}")
            }
            Some(Piece::Field(name, value)) => {
                *self = Self::Field;
                format!("{end_of_list}{before_field}\"{name}\":{value}")
            }
            Some(Piece::List(name)) => {
                *self = Self::EmptyList;
                format!("{end_of_list}{before_field}\"{name}\":[")
            }
            Some(Piece::Entries(entries)) => self.entries(&entries),
            Some(Piece::Open(entry, list)) => {
                let mut text = self.entries(&[entry]);
                *self = Self::EmptyInner;
                // An entry is an object with fields, which goes on.
                text.pop();
                text + &format!(",\"{list}\":[")
            }
            Some(Piece::Inner(entry)) => {
                let comma = if *self == Self::Inner { "," } else { "" };
                *self = Self::Inner;
                format!("{comma}{entry}")
            }
            Some(Piece::Close) => {
                *self = Self::List;
                "]}".to_owned()
            }
        }
    }

    fn entries(&mut self, entries: &[Value]) -> String {
        let mut text = String::new();
        for entry in entries {
            if *self == Self::List {
                text.push(',');
            }
            *self = Self::List;
            text.push_str(&entry.to_string());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_make_one_document() {
        let mut place = Place::Start;
        let pieces = [
            Some(Piece::Field("a", json!({ "b": "\"" }))),
            Some(Piece::List("none")),
            Some(Piece::Entries(Vec::new())),
            Some(Piece::List("some")),
            Some(Piece::Entries(vec![json!(1), json!(2)])),
            Some(Piece::Entries(Vec::new())),
            Some(Piece::Entries(vec![json!(3)])),
            Some(Piece::Open(json!({ "n": 4 }), "in")),
            Some(Piece::Inner(json!(5))),
            Some(Piece::Inner(json!({ "n": "}" }))),
            Some(Piece::Close),
            Some(Piece::Open(json!({ "n": 6 }), "in")),
            Some(Piece::Close),
            None,
        ];
        let text: String = pieces.into_iter().map(|it| place.write(it)).collect();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            read,
            json!({ "a": { "b": "\"" }, "none": [], "some": [
            1, 2, 3, { "n": 4, "in": [5, { "n": "}" }] }, { "n": 6, "in": [] },
        ] })
        );
    }
}
