//! What every store promises, as one suite; and what SQLite and PostgreSQL each promise besides.
#![expect(
    clippy::unwrap_used,
    reason = "what a database here cannot do fails the test that asked"
)]

/// Runs the suite against a backend, each test on a fresh database and with these attributes.
macro_rules! store_contract {
    ($backend:ident $attributes:tt) => {
        store_contract! { $backend $attributes;
            changes:
                preparing_twice_changes_nothing,
                a_brand_never_changes,
                a_change_is_written_whole,
                every_column_is_read_as_it_was_written,
                a_conflict_writes_nothing,
                a_repeated_hash_writes_nothing,
                the_chain_of_audit_events_holds,
                the_chain_goes_on_after_a_restart;
            audit:
                events_are_found_by_what_they_say,
                a_list_of_events_goes_on_by_its_cursor,
                a_sound_chain_is_followed_to_its_end,
                a_changed_event_is_named,
                a_changed_hash_is_named,
                what_was_taken_out_is_noticed_behind_it,
                a_changed_last_event_is_named,
                a_trail_that_was_cut_off_lacks_what_was_noted;
            pruning:
                the_oldest_events_go_and_the_rest_is_checked,
                nothing_to_prune_makes_no_event,
                a_trail_is_pruned_again_and_to_its_end,
                events_go_in_the_order_of_the_chain,
                a_pruned_trail_still_tells_what_was_tampered_with,
                an_anchor_that_was_moved_is_found,
                an_anchor_that_was_changed_or_lost_is_found,
                a_broken_trail_is_not_pruned,
                of_several_one_prunes,
                what_a_kill_left_is_dropped,
                what_was_pruned_is_part_of_the_past;
            directory:
                an_organization_is_read_as_it_was_written,
                organizations_within_reach_come_newest_first,
                members_come_by_subject,
                a_person_is_a_member_of_many_organizations,
                a_role_that_somebody_else_changed_is_a_conflict,
                the_last_owner_stays,
                a_refused_member_takes_the_whole_change_along;
            groups:
                a_group_is_read_as_it_was_written,
                every_organization_has_the_group_admin,
                a_new_organization_has_a_group_of_its_own,
                groups_come_by_name,
                a_group_of_the_same_name_is_refused,
                a_group_that_changed_meanwhile_is_a_conflict,
                a_key_is_read_with_its_groups_as_they_are_now,
                keys_follow_page_by_page,
                a_page_that_is_out_of_date_is_not_written,
                a_deleted_group_is_gone_when_its_keys_have_followed,
                a_job_is_there_after_a_kill,
                a_gateway_key_is_read_as_it_was_written,
                a_gateway_key_has_its_name_to_itself_until_it_ends,
                a_rotated_gateway_key_passes_its_name_on,
                an_expired_gateway_key_gives_its_name_up,
                a_use_is_the_latest_and_no_change;
            idempotency:
                a_request_is_read_as_it_was_written,
                a_request_that_was_done_writes_nothing,
                a_change_that_fails_leaves_the_slot_free,
                of_many_at_once_one_is_done,
                answers_are_dropped_before_requests_are_forgotten,
                a_forgotten_request_gives_its_slot_up;
            history:
                the_past_is_known_by_its_events,
                a_recovery_is_due_until_it_has_ended,
                whoever_restores_makes_it_due_everywhere,
                a_recovered_key_leaves_revisions_out;
            key_jobs:
                work_on_many_keys_comes_page_by_page,
                whose_keys_is_followed,
                keys_made_afterwards_are_left_alone_and_successors_are_not,
                a_page_of_work_that_is_out_of_date_is_not_written,
                work_on_many_keys_is_there_after_a_kill,
                keys_stay_in_a_deleted_group_until_they_are_ended,
                a_suspended_organization_gets_no_key_and_its_keys_follow_it;
            ends:
                each_end_is_one_event,
                a_grace_period_ends_in_an_event_of_its_own,
                what_ended_otherwise_is_not_noted,
                another_expiry_is_another_end,
                a_name_is_free_when_its_key_has_ended,
                of_many_that_look_at_once_one_notes_an_end,
                a_key_that_changes_meanwhile_is_looked_at_again;
            key_lists:
                what_is_searched_for_is_found_as_it_is_written,
                each_state_has_its_keys_and_every_key_one_state,
                every_narrowing_narrows,
                each_order_goes_on_by_its_places,
                what_a_deployment_has_is_told_of_each_key;
            lists:
                a_key_of_another_organization_is_absent,
                the_newest_come_first_and_a_cursor_goes_on,
                a_list_is_filtered,
                a_list_of_one_owner_goes_on_by_its_cursor,
                a_list_of_one_holder_goes_on_by_its_cursor,
                keys_of_an_environment_come_by_id,
                those_of_a_lineage_that_are_in_grace_are_found,
                keys_are_found_by_their_hashes,
                tag_secrets_count_while_their_keys_live;
            outbox:
                what_is_written_is_done,
                a_refused_row_waits_and_says_why,
                an_unknown_outcome_is_written_once_more_after_all,
                an_unknown_outcome_after_a_success_still_counts,
                a_change_during_a_claim_is_not_lost,
                a_claim_holds_until_its_end_and_no_longer,
                what_has_arrived_stays_so,
                a_claim_taken_over_is_written_once_more,
                concurrent_claims_share_no_row,
                a_name_is_not_written_twice_in_a_second,
                not_after_a_failure_either,
                a_rewrite_keeps_its_distance_too,
                the_oldest_due_come_first,
                deployments_do_not_touch_each_other,
                an_earlier_wait_stays_the_earliest,
                the_backlog_tells_the_newest_error,
                what_waits_is_told_from_what_is_rewritten;
            sessions:
                what_is_started_is_found_as_it_is,
                it_ends_unused_and_at_last,
                one_ends_once_and_a_new_one_takes_the_place_of_another,
                a_sign_in_is_used_once;
            syncs:
                what_is_confirmed_is_done,
                each_promise_is_read_as_it_was_written,
                kv_and_guards_do_not_touch_each_other,
                an_older_revision_confirms_no_newer_one,
                a_failure_waits_and_says_why,
                a_change_does_not_shorten_a_pause_of_its_own_revision,
                whoever_wants_to_know_again_is_told_or_asks,
                a_claim_on_a_sync_ends,
                concurrent_claims_share_no_sync,
                what_nobody_will_tell_is_found;
            refusals:
                a_batch_counts_once_in_hours_days_and_months,
                of_repeated_batches_at_once_one_counts,
                refusals_of_others_keys_are_passed_over,
                refusals_go_with_their_slots_and_batches_are_forgotten;
            usage:
                totals_and_last_use_never_fall,
                the_greatest_of_one_report_counts,
                deployments_count_by_themselves_and_add_up,
                keys_of_others_are_passed_over,
                hours_count_in_their_days_and_months,
                what_a_late_report_adds_is_counted_once,
                usage_before_the_horizon_goes_and_the_rest_stays,
                whatever_is_reported_and_dropped_the_sums_are_right,
                a_lineage_is_counted_together,
                a_use_is_no_change_and_survives_one,
                a_full_report_keeps_nobody_waiting;
        }
    };
    ($backend:ident $attributes:tt; $($module:ident: $($test:ident),*;)*) => {
        $(store_contract! { @module $backend $module $attributes $($test)* })*
    };
    (@module $backend:ident $module:ident $attributes:tt $($test:ident)*) => {
        mod $module {
            $(store_contract! { @test $backend $module $attributes $test })*
        }
    };
    (@test $backend:ident $module:ident [$(#[$attribute:meta])?] $test:ident) => {
            #[tokio::test]
            $(#[$attribute])?
            async fn $test() {
                let backend = <super::$backend as crate::backend::Backend>::start().await;
                crate::$module::$test(backend).await;
            }
    };
}

mod audit;
mod backend;
mod changes;
#[expect(dead_code, reason = "shared with suites that need more of it")]
#[path = "../support/clock.rs"]
mod clock;
#[path = "../support/postgres.rs"]
mod database;
mod directory;
mod ends;
mod golden;
mod groups;
mod history;
mod idempotency;
mod key_jobs;
mod key_lists;
#[path = "../support/keys.rs"]
mod keys;
mod lists;
mod outbox;
mod postgres;
mod pruning;
mod refusals;
mod sessions;
mod sqlite;
mod syncs;
mod usage;
