//! What every repository must do, whatever database it is kept in.
//!
//! Each function takes a fresh repository. `conformance!` makes tests of them all for one
//! implementation, so that none can be forgotten.

pub(super) mod changes;
pub(super) mod claims;
pub(super) mod door;
pub(super) mod lists;
pub(super) mod merging;
pub(super) mod order;
pub(super) mod organisation;
pub(super) mod people;
pub(super) mod personal;
pub(super) mod plugins;
pub(super) mod returning;
pub(super) mod search;
pub(super) mod secrets;
pub(super) mod sending;
pub(super) mod shared;
pub(super) mod shares;
pub(super) mod threads;
pub(super) mod timers;
pub(super) mod uniqueness;
pub(super) mod unread;
pub(super) mod world;

/// Tests an implementation: `$open` makes a [`world::World`] of a fresh repository.
macro_rules! conformance {
    ($open:path) => {
        $crate::store::conformance::conformance! { @tests $open;
            uniqueness {
                an_item_is_kept_once_within_a_batch,
                an_item_is_kept_once_across_batches,
                an_item_is_kept_once_whoever_is_faster,
                the_same_id_in_two_inboxes_is_two_items,
                a_presence_is_met_once_and_kept_up_to_date,
                an_unparsed_delivery_is_kept_and_read_once_more,
                who_had_a_delivery_read_is_recorded_with_it_or_not_at_all,
                the_head_of_an_unread_delivery_is_rewritten,
                a_record_of_an_import_is_kept_once_in_its_inbox,
                odd_keys_are_kept,
                what_is_copied_from_an_item_is_short_and_the_item_whole,
            }
            threads {
                an_answer_joins_the_conversation,
                a_child_before_its_parent_is_one_conversation,
                a_batch_in_any_order_is_one_conversation,
                an_item_that_joins_two_conversations_merges_them,
                events_of_a_merged_conversation_are_claimed_in_the_survivor,
                an_inbound_item_opens_a_closed_conversation_again,
                what_a_machine_wrote_makes_nobody_wait,
                an_echo_answers,
                an_echo_begins_a_pending_conversation_of_whoever_answers,
                a_strangers_references_join_nothing_and_are_suggested,
                what_a_stranger_named_first_leads_its_own_writers_together,
                a_key_that_another_conversation_has_joins_nothing,
                who_answers_what_we_sent_joins_one_conversation,
                a_mail_from_the_company_leads_others_nowhere_unless_it_began,
                only_items_are_believed_of_a_channel_that_proves_nothing,
                changes_without_proof_do_not_wait_for_their_item,
                nameless_writers_join_nothing_of_one_another,
                a_delivery_merges_no_more_than_its_bound,
                a_writer_finds_the_own_thread_among_many,
            }
            merging {
                conversations_are_merged_by_hand_and_taken_apart,
                items_since_a_merge_go_where_they_belong,
                merges_are_taken_back_in_any_order_but_inner_ones_first,
                a_merge_of_who_is_erased_since_is_not_taken_back,
                a_merge_waits_for_an_erasure_under_way,
                a_changed_conversation_is_not_merged,
                a_long_conversation_is_not_moved_at_once,
                named_references_count_to_what_a_merge_moves,
                conversations_over_a_quota_together_are_suggested_and_not_merged,
                a_merge_is_taken_back_however_many_items_the_survivor_got,
                timers_go_back_to_their_conversations,
                a_suggestion_is_dismissed_once,
                a_suggestion_follows_conversations_that_merge,
            }
            order {
                changes_end_in_the_same_state_in_any_order,
                an_edit_that_happened_earlier_does_not_stand,
                an_edit_of_a_clock_that_is_ahead_keeps_no_later_one_from_standing,
                statuses_stand_by_their_time,
                a_status_faster_than_the_channels_response_counts,
                early_changes_of_an_inbox_are_bounded,
                early_changes_go_with_age,
                an_early_change_of_what_is_erased_is_not_kept,
            }
            changes {
                an_edit_is_a_new_revision_and_an_event,
                an_item_is_edited_in_the_batch_that_brought_it,
                a_deletion_is_recorded,
                a_status_is_recorded_and_a_failure_noted,
                news_of_unknown_items_is_counted,
                edits_that_rewrite_too_much_at_once_are_refused,
            }
            claims {
                a_case_has_all_that_was_asked_for,
                a_conversation_is_claimed_by_one,
                events_of_a_conversation_are_claimed_in_order,
                a_claim_given_back_is_claimed_again,
                long_items_are_claimed_a_few_at_a_time,
                an_empty_remark_is_kept_as_others_are,
                a_history_of_long_items_is_shown_as_of_the_whole,
                a_decision_is_carried_out,
                a_decision_names_its_policies,
                decisions_that_are_much_are_carried_out_a_few_at_a_time,
                a_decision_on_a_changed_conversation_is_stale,
                an_old_fence_is_refused,
                a_busy_conversation_hides_no_other,
                an_event_waits_longer_each_time_and_nothing_overtakes_it,
                an_event_that_somebody_else_has_does_not_wait,
            }
            door {
                what_is_judged_at_the_door_waits_for_nobody,
                items_of_one_conversation_are_judged_in_order,
                a_person_with_more_open_is_told_to_the_judge,
                what_the_judge_leaves_out_waits_with_all_behind_it,
                what_one_transaction_does_not_hold_waits,
                where_something_waits_the_new_waits_too,
                a_conversation_that_a_person_changes_meanwhile_is_not_judged_on_what_it_was,
                what_arrives_meanwhile_is_not_lost_to_a_judgement,
                an_entry_that_cannot_be_stored_costs_the_others_nothing,
                the_later_of_two_decisions_has_the_last_word_on_a_timer,
            }
            timers {
                a_due_timer_fires_once,
                timers_of_closed_conversations_fire_nothing,
                an_answer_ends_the_wait,
                a_timer_of_the_same_purpose_is_replaced,
                a_timer_that_fired_meanwhile_is_not_set_again,
                a_case_names_the_timers_that_policies_have_open,
                a_timer_is_set_again_by_the_judgement_of_its_own_event,
            }
            people {
                what_a_person_changes_is_kept,
                a_person_who_saw_an_older_revision_is_stale,
                labels_can_be_taken_away,
                a_contact_is_marked_as_important,
            }
            personal {
                a_contact_is_erased_once,
                an_erasure_that_has_begun_is_known_until_its_end,
                what_is_erased_says_nothing_and_keeps_its_place,
                what_waits_to_be_judged_is_not_judged_any_more,
                a_repetition_of_what_is_erased_brings_nothing_back,
                a_record_of_an_import_that_is_erased_is_not_taken_in_again,
                an_answer_that_was_under_way_says_nothing_more_about_who_was_erased,
                what_the_channel_shows_of_an_answer_to_who_was_erased_brings_nothing_back,
                nothing_comes_back_under_an_id_that_cannot_be_stored_as_it_is,
                everything_about_a_contact_is_found,
                what_a_merge_moved_is_about_whom_it_was_about,
                a_delivery_says_how_often_it_tells_of_an_item,
                deliveries_are_purged_by_age_and_inbox,
                ended_conversations_are_erased_by_age,
            }
            unread {
                what_is_unread_is_purged_by_age_and_belief,
                room_is_made_by_the_oldest_that_are_not_believed,
                what_is_read_takes_no_room_any_more,
                an_answer_is_forgotten_when_its_time_is_over,
                oldest_answers_of_a_token_make_room_for_its_new_ones,
            }
            returning {
                a_change_that_came_before_its_item_goes_with_it,
                nothing_from_outside_has_the_name_of_something_erased,
                an_id_that_cannot_be_stored_as_it_is_does_not_come_back,
            }
            shared {
                what_came_of_an_erased_item_goes_where_others_stay,
                what_a_merge_brought_goes_with_who_is_erased,
                what_came_of_a_merge_that_was_taken_back_goes_with_who_is_erased,
                what_a_chain_of_merges_brought_goes_with_who_is_erased,
                what_says_where_nothing_comes_from_goes_unless_an_agent_said_it,
                why_an_answer_was_not_sent_goes_with_whom_it_was_for,
                one_erasure_leaves_another_what_it_needs,
                a_bounce_goes_with_what_it_could_not_deliver,
                a_subject_goes_with_who_gave_it_however_long,
                whoever_stays_is_promised_the_same,
                what_others_answered_too_leads_to_their_conversation,
            }
            sending {
                an_answer_is_handed_out_once,
                whoever_was_answered_gets_the_answer_wherever_the_conversation_goes,
                nothing_is_answered_that_is_erased_or_elsewhere,
                a_sent_answer_is_known_by_the_channels_id,
                an_answer_is_known_by_whatever_id_the_channel_gives,
                a_failed_answer_leaves_a_note,
                an_answer_that_failed_for_now_is_due_later,
                an_answer_that_was_being_sent_is_parked_and_not_sent_again,
                an_answer_that_is_handed_back_is_handed_out_again,
            }
            shares {
                events_are_claimed_for_one_department_at_a_time,
                due_timers_are_taken_from_every_department,
                replies_are_claimed_for_one_inbox_at_a_time,
            }
            search {
                words_and_phrases_are_found,
                japanese_is_found,
                accents_and_case_do_not_matter,
                an_edited_text_is_found_by_its_latest_words,
                short_words_are_found_by_walking,
                hits_come_in_pages,
            }
            lists {
                lists_come_in_pages,
                a_queue_is_in_the_order_to_be_answered,
                filters_narrow_a_list,
                a_department_sees_what_it_has_to_do_with,
                counts_are_exact,
                the_audit_log_keeps_everything,
            }
            organisation {
                names_are_unique,
                a_channel_of_one_department_is_shared_only_by_the_company,
                name_like_that_of_anothers_inbox_is_refused_to_a_department,
                what_is_referred_to_must_exist,
                an_inbox_is_changed_by_compare_and_set,
                the_installations_settings_are_changed_by_compare_and_set,
                quotas_are_set_and_put_back_to_their_default,
                tokens_are_kept_and_revoked_once,
                a_token_that_was_revoked_makes_no_other,
            }
            plugins {
                a_release_is_published_once,
                an_activation_is_changed_by_compare_and_set,
                an_adapter_is_enabled_once,
                generations_follow_one_another,
                artefacts_are_kept_by_key,
                artefact_beyond_the_quota_is_not_kept,
                unused_artefact_is_deleted_after_a_while,
                component_of_a_yanked_unused_release_is_deleted_and_its_version_kept,
                releases_and_activations_stay_within_their_quotas,
                activation_keeps_its_last_versions,
                release_that_changed_meanwhile_enables_nothing,
                component_that_an_activation_runs_by_now_is_not_deleted,
                deleted_activation_leaves_its_name_to_another,
                name_like_that_of_anothers_activation_is_refused,
                generations_that_a_decision_names_are_kept,
            }
            secrets {
                a_secret_is_changed_by_compare_and_set,
                a_retired_value_is_gone,
            }
        }
    };
    (@tests $open:path; $($module:ident { $($test:ident,)+ })+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $test() {
                let world = $open().await;
                let store = std::sync::Arc::clone(&world.store);
                $crate::store::conformance::$module::$test(world).await;
                // Whatever was done, a look at the whole finds nothing wrong.
                assert_eq!(store.inspect().await.unwrap(), $crate::store::Findings::default());
            })+
        })+
    };
}
pub(super) use conformance;
