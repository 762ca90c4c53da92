//! What every engine must do, as tests.
//!
//! An engine supplies a function that returns [`Instances`] on fresh, empty data and calls
//! `sessionmint_store::contract_tests!(that_function);` in a file of its `tests/` folder: one `#[test]` per case.

mod audit;
mod authorizations;
mod clients;
mod fixtures;
mod grants;
mod keys;
mod marks;
mod oauth_clients;
mod races;
mod roles;
mod sessions;
mod users;

use std::any::Any;
use std::sync::Arc;

use crate::Store;

/// Two instances of an engine on the same data, empty at first, as two processes would have it.
pub struct Instances {
    /// The one that most cases use.
    pub one: Arc<dyn Store>,
    /// The other one.
    pub two: Arc<dyn Store>,
    /// Whatever must live as long as the data, such as a temporary folder.
    pub keep: Box<dyn Any + Send>,
}

// One list for both the dispatcher and the exported macro: a case that is not in it is reported as dead code.
// `$d` stands for the dollar sign in the inner macro.
macro_rules! cases {
    (($d:tt) $($module:ident { $($case:ident)+ })+) => {
        /// Runs one case by name; `contract_tests!` makes a test of each.
        ///
        /// # Panics
        /// When the engine breaks the contract.
        pub fn run(case: &str, on: &Instances) {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
            runtime.block_on(async {
                match case {
                    $($(stringify!($case) => $module::$case(on).await,)+)+
                    _ => panic!("there is no case `{case}`"),
                }
            });
        }

        /// Makes one `#[test]` per case of the contract, given a function `fn() -> Instances`.
        #[macro_export]
        macro_rules! contract_tests {
            ($d instances:path) => {
                $($(
                    #[test]
                    fn $case() {
                        $d crate::contract::run(stringify!($case), &$d instances());
                    }
                )+)+
            };
        }
    };
}

