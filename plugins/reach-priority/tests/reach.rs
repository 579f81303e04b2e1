//! Reach, verification and importance against awkward authors.

use serde_json::{Value, json};
use switchboard_plugin_reach_priority::ReachPriority;
use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::testing::{self, NOW_MS, With};

fn ask(settings: Value, case: &Case) -> Vec<Proposal> {
    let policy = testing::policy::<ReachPriority>(settings).unwrap();
    policy.evaluate(&testing::event(Occasion::ItemReceived), case).unwrap()
}

fn actions(settings: Value, case: &Case) -> Vec<Action> {
    let proposals = ask(settings, case).into_iter();
    proposals.map(|proposal| proposal.action).collect()
}

fn by_author(change: impl FnOnce(&mut Author)) -> Case {
    testing::case("hello").with(|case| change(&mut case.item.author))
}

#[test]
fn an_ordinary_mail_is_left_alone() {
    assert_eq!(ask(json!({}), &testing::case("")), []);
}

#[test]
fn the_highest_step_reached_counts() {
    let case = by_author(|author| author.followers = Some(1_000_000));
    let expected =
        [Action::Priority(Priority::Urgent), Action::Deadline(NOW_MS + 30 * 60_000), Action::tags(["reach"])];
    assert_eq!(actions(json!({}), &case), expected);

    let almost = by_author(|author| author.followers = Some(999_999));
    assert_eq!(actions(json!({}), &almost)[0], Action::Priority(Priority::High));
}

#[test]
fn a_step_can_be_for_public_items_only() {
    let settings = json!({"followers": [{"at-least": 0, "visibility": "public", "priority": "high"}]});
    let private = by_author(|author| author.followers = Some(5));
    assert_eq!(ask(settings.clone(), &private), []);
    let public = private.with(|case| case.item.visibility = Visibility::Public);
    assert_eq!(actions(settings, &public), [Action::Priority(Priority::High)]);
}

#[test]
fn unknown_followers_reach_no_step() {
    let settings = json!({"followers": [{"at-least": 0, "priority": "high"}]});
    assert_eq!(ask(settings, &testing::case("")), []);
}

#[test]
fn a_listed_person_is_found_by_handle_or_address_in_any_spelling() {
    let settings = json!({"vip-identities": ["@Grace", " Board@Example.com "]});
    let handle = by_author(|author| author.handle = Some("gRACE".to_owned()));
    assert!(ask(settings.clone(), &handle)[0].why.contains("gRACE"));
    let address = by_author(|author| author.external_id = "board@example.com".to_owned());
    assert_eq!(actions(settings.clone(), &address)[1], Action::tags(["vip"]));
    assert_eq!(ask(settings, &testing::case("")), []);
}

#[test]
fn a_contact_marked_vip_counts() {
    let contact = testing::contact().with(|contact| contact.vip = true);
    let case = testing::case("").with(|case| case.contact = Some(contact));
    assert_eq!(actions(json!({}), &case)[0], Action::Priority(Priority::High));
}

#[test]
fn the_strongest_of_several_reasons_speaks() {
    let settings = json!({
        "followers": [{"at-least": 10, "priority": "low", "within": "15m", "tags": ["a"]}],
        "verified": {"priority": "urgent", "within": "1h", "tags": ["a", "b"]},
        "public": {"priority": "urgent", "within": "2h"},
    });
    let case = by_author(|author| {
        author.followers = Some(10);
        author.verified = true;
    })
    .with(|case| case.item.visibility = Visibility::Public);
    let proposals = ask(settings, &case);
    assert_eq!(proposals[0].action, Action::Priority(Priority::Urgent));
    assert_eq!(proposals[0].why, "the channel vouches for the author");
    assert_eq!(proposals[1].action, Action::Deadline(NOW_MS + 15 * 60_000));
    assert_eq!(proposals[2].action, Action::tags(["a", "b"]));
}

#[test]
fn a_deadline_counts_from_when_the_customer_began_to_wait() {
    let case = by_author(|author| author.followers = Some(10_000))
        .with(|case| case.conversation.waiting_since_ms = Some(NOW_MS - 1_000));
    let due = Action::Deadline(NOW_MS - 1_000 + 2 * 3_600_000);
    assert!(actions(json!({}), &case).contains(&due));

    let answered = case.with(|case| case.conversation.waiting_since_ms = None);
    let actions = actions(json!({}), &answered);
    assert!(!actions.iter().any(|action| matches!(action, Action::Deadline(_))));
}

#[test]
fn what_a_machine_wrote_is_left_alone() {
    let case =
        by_author(|author| author.verified = true).with(|case| case.item.automatic = Some(Automatic::Bulk));
    assert_eq!(ask(json!({}), &case), []);
}

#[test]
fn wrong_settings_are_named_by_place() {
    for (settings, pointer) in [
        (json!({"followers": [{"at-least": -1}]}), "/followers/0/at-least"),
        (json!({"followers": [{"at-least": 1, "within": "soon"}]}), "/followers/0/within"),
        (json!({"public": {"priority": "huge"}}), "/public/priority"),
        (json!({"vip": {"tags": ["ok", ""]}}), "/vip/tags/1"),
        (json!({"vip-identities": ["@"]}), "/vip-identities/0"),
        (json!({"followers": [{}]}), "/followers/0"),
    ] {
        let errors = testing::policy::<ReachPriority>(settings).unwrap_err();
        assert_eq!(errors[0].pointer, pointer, "{errors:?}");
    }
    let unknown = testing::policy::<ReachPriority>(json!({"vips": []})).unwrap_err();
    assert!(unknown[0].message.contains("vips"), "{unknown:?}");
}

#[test]
fn the_manifest_carries_the_plugin_s_name_and_defaults() {
    let manifest = testing::policy_manifest::<ReachPriority>();
    assert_eq!(manifest.name, "reach-priority");
    let schema: Value = serde_json::from_str(&manifest.settings_schema).unwrap();
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(schema["properties"]["vip-identities"]["default"], json!([]));
}
