//! A policy on the bench meets the host's rules.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::testing::{self, Failure, Level, With};

/// Settings of the policy below.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The word that matters.
    word: String,
    /// What to do upon it.
    #[serde(default)]
    priority: Option<Priority>,
}

struct Word(Settings);

impl Policy for Word {
    type Settings = Settings;
    const EVENTS: &'static [EventKind] = &[EventKind::ItemReceived];
    const PROPOSALS: &'static [ProposalKind] = &[ProposalKind::Priority, ProposalKind::Tags];
    const NEEDS: &'static [CaseField] = &[CaseField::Contact];

    fn configure(settings: Settings) -> Result<Self, Vec<SettingError>> {
        if settings.word.is_empty() {
            return Err(vec![SettingError::at("/word", "must not be empty")]);
        }
        Ok(Self(settings))
    }

    fn evaluate(&self, _: &Event, case: &Case) -> Result<Vec<Proposal>, Refusal> {
        log::info(format!("{} earlier items", case.history.len()));
        match case.item.text.as_str() {
            "refuse" => return Err(Refusal::Other("as asked".to_owned())),
            "spam" => return Ok(vec![Action::Spam.because("as asked")]),
            "mute" => return Ok(vec![Action::tags(["x"]).because("")]),
            "long" => return Ok(vec![Action::tags(["x".repeat(65)]).because("as asked")]),
            _ => {}
        }
        let priority = self.0.priority.unwrap_or(Priority::High);
        let hit = case.item.text.contains(&self.0.word);
        let proposal = Action::Priority(priority).because(format!("says `{}`", self.0.word));
        Ok(hit.then_some(proposal).into_iter().collect())
    }
}

export_policy!(Word, name = "word", summary = "Looks for a word.");

fn word() -> testing::PolicyUnderTest<Word> {
    testing::policy(json!({"word": "now"})).unwrap()
}

fn received() -> Event {
    testing::event(Occasion::ItemReceived)
}

#[test]
fn a_policy_answers_with_its_reason() {
    let proposals = word().evaluate(&received(), &testing::case("now!")).unwrap();
    let expected = Action::Priority(Priority::High).because("says `now`");
    assert_eq!(proposals, [expected]);
}

#[test]
fn settings_enums_are_kebab_case() {
    let urgent = testing::policy::<Word>(json!({"word": "now", "priority": "urgent"})).unwrap();
    let proposals = urgent.evaluate(&received(), &testing::case("now")).unwrap();
    assert_eq!(proposals[0].action, Action::Priority(Priority::Urgent));
}

#[test]
fn an_undeclared_event_is_never_asked() {
    let failure = word().evaluate(&testing::event(Occasion::AskedByHand), &testing::case(""));
    assert_eq!(failure, Err(Failure::UndeclaredEvent(EventKind::AskedByHand)));
}

#[test]
fn an_undeclared_proposal_is_refused() {
    let failure = word().evaluate(&received(), &testing::case("spam"));
    assert_eq!(failure, Err(Failure::UndeclaredProposal(ProposalKind::Spam)));
}

#[test]
fn output_outside_the_contract_is_refused() {
    for text in ["mute", "long"] {
        let failure = word().evaluate(&received(), &testing::case(text));
        assert!(matches!(failure, Err(Failure::BadOutput(_))), "{failure:?}");
    }
}

#[test]
fn a_refusal_is_handed_on() {
    let failure = word().evaluate(&received(), &testing::case("refuse"));
    let refusal = Refusal::Other("as asked".to_owned());
    assert_eq!(failure, Err(Failure::Refused(refusal)));
}

#[test]
fn undeclared_parts_of_the_case_stay_hidden_and_lines_are_collected() {
    let case = testing::case("now").with(|case| {
        case.contact = Some(testing::contact());
        case.history.push(PastItem {
            direction: Direction::Inbound,
            kind: ItemKind::Email,
            author_name: None,
            text: "before".to_owned(),
            occurred_at_ms: 0,
        });
    });
    testing::logged();
    word().evaluate(&received(), &case).unwrap();
    assert_eq!(testing::logged(), [(Level::Info, "0 earlier items".to_owned())]);
}

#[test]
fn wrong_settings_are_named_by_place() {
    let wrong = |settings| testing::policy::<Word>(settings).err().unwrap().remove(0);
    assert_eq!(wrong(json!({"word": 1})).pointer, "/word");
    assert_eq!(wrong(json!({"word": ""})).pointer, "/word");
    assert_eq!(wrong(json!({"word": "x", "priority": "huge"})).pointer, "/priority");
    assert!(wrong(json!({"word": "x", "wrod": 1})).message.contains("wrod"));
}

#[test]
fn the_manifest_tells_what_the_type_declares() {
    let manifest = testing::policy_manifest::<Word>();
    assert_eq!(manifest.name, "word");
    assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest.kind, PluginKind::Policy);
    assert_eq!(manifest.proposals, Word::PROPOSALS);
    assert_eq!(manifest.needs, Word::NEEDS);
    let schema: serde_json::Value = serde_json::from_str(&manifest.settings_schema).unwrap();
    assert_eq!(schema["properties"]["word"]["description"], "The word that matters.");
}
