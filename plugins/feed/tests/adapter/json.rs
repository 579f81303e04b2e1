//! JSON Feed 1.0 and 1.1.

use serde_json::json;

use super::{attribute, item};

#[test]
fn a_post_gives_its_facts() {
    let item = item(
        &json!({
            "version": "https://jsonfeed.org/version/1.1",
            "title": "Blog", "home_page_url": "https://blog.example.com/", "language": "en",
            "authors": [{"name": "Everybody"}],
            "items": [{
                "id": 7, "url": "https://blog.example.com/7", "title": "Seven",
                "content_html": "<p>Seven <i>kettles</i></p>", "content_text": "Seven",
                "date_published": "2026-03-01T10:20:30Z",
                "authors": [{"name": "Ada", "url": "https://ada.example.com/"}],
                "tags": ["tea"],
                "attachments": [{"url": "https://blog.example.com/7.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 5}],
            }],
        })
        .to_string(),
    );
    assert_eq!(item.external_id, "https://blog.example.com/ 7");
    assert_eq!(item.subject.as_deref(), Some("Seven"));
    assert_eq!(item.text, "Seven kettles");
    assert_eq!(item.author.external_id, "https://ada.example.com/");
    assert_eq!(item.occurred_at_ms, 1_772_360_430_000);
    assert_eq!(attribute(&item, "categories"), Some("tea"));
    assert_eq!(item.attachments.len(), 1);
}

#[test]
fn version_1_had_one_author() {
    let item = item(
        &json!({"version": "https://jsonfeed.org/version/1", "author": {"name": "Bob"},
            "items": [{"id": "urn:1", "content_text": "a < b"}]})
        .to_string(),
    );
    assert_eq!(item.author.name.as_deref(), Some("Bob"));
    assert_eq!(item.text, "a < b");
}