cases! { ($)
    users {
        a_user_comes_back_as_stored
        names_are_unique_byte_for_byte
        users_are_listed_by_name_in_pages
        a_new_password_ends_sessions
        many_users_are_added_at_once
        c149_a_change_of_password_needs_the_old_hash_and_a_live_session
        a_hash_is_upgraded_only_from_the_old_one
        disabling_ends_sessions_for_good
        scopes_of_a_user_show_in_the_next_read
        a_user_is_changed_only_as_they_were_seen
        a_removed_user_takes_their_sessions_along
    }
    sessions {
        a_session_comes_back_as_stored
        c018_what_was_read_before_counts_for_nothing_after_a_change
        nothing_starts_for_a_missing_or_disabled_user
        c018_nothing_starts_with_a_password_of_before
        c021_oldest_session_is_evicted
        eviction_goes_by_arrival_when_the_clock_jumps_back
        the_new_session_stays_whatever_the_maximum
        signing_in_ends_the_session_it_replaces
        a_touch_moves_activity_only_forward
        an_ended_session_stays_ended
        a_user_ends_only_their_own_sessions
        the_operator_ends_any_session_by_its_id
        ending_the_others_says_how_many
        a_purge_removes_exactly_what_is_over
    }
    clients {
        a_client_comes_back_as_stored
        ids_and_origins_belong_to_one_client
        replacing_a_client_keeps_to_the_same_rule
        origins_compare_byte_for_byte
        an_origin_listed_twice_counts_once
        every_change_is_seen_by_who_asked_a_moment_ago
        a_removed_client_frees_its_origins
    }
    grants {
        c092_a_grant_comes_back_as_stored
        nothing_is_granted_for_who_is_gone
        grants_are_listed_newest_first
        c094_of_concurrent_rotations_one_wins
        c097_what_is_ended_is_neither_rotated_nor_touched
        c097_a_rotation_that_races_with_an_end_brings_nothing_back
        a_touch_moves_the_idle_end_only_forward
        c102_a_grant_ends_with_its_session_unless_it_is_offline
        c102_all_grants_of_a_user_end_with_their_password_or_account
        grants_are_ended_by_user_and_by_client
        a_grant_stays_until_its_absolute_end
        c151_each_start_and_end_of_a_grant_leaves_its_record
    }
    oauth_clients {
        an_oauth_client_comes_back_as_stored
        both_kinds_of_clients_share_one_space_of_ids
        one_of_many_clients_of_both_kinds_gets_an_id
        c082_no_public_client_has_users_sent_to_the_pages_of_a_browser_app
        replacing_an_oauth_client_keeps_its_subject_and_whether_it_is_disabled
        c111_a_client_has_two_secrets_at_the_most
        c111_a_client_is_disabled_and_enabled
        c111_what_was_granted_to_a_client_ends_with_it
        c151_each_change_of_an_oauth_client_leaves_its_record
    }
    marks {
        c109_of_many_marks_at_once_one_is_first
        c088_what_is_marked_for_one_purpose_is_not_for_another
        a_mark_is_kept_until_its_time
        c151_a_revoked_token_leaves_a_record_and_a_used_assertion_none
    }
    keys {
        a_key_comes_back_as_stored
        c072_a_key_follows_the_one_that_was_seen
        replacing_keys_leaves_the_new_one_alone
        a_plain_key_is_sealed_once
        c074_keys_are_encrypted_anew_all_at_once_or_not_at_all
        a_key_is_removed_unless_it_is_the_newest
        c076_keys_of_refresh_tokens_follow_one_another
        c076_a_replaced_key_of_refresh_tokens_is_destroyed
        c074_keys_of_refresh_tokens_are_encrypted_anew_with_the_others
    }
    audit {
        c151_a_record_says_who_did_what_to_whom_from_where_and_when
        c151_each_change_of_a_user_leaves_its_record
        c151_each_end_of_a_session_has_its_true_reason
        c151_each_change_of_clients_and_keys_leaves_its_record
        c151_what_changes_nothing_leaves_no_record
        c151_concurrent_changes_leave_one_record_each
        c151_records_are_found_by_user_kind_and_time_in_pages
        c151_refusals_are_recorded_together
        c151_old_records_go_and_a_flood_of_refusals_pushes_out_no_change
    }
    authorizations {
        a_request_waits_until_it_is_completed_once
        a_request_that_is_over_is_completed_by_nobody
        so_many_requests_of_a_network_wait_and_no_more
        who_has_most_requests_makes_room
        c018_no_code_comes_of_a_session_that_is_over
        c085_a_code_is_redeemed_once
        c087_a_code_needs_its_time_and_its_session
        c018_no_grant_begins_for_who_was_disabled
        a_consent_grows_and_is_withdrawn
        c091_a_consent_is_for_the_resources_that_were_shown
        c091_a_consent_that_was_withdrawn_gives_no_code
        c102_with_a_consent_end_its_grants_and_codes
        a_client_that_is_removed_takes_its_authorizations_along
        a_purge_removes_what_is_over_and_no_more
        c151_what_a_user_says_is_recorded
    }
    roles {
        roles_and_groups_come_back_as_stored
        a_role_is_replaced_only_as_it_was_seen
        members_come_and_go_all_at_once
        records_name_what_is_there_and_are_found
        what_records_name_is_removed_only_with_them
        every_change_of_the_policy_is_seen_at_once
        the_policy_keeps_its_number_while_nothing_of_it_changes
        c118_roles_go_with_the_user_or_client
        of_many_replacements_of_a_role_one_wins
        c151_each_change_of_roles_leaves_its_record
        a_client_that_acts_is_named_in_the_trail
    }
    races {
        an_instance_sees_at_once_what_another_did
        two_hundred_sessions_start_move_and_end_at_once
        nothing_brings_an_ended_session_back
        sign_ins_that_race_with_disabling_leave_nothing
        the_maximum_holds_under_concurrent_sign_ins
        a_hash_upgrade_never_undoes_a_password_change
        one_of_many_equal_names_wins
        c023_a_purge_neither_revives_nor_takes_a_live_session
        c149_one_of_many_changes_of_a_password_wins
        one_of_many_clients_gets_an_origin
        c072_instances_that_rotate_at_once_end_with_one_new_key
    }
}
