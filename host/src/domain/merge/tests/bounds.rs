//! What one decision may change, and what is kept of what is invalid.

use super::*;

fn note(bytes: usize) -> Proposal {
    because(Action::Note { text: "n".repeat(bytes) })
}

fn is_refused(verdict: &Verdict, quota: &str) -> bool {
    matches!(verdict, Verdict::Invalid { detail } if detail.contains(quota))
}

#[test]
fn owner_that_changes_too_much_leaves_room_for_the_others() {
    let (notes, destination) = (vec![note(4_000); 10], [because(to("sales"))]);
    let department = |number, proposals| Voice {
        owner: Some(SUPPORT),
        ..voice(number, "first", Phase::Qualify, proposals)
    };
    let merged = merge_with(
        &conversation(),
        &[department(1, &notes), department(2, &notes), voice(3, "company", Phase::Route, &destination)],
    );
    let applied =
        |index: usize| merged.judged[index].iter().filter(|it| it.verdict == Verdict::Applied).count();
    assert_eq!((applied(0), applied(1), applied(2)), (6, 0, 1));
    assert!(is_refused(&merged.judged[0][6].verdict, "decision-bytes"));
    assert_eq!(merged.outcome.notes.len(), 6);
}

#[test]
fn proposal_beyond_its_limits_is_kept_by_its_beginnings() {
    let merged = merge_with(&conversation(), &[voice(1, "first", Phase::Route, &[note(1_000_000)])]);
    let judged = &merged.judged[0][0];
    assert!(matches!(judged.verdict, Verdict::Invalid { .. }));
    assert!(json_bytes(judged) < 1_000);
}

#[test]
fn first_proposal_too_many_is_kept_and_says_so() {
    let many = vec![because(Action::Abstain); 5_500];
    let merged = merge_with(&conversation(), &[voice(1, "first", Phase::Route, &many)]);
    assert_eq!(merged.judged[0].len(), RECORDED_MAX);
    assert!(is_refused(&merged.judged[0][PROPOSALS_MAX].verdict, "more than 64"));
}

#[test]
fn destination_with_an_endless_name_is_invalid() {
    let merged =
        merge_with(&conversation(), &[voice(1, "first", Phase::Route, &[because(to(&"x".repeat(1_000)))])]);
    assert!(is_refused(&merged.judged[0][0].verdict, "a destination's name"));
}

#[test]
fn labels_and_facts_beyond_the_conversations_quotas_are_refused_by_name() {
    let mut conversation = conversation();
    conversation.tags = (0..63).map(|it| it.to_string()).collect();
    conversation.attributes = (0..64).map(|it| (it.to_string(), "v".into())).collect();
    let tags = |tags: &[&str]| because(Action::Tags { tags: tags.iter().map(|it| (*it).into()).collect() });
    let fact = |key: &str| {
        because(Action::Attribute { attribute: Attribute { key: key.into(), value: "another".into() } })
    };
    let proposals = [tags(&["a", "b"]), tags(&["0", "a"]), tags(&["b"]), fact("new"), fact("0")];
    let judged = merge_with(&conversation, &[voice(1, "first", Phase::Route, &proposals)]).judged.remove(0);
    let refused = |index: usize, quota: &str| is_refused(&judged[index].verdict, quota);
    assert!(refused(0, "conversation-labels") && refused(2, "conversation-labels"));
    assert!(refused(3, "conversation-facts"));
    assert_eq!((&judged[1].verdict, &judged[4].verdict), (&Verdict::Applied, &Verdict::Applied));
}

#[test]
fn only_valid_proposals_that_say_something_are_shown_to_later_policies() {
    let long = because(Action::Note { text: "n".repeat(5_000) });
    let fine = because(Action::Spam);
    let mut proposals =
        vec![because(Action::Abstain), long, because(Action::Tags { tags: vec![String::new()] })];
    proposals.push(fine.clone());
    let declared = [ProposalKind::Abstain, ProposalKind::Note, ProposalKind::Tags, ProposalKind::Spam];
    let valid = |declared: &[ProposalKind]| {
        limits::valid(declared, &proposals, at(1_000)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(valid(&declared), [fine]);
    assert_eq!(valid(&declared[..3]), [], "it is not declared");
}
