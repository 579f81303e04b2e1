//! From a delivery to what it brought.

use serde_json::value::RawValue;
use switchboard_plugin_sdk::{Arrival, Delivery, Rejection};

use crate::arrival::{Context, of_event, of_record};
use crate::binary;
use crate::event;
use crate::json::{Elements, malformed, read, shortened};
use crate::media::{self, Media};
use crate::record::Record;

/// Reads a delivery in whichever mode it came. One thing that cannot be read refuses the whole
/// delivery: it is kept, and nothing of it is lost or half taken.
pub fn arrivals(delivery: &Delivery, context: &Context<'_>) -> Result<Vec<Arrival>, Rejection> {
    if delivery.method != "POST" {
        return Err(Rejection::Unsupported(shortened(format!(
            "method {}; events are sent with POST",
            delivery.method
        ))));
    }
    let content_type = delivery.header("content-type");
    let media = content_type.map(media::of).transpose()?;
    match media {
        Some(Media::Event) => single_event(&delivery.body, context),
        Some(Media::Batch) => batch(&delivery.body, context, one_event),
        Some(Media::ForeignEvent) => Err(unsupported(content_type)),
        _ if binary::is_present(delivery) => {
            let event = binary::parse(delivery)?;
            Ok(of_event("", &event, context)?.into_iter().collect())
        }
        Some(Media::Json) | None => plain(&delivery.body, context),
        Some(Media::Text | Media::Other) => Err(unsupported(content_type)),
    }
}

fn single_event(json: &[u8], context: &Context<'_>) -> Result<Vec<Arrival>, Rejection> {
    Ok(one_event("", json, context)?.into_iter().collect())
}

/// JSON that is not declared to be events: records, or events all the same.
fn plain(json: &[u8], context: &Context<'_>) -> Result<Vec<Arrival>, Rejection> {
    match json.trim_ascii_start().first() {
        Some(b'{') => Ok(one("", json, context)?.into_iter().collect()),
        Some(b'[') => batch(json, context, one),
        Some(_) => Err(malformed("", "expected a JSON object or an array of them")),
        None => Err(malformed("", "the body is empty")),
    }
}

type Read = fn(&str, &[u8], &Context<'_>) -> Result<Option<Arrival>, Rejection>;

fn batch(json: &[u8], context: &Context<'_>, read_one: Read) -> Result<Vec<Arrival>, Rejection> {
    let Elements(elements) = read("", json)?;
    let mut arrivals = Vec::with_capacity(elements.len());
    for (index, element) in elements.into_iter().enumerate() {
        let element = RawValue::get(element).as_bytes();
        arrivals.extend(read_one(&format!("[{index}]"), element, context)?);
    }
    Ok(arrivals)
}

fn one(place: &str, json: &[u8], context: &Context<'_>) -> Result<Option<Arrival>, Rejection> {
    let record: Record = read(place, json)?;
    match record.specversion {
        Some(_) => one_event(place, json, context),
        None => of_record(place, record, json, context).map(Some),
    }
}

fn one_event(place: &str, json: &[u8], context: &Context<'_>) -> Result<Option<Arrival>, Rejection> {
    of_event(place, &event::parse(place, json)?, context)
}

fn unsupported(content_type: Option<&str>) -> Rejection {
    Rejection::Unsupported(shortened(format!(
        "content type {}; CloudEvents as JSON, and JSON, are read",
        content_type.unwrap_or("(none)")
    )))
}
