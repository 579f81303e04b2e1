//! Deliveries made from templates: varied, and the same each time.

use anyhow::Context;
use serde::Deserialize;
use serde_json::json;

const TEMPLATES: &str = include_str!("../../../../demo/templates.json");

/// Steps through lists whose lengths they share no factor with, so that combinations rarely repeat.
const PERSON_STEP: usize = 7;
const PRODUCT_STEP: usize = 3;
const TOWN_STEP: usize = 5;

/// When the first generated delivery was written, in minutes after 06:00; they follow a minute apart.
const MINUTES_IN_THREE_HOURS: usize = 180;

/// Names, things, and texts with places for them.
#[derive(Deserialize)]
pub struct Templates {
    people: Vec<String>,
    products: Vec<String>,
    towns: Vec<String>,
    mail: Vec<MailTemplate>,
    chat: Vec<EventTemplate>,
}

#[derive(Deserialize)]
struct MailTemplate {
    copies: usize,
    subject: String,
    text: String,
}

#[derive(Deserialize)]
struct EventTemplate {
    copies: usize,
    kind: String,
    text: String,
}

impl Templates {
    /// The templates that come with Switchboard.
    pub fn read() -> anyhow::Result<Self> {
        serde_json::from_str(TEMPLATES).context("the sample templates")
    }

    /// Mails, the themes mixed.
    pub fn mails(&self) -> impl Iterator<Item = String> {
        let copies: Vec<_> = self.mail.iter().map(|it| it.copies).collect();
        mixed(&copies).into_iter().enumerate().map(|(index, theme)| self.mail(index, &self.mail[theme]))
    }

    /// CloudEvents, the themes mixed.
    pub fn events(&self) -> impl Iterator<Item = String> {
        let copies: Vec<_> = self.chat.iter().map(|it| it.copies).collect();
        mixed(&copies).into_iter().enumerate().map(|(index, theme)| self.event(index, &self.chat[theme]))
    }

    fn mail(&self, index: usize, template: &MailTemplate) -> String {
        let name = self.person(index);
        let address = format!("{}.{index}@example.com", name.to_lowercase().replace(' ', "."));
        format!(
            "From: {name} <{address}>\nTo: hello@kittiwake.example.com\nSubject: {}\n\
             Message-ID: <note-{index}@mail.example.com>\nDate: Mon, 02 Mar 2026 {} +0000\n\
             Content-Type: text/plain; charset=utf-8\n\n{}\n",
            self.filled(&template.subject, index),
            time(index),
            self.filled(&template.text, index),
        )
    }

    fn event(&self, index: usize, template: &EventTemplate) -> String {
        let name = self.person(index);
        let public = template.kind != "direct-message";
        let event = json!({
            "specversion": "1.0",
            "id": format!("t-{index}"),
            "source": if public { "/social" } else { "/chat" },
            "type": format!("com.example.{}", template.kind),
            "time": format!("2026-03-02T{}Z", time(index)),
            "data": {
                "id": format!("t-{index}"),
                "kind": template.kind,
                "visibility": if public { "public" } else { "private" },
                "author": {
                    "id": format!("t-{index}"),
                    "handle": format!("{}{index}", name.to_lowercase().replace(' ', "_")),
                    "name": name,
                    "followers": index * 13 % 900,
                },
                "text": self.filled(&template.text, index),
            },
        });
        event.to_string()
    }

    fn person(&self, index: usize) -> &str {
        pick(&self.people, index * PERSON_STEP)
    }

    fn filled(&self, text: &str, index: usize) -> String {
        text.replace("{name}", self.person(index))
            .replace("{product}", pick(&self.products, index * PRODUCT_STEP))
            .replace("{town}", pick(&self.towns, index * TOWN_STEP))
            .replace("{order}", &format!("KK-{}", 41_000 + index * 17))
            .replace("{days}", &(2 + index % 11).to_string())
    }
}

fn pick(from: &[String], at: usize) -> &str {
    from.get(at % from.len().max(1)).map_or("", String::as_str)
}

fn time(index: usize) -> String {
    let minute = index % MINUTES_IN_THREE_HOURS;
    format!("{:02}:{:02}:00", 6 + minute / 60, minute % 60)
}

/// Which theme comes when: in turn, as long as each has copies left.
fn mixed(copies: &[usize]) -> Vec<usize> {
    let rounds = copies.iter().copied().max().unwrap_or(0);
    let themes = |round| move |(theme, copies): (usize, &usize)| (round < *copies).then_some(theme);
    (0..rounds).flat_map(|round| copies.iter().enumerate().filter_map(themes(round))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn themes_come_in_turn_until_their_copies_are_used_up() {
        assert_eq!(mixed(&[2, 1, 3]), [0, 1, 2, 0, 2, 2]);
    }

    #[test]
    fn every_place_in_a_text_is_filled() {
        let templates = Templates::read().unwrap();
        for text in templates.mails() {
            assert!(!text.contains(['{', '}']), "{text}");
        }
        for event in templates.events() {
            let event: serde_json::Value = serde_json::from_str(&event).unwrap();
            assert!(!event["data"]["text"].as_str().unwrap().contains(['{', '}']), "{event}");
        }
    }
}
