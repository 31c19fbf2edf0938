"""The safeguards, each with the one line that takes it out and the fastest test that then dies. Run by guards.py."""

from dataclasses import dataclass

CLAUDE, ADVANCE = "shared/lanekeeper/claude.py", "shared/lanekeeper/advance.py"
BATCHES, REQUESTS = "shared/lanekeeper/batches_table.py", "shared/lanekeeper/requests_table.py"
DYNAMO, LEDGER, SPOOL = "shared/lanekeeper/dynamo.py", "shared/lanekeeper/ledger.py", "shared/lanekeeper/spool.py"
LIFECYCLE, RESULTS, QUEUES = (f"shared/lanekeeper/{name}.py" for name in ("lifecycle", "results", "queues"))
STORE, COLLECT, EFFECTS, REBUFFER = (
    f"functions/collector/{name}.py" for name in ("store", "collect", "effects", "rebuffer")
)
ACCEPT, RUN = "functions/classifier/accept.py", "functions/classifier/run.py"
SUBMITTER = "functions/batch_submitter/app.py"
TALLY = "functions/collector/tally.py"
ANSWER, FINISH = "functions/realtime_invoker/answer.py", "functions/realtime_invoker/finish.py"
TICK, DEADLINES = "functions/poller/tick.py", "functions/poller/deadlines.py"
SETTLING, REFUSALS, TRIMMING, BATCHING, BREAKER, LANES, SECRET = (
    f"shared/lanekeeper/{name}.py"
    for name in ("settling", "refusals", "trimming", "batching", "breaker", "lanes", "secret")
)

IN_BATCHES, IN_REQUESTS = "tests/flow/test_batches_table.py", "tests/flow/test_requests_table.py"
IN_SEND, IN_COLLECT, IN_ACCEPT = "tests/flow/test_send.py", "tests/flow/test_collect.py", "tests/flow/test_accept.py"
IN_REALTIME, IN_POLL, IN_CLAUDE = "tests/flow/test_realtime.py", "tests/flow/test_poll.py", "tests/flow/test_claude.py"
IN_LIFECYCLE, IN_RESULTS = "tests/unit/test_lifecycle.py", "tests/unit/test_results.py"
IN_RESCUE, IN_LANES, IN_KEY, IN_LIMIT = (
    f"tests/flow/test_{name}.py" for name in ("rescue", "lanes", "key", "spend_limit")
)
SPENDING, REPORTS, IN_REPORT = (
    "shared/lanekeeper/spending.py",
    "shared/lanekeeper/report.py",
    "tests/unit/test_report.py",
)
IN_BREAKER, IN_REFUSALS = "tests/unit/test_breaker.py", "tests/unit/test_refusal_table.py"


@dataclass(frozen=True, slots=True)
class Guard:
    """`old` stands exactly once in the function `within`; with `new` in its place, `test` must fail."""

    name: str
    file: str
    within: str
    old: str
    new: str
    test: str  # a pytest node id


def condition(name: str, file: str, within: str, clause: str, test: str) -> Guard:
    """One clause of a condition expression that holds always: its names and values stay used, as DynamoDB wants it."""
    return Guard(name, file, within, clause, f"({clause} OR NOT {clause})", test)


def without(name: str, file: str, within: str, statement: str, test: str) -> Guard:
    """One statement that is not made."""
    return Guard(name, file, within, statement, "pass", test)


def never(name: str, file: str, within: str, question: str, test: str) -> Guard:
    """One `if` that is never taken: `question` is what stands between `if` and the colon, or its beginning."""
    return Guard(name, file, within, f"if {question}", f"if False and {question}", test)


SEND = [
    Guard(
        "the client never retries by itself",
        CLAUDE,
        "connect",
        "max_retries=0",
        "max_retries=2",
        f"{IN_CLAUDE}::test_no_call_is_repeated_by_the_client_itself",
    ),
    Guard(
        "a 5xx leaves a create in doubt",
        CLAUDE,
        "_refused_or_unclear",
        "status >= 500",
        "status >= 600",
        f"{IN_SEND}::test_a_status_that_speaks_of_the_connection_leaves_the_create_in_doubt",
    ),
    Guard(
        "a 4xx about the connection leaves a create in doubt",
        CLAUDE,
        "_refused_or_unclear",
        "status in PERHAPS_EXECUTED",
        "status in ()",
        f"{IN_SEND}::test_a_status_that_speaks_of_the_connection_leaves_the_create_in_doubt",
    ),
    Guard(
        "the anchor bounds whose batch it can be",
        SETTLING,
        "__iter__",
        "return",
        "pass",
        f"{IN_SEND}::test_a_batch_that_was_there_before_the_create_is_never_taken_for_it",
    ),
    Guard(
        "only a batch of our total can be ours",
        SETTLING,
        "_candidates",
        "listed.total != batch.count",
        "False",
        f"{IN_SEND}::test_a_batch_of_another_size_is_never_taken_for_ours",
    ),
    Guard(
        "a batch with an owner is not a candidate",
        SETTLING,
        "_candidates",
        "self.batches.owner_of(listed.id) is not None",
        "False",
        f"{IN_SEND}::test_a_batch_that_is_another_of_ours_does_not_keep_a_lost_one_in_doubt",
    ),
    Guard(
        "an ended candidate proves by its rows that it is ours",
        SETTLING,
        "_candidates",
        "not listed.ended or self._is_ours(batch, listed)",
        "True",
        f"{IN_SEND}::test_a_foreign_batch_of_the_same_size_is_not_mistaken_for_ours",
    ),
    Guard(
        "a custom_id that looks like ours is compared",
        SETTLING,
        "_is_ours",
        "return row.segment in {member.segment for member in batch.members}",
        "return True",
        f"{IN_SEND}::test_a_foreign_batch_whose_custom_ids_look_like_ours_is_not_mistaken_for_ours",
    ),
    Guard(
        "a download without a row proves nothing",
        SETTLING,
        "_is_ours",
        "raise ClaudeUnclearError",
        "return False  #",
        f"{IN_SEND}::test_a_download_that_proves_nothing_never_makes_us_send_again",
    ),
    Guard(
        "SETTLE: not sent again before it",
        LIFECYCLE,
        "settle",
        "now - sending_at >= settle_after",
        "True",
        f"{IN_LIFECYCLE}::test_a_lost_answer_is_settled_by_what_is_listed",
    ),
    Guard(
        "of several candidates none is adopted",
        LIFECYCLE,
        "settle",
        "if len(ours) == 1:",
        "if ours:",
        f"{IN_LIFECYCLE}::test_a_lost_answer_is_settled_by_what_is_listed",
    ),
    never(
        "nothing is sent with a SETTLE that a send could outlive",
        ADVANCE,
        "_send",
        "left >= self.settle_after.total_seconds()",
        f"{IN_SEND}::test_nothing_is_sent_while_a_send_could_outlive_settle",
    ),
    Guard(
        "nobody settles while the sender may still wait",
        ADVANCE,
        "_send",
        "now + timedelta(seconds=left)",
        "now",
        f"{IN_SEND}::test_nobody_settles_a_send_whose_sender_may_still_be_waiting",
    ),
    Guard(
        "a send is not begun with too little time",
        ADVANCE,
        "_send",
        "left < LEAST_SECONDS or ",
        "",
        f"{IN_SEND}::test_a_send_is_not_begun_with_too_little_time_to_end_it",
    ),
    Guard(
        "who lost the entry into SENDING does not post",
        ADVANCE,
        "_send",
        "not self.batches.start_sending(batch, anchor=anchor, now=now, look_at=look_at)",
        "self.batches.start_sending(batch, anchor=anchor, now=now, look_at=look_at) is None",
        f"{IN_SEND}::test_two_batches_of_one_size_are_never_in_doubt_together",
    ),
    Guard(
        "an unexplained 400 is not the requests' fault where the other half was refused, too",
        REFUSALS,
        "judge_refusal",
        "if others_accepted is False",
        "if False",
        f"{IN_REFUSALS}::test_an_unexplained_refusal_is_the_requests_fault_only_where_the_other_half_was_taken",
    ),
    Guard(
        "a doubtful send is left alone before its time",
        ADVANCE,
        "__call__",
        " and moments.from_text(batch.next_action_at) <= self.clock()",
        "",
        f"{IN_SEND}::test_a_doubtful_send_is_left_alone_until_its_time_has_come",
    ),
    Guard(
        "an error from Claude quotes nothing",
        CLAUDE,
        "_sorted_errors",
        "raise _refused_or_unclear(error) from None",
        "raise _refused_or_unclear(error) from error",
        f"{IN_CLAUDE}::test_an_error_brings_no_cause_that_may_quote_the_request",
    ),
    Guard(
        "our key goes to no other host",
        CLAUDE,
        "batch_of",
        '(address.path + (f"?{address.query}" if address.query else "")) or None',
        "address.geturl() or None",
        f"{IN_CLAUDE}::test_results_are_fetched_from_claude_whatever_host_their_address_names",
    ),
]

BATCH_ROWS = [
    condition(
        "a row that stands is not put again",
        DYNAMO,
        "put_if_absent",
        "attribute_not_exists(#key)",
        f"{IN_BATCHES}::test_a_segment_that_was_barred_is_not_committed_and_is_nobodys",
    ),
    Guard(
        "a barred segment is not committed",
        BATCHES,
        "commit_segment",
        'return standing is None or standing["state"] != SegmentState.ABANDONED',
        "return True",
        f"{IN_BATCHES}::test_a_segment_that_was_barred_is_not_committed_and_is_nobodys",
    ),
    Guard(
        "a committed segment is not barred",
        BATCHES,
        "abandon_segment",
        'return standing is None or standing["state"] == SegmentState.ABANDONED',
        "return True",
        f"{IN_BATCHES}::test_a_segment_that_was_committed_is_not_barred",
    ),
    condition(
        "a segment is claimed while READY",
        BATCHES,
        "seal",
        "#state = :ready",
        f"{IN_BATCHES}::test_a_segment_has_one_owner_for_good",
    ),
    condition(
        "a new row of a transaction is new",
        BATCHES,
        "_new",
        "attribute_not_exists(item_id)",
        f"{IN_BATCHES}::test_one_claude_batch_is_never_two_of_ours",
    ),
    Guard(
        "a Claude batch has an owner row",
        BATCHES,
        "opened",
        "self._new(owner), ",
        "",
        f"{IN_BATCHES}::test_one_claude_batch_is_never_two_of_ours",
    ),
    condition(
        "the lock of a count is taken once",
        BATCHES,
        "start_sending",
        "attribute_not_exists(#batch)",
        f"{IN_BATCHES}::test_the_end_of_a_doubt_lets_the_next_batch_of_that_size_be_sent",
    ),
    Guard(
        "a send takes the lock of its count",
        BATCHES,
        "start_sending",
        ', {"Update": lock}',
        "",
        f"{IN_BATCHES}::test_the_end_of_a_doubt_lets_the_next_batch_of_that_size_be_sent",
    ),
    condition(
        "a count is freed by its holder alone",
        BATCHES,
        "_unlock",
        "#batch = :mine",
        f"{IN_BATCHES}::test_nobody_frees_the_count_that_another_batch_holds",
    ),
    condition(
        "a step holds from the state it was decided from",
        BATCHES,
        "_move",
        "#state = :was",
        f"{IN_BATCHES}::test_a_send_that_was_settled_meanwhile_is_not_ended_again",
    ),
    Guard(
        "the end of a send is that of this send",
        BATCHES,
        "_move",
        '("sending_at", "claude_id")',
        '("claude_id",)',
        f"{IN_BATCHES}::test_who_slept_through_a_second_send_does_not_end_it",
    ),
    Guard(
        "throttling is no loss",
        DYNAMO,
        "_lost",
        'return reasons <= {"None", "ConditionalCheckFailed", "TransactionConflict"}',
        "return bool(reasons)",
        f"{IN_BATCHES}::test_a_throttled_write_is_an_error_and_no_loss",
    ),
]

COLLECTION = [
    condition(
        "the collector's lease: on the state it saw",
        BATCHES,
        "lease",
        "#state = :state",
        f"{IN_BATCHES}::test_a_lease_is_not_taken_on_a_state_that_has_passed",
    ),
    condition(
        "the collector's lease: one at a time",
        BATCHES,
        "lease",
        "#lease_until < :now",
        f"{IN_BATCHES}::test_a_batch_has_one_collector_until_its_lease_is_over",
    ),
    condition(
        "a lease is prolonged by its holder alone",
        BATCHES,
        "renew",
        "#lease_until = :mine",
        f"{IN_BATCHES}::test_a_lease_that_another_has_taken_over_is_no_longer_ours",
    ),
    condition(
        "a lease is given back by its holder alone",
        BATCHES,
        "release",
        "#lease_until = :mine",
        f"{IN_BATCHES}::test_a_lease_that_another_has_taken_over_is_no_longer_ours",
    ),
    condition(
        "progress is noted while STORED",
        BATCHES,
        "note_progress",
        "#state = :stored",
        f"{IN_BATCHES}::test_progress_is_noted_only_while_effects_are_under_way",
    ),
    Guard(
        "without the lease nothing is collected",
        COLLECT,
        "__call__",
        "not self.batches.lease(batch, now=now, until=now + LEASE)",
        "self.batches.lease(batch, now=now, until=now + LEASE) is None",
        f"{IN_COLLECT}::test_two_collectors_of_one_batch_do_not_work_at_once",
    ),
    Guard(
        "a lease that was lost stops the collector",
        COLLECT,
        "renew",
        "raise LeaseLostError",
        "pass  #",
        f"{IN_COLLECT}::test_a_collector_whose_lease_was_taken_over_stops_before_it_ends_requests",
    ),
    Guard(
        "a long collection prolongs its lease",
        COLLECT,
        "renew",
        "if self.until - now > LEASE - RENEW_AFTER:",
        "if self.until:",
        f"{IN_COLLECT}::test_a_long_collection_prolongs_its_lease",
    ),
    without(
        "a long download prolongs its lease",
        STORE,
        "_checked",
        "renew()",
        f"{IN_COLLECT}::test_a_download_goes_on_only_under_its_lease",
    ),
    without(
        "long effects prolong their lease",
        EFFECTS,
        "__call__",
        "renew()",
        f"{IN_COLLECT}::test_a_collector_whose_lease_was_taken_over_stops_before_it_ends_requests",
    ),
    without(
        "further rounds are written under the lease",
        REBUFFER,
        "__call__",
        "renew()",
        f"{IN_COLLECT}::test_a_further_round_is_written_only_under_the_lease",
    ),
    Guard(
        "two collectors never write to one key",
        STORE,
        "__call__",
        "{batch.id}/{attempt}.jsonl",
        "{batch.id}/results.jsonl",
        f"{IN_COLLECT}::test_two_downloads_of_one_batch_lie_apart",
    ),
    never(
        "a collector stops before its time is over",
        COLLECT,
        "renew",
        "self.seconds_left() < LEAST_SECONDS",
        f"{IN_COLLECT}::test_a_collector_that_runs_out_of_time_goes_on_at_its_last_chunk",
    ),
    Guard(
        "effects begin only where the batch is STORED",
        COLLECT,
        "_collect",
        'or item["state"] != BatchState.STORED',
        "",
        f"{IN_COLLECT}::test_a_collector_that_wakes_when_another_has_finished_does_nothing_more",
    ),
    never(
        "the rows add up to Claude's counts",
        STORE,
        "_checked",
        "not inspection.odd and (miscounted",
        f"{IN_COLLECT}::test_rows_that_do_not_add_up_to_claudes_own_counts_are_not_stored",
    ),
    Guard(
        "the counts are compared",
        TALLY,
        "differs_by",
        "return max(",
        "return 0 * max(",
        f"{IN_COLLECT}::test_rows_that_do_not_add_up_to_claudes_own_counts_are_not_stored",
    ),
    without(
        "the checklist is gone through to its end",
        STORE,
        "_checked",
        "inspection.finish()",
        f"{IN_COLLECT}::test_a_set_without_one_of_our_requests_is_not_stored_even_where_claude_counts_alike",
    ),
    never(
        "a missing row is missed",
        RESULTS,
        "finish",
        "missing:",
        f"{IN_RESULTS}::test_a_set_with_anything_amiss_does_not",
    ),
    never(
        "a doubled row is noticed",
        RESULTS,
        "tick",
        "seats[row.sequence] == _TICKED:",
        f"{IN_RESULTS}::test_a_set_with_anything_amiss_does_not",
    ),
    Guard(
        "a foreign row is noticed",
        RESULTS,
        "tick",
        "raise ForeignResultsError",
        "return  #",
        f"{IN_RESULTS}::test_a_set_with_anything_amiss_does_not",
    ),
    without(
        "an upload that failed is aborted",
        SPOOL,
        "upload",
        "self.s3.abort_multipart_upload(**target)",
        f"{IN_COLLECT}::test_a_set_that_is_not_whole_leaves_nothing_behind",
    ),
    Guard(
        "COLLECTED comes last",
        EFFECTS,
        "__call__",
        "self.spool.copy(collection.stored, collection.answers)",
        "self.batches.move(collection.batch, BatchState.COLLECTED, {}); "
        "self.spool.copy(collection.stored, collection.answers)",
        f"{IN_COLLECT}::test_a_crash_of_the_collector_is_repaired_after_its_lease",
    ),
    Guard(
        "effects resume behind the last chunk",
        EFFECTS,
        "__call__",
        'start=int(item.get("applied_to", 0))',
        "start=0",
        f"{IN_COLLECT}::test_effects_resume_behind_the_last_chunk",
    ),
    Guard(
        "a further round is READY only once its object is there",
        REBUFFER,
        "_write",
        "self.spool.write_lines(segment, lines)",
        "self.batches.commit_segment(segment_row(segment, class_id, entries, now), look_at=now); "
        "self.spool.write_lines(segment, lines)",
        f"{IN_COLLECT}::test_a_further_round_is_ready_only_once_all_of_it_is_there",
    ),
    Guard(
        "a further round is READY only once its requests have moved",
        REBUFFER,
        "_write",
        "for member in travelling:",
        "self.batches.commit_segment(segment_row(segment, class_id, entries, now), look_at=now)\n"
        "        for member in travelling:",
        f"{IN_COLLECT}::test_a_further_round_is_ready_only_once_all_of_it_is_there",
    ),
    Guard(
        "the rounds are bounded",
        LIFECYCLE,
        "judge_row",
        "round_ < MAX_ROUNDS",
        "True",
        f"{IN_LIFECYCLE}::test_a_row_ends_its_request_or_sends_it_round_again",
    ),
    Guard(
        "a type that we do not know is no success",
        LIFECYCLE,
        "judge_row",
        '"canceled": "canceled"}[kind]',
        '"canceled": "canceled"}.get(kind, kind)',
        f"{IN_LIFECYCLE}::test_a_result_type_that_we_do_not_know_is_never_a_success",
    ),
]

REQUEST_ROWS = [
    condition(
        "a request moves from the home it was seen in",
        REQUESTS,
        "move",
        "#segment = :from",
        f"{IN_REQUESTS}::test_a_request_moves_only_from_the_home_it_was_seen_in",
    ),
    condition(
        "an answered request does not move",
        REQUESTS,
        "move",
        "attribute_not_exists(#outcome)",
        f"{IN_REQUESTS}::test_a_request_moves_only_from_the_home_it_was_seen_in",
    ),
    condition(
        "an attempt begins on the row as it was seen",
        REQUESTS,
        "begin_attempt",
        "#attempt = :attempt",
        f"{IN_REQUESTS}::test_an_attempt_begins_only_on_the_row_as_it_was_seen",
    ),
    condition(
        "no attempt begins on an answered request",
        REQUESTS,
        "begin_attempt",
        "attribute_not_exists(#outcome)",
        f"{IN_REQUESTS}::test_an_attempt_begins_only_on_the_row_as_it_was_seen",
    ),
    condition(
        "a worker gives back its own lease alone",
        REQUESTS,
        "release_attempt",
        "#attempt = :attempt",
        f"{IN_REQUESTS}::test_a_worker_gives_back_no_lease_but_its_own",
    ),
    condition(
        "nothing is given back on an answered request",
        REQUESTS,
        "release_attempt",
        "attribute_not_exists(#outcome)",
        f"{IN_REQUESTS}::test_a_worker_gives_back_no_lease_but_its_own",
    ),
    condition(
        "only an ended request is noted as forgotten",
        REQUESTS,
        "note_forgotten",
        "attribute_exists(#outcome)",
        f"{IN_REQUESTS}::test_only_an_ended_request_is_noted_as_forgotten_and_only_once",
    ),
    condition(
        "a request is noted as forgotten once",
        REQUESTS,
        "note_forgotten",
        "attribute_not_exists(#forgotten_at)",
        f"{IN_REQUESTS}::test_only_an_ended_request_is_noted_as_forgotten_and_only_once",
    ),
    condition(
        "an ending makes no row",
        REQUESTS,
        "_finish",
        "attribute_exists(#request_key)",
        f"{IN_REQUESTS}::test_an_ending_makes_no_row_of_a_request_that_nobody_accepted",
    ),
    condition(
        "the first ending stands",
        REQUESTS,
        "_finish",
        "attribute_not_exists(#outcome)",
        f"{IN_REQUESTS}::test_the_first_ending_stands_and_a_failure_ends_its_own_attempt_alone",
    ),
    condition(
        "a failure ends its own attempt alone",
        REQUESTS,
        "_finish",
        "#segment = :segment",
        f"{IN_REQUESTS}::test_the_first_ending_stands_and_a_failure_ends_its_own_attempt_alone",
    ),
    Guard(
        "a request is accepted once",
        REQUESTS,
        "accept_many",
        'put_if_absent(self.dynamodb, self.name, "request_key", row)',
        "self.dynamodb.put_item(TableName=self.name, Item=row) and None",
        f"{IN_ACCEPT}::test_another_request_under_the_same_id_is_rejected_and_the_first_stands",
    ),
    Guard(
        "a cost record is put once",
        LEDGER,
        "record",
        'put_if_absent(self.dynamodb, self.name, "entry", _item(row, now))',
        "self.dynamodb.put_item(TableName=self.name, Item=_item(row, now))",
        f"{IN_COLLECT}::test_a_cost_record_that_stands_is_never_overwritten",
    ),
    Guard(
        "an object that stands is not overwritten",
        SPOOL,
        "put_if_absent",
        ', IfNoneMatch="*"',
        "",
        f"{IN_COLLECT}::test_an_object_that_stands_is_never_overwritten",
    ),
]

ACCEPTING = [
    Guard(
        "the commit point: a segment is READY only once its lines are there",
        ACCEPT,
        "_commit",
        "self.spool.write_segment(segment, lines, entries)",
        "self.batches.commit_segment(segment_row(segment, class_id, entries, now), look_at=now); "
        "self.spool.write_segment(segment, lines, entries)",
        f"{IN_ACCEPT}::test_a_crash_of_the_classifier_is_repaired_by_the_redelivery",
    ),
    Guard(
        "what was not committed is not acknowledged",
        ACCEPT,
        "_commit",
        "raise SegmentAbandonedError",
        "return  #",
        f"{IN_ACCEPT}::test_a_sleeper_whose_segment_was_barred_loses_none_of_its_requests",
    ),
    Guard(
        "the abandon barrier",
        ACCEPT,
        "_abandon",
        "return self.batches.abandon_segment(home, now=now)",
        "return True",
        f"{IN_ACCEPT}::test_a_classifier_that_wakes_after_its_requests_were_re_homed_commits_nothing",
    ),
    never(
        "a writer that may still live is left its time",
        ACCEPT,
        "_abandon",
        'now - moments.from_text(row["accepted_at"]) < WRITER_LIFETIME',
        f"{IN_ACCEPT}::test_a_second_send_leaves_a_segment_under_way_in_peace",
    ),
    never(
        "a further round is never taken for abandoned",
        ACCEPT,
        "_lost_its_home",
        "is_rebuffered(home)",
        f"{IN_ACCEPT}::test_a_request_that_goes_round_again_is_not_declared_abandoned_by_its_redelivery",
    ),
    Guard(
        "a request that moved between two looks waits",
        ACCEPT,
        "_moves_in",
        'row.get("segment") == segment:',
        "True:",
        f"{IN_ACCEPT}::test_a_request_that_a_third_classifier_re_homes_first_waits_for_its_next_delivery",
    ),
    Guard(
        "a segment is committed only with all who point at it: a move answered twice",
        ACCEPT,
        "_moves_in",
        "row = self.requests.get(key)",
        "row = None",
        f"{IN_ACCEPT}::test_a_request_whose_move_was_answered_twice_is_in_its_segment",
    ),
    Guard(
        "a segment is committed only with all who point at it: a move without an answer",
        ACCEPT,
        "_to_batch",
        "joining = [arrival for arrival, home in found if self._moves_in(arrival, home, segment, run)]",
        "joining: list[Arrival] = []\n"
        "        for arrival, home in found:\n"
        "            with run.boundary(arrival.messages):\n"
        "                joining += [arrival] if self._moves_in(arrival, home, segment, run) else []",
        f"{IN_ACCEPT}::test_a_request_whose_move_got_no_answer_is_not_left_out_of_its_segment",
    ),
    never(
        "other content under a known id is a conflict",
        ACCEPT,
        "_is_unanswered",
        'row["content_hash"] != arrival.request.content_hash',
        f"{IN_ACCEPT}::test_another_request_under_the_same_id_is_rejected_and_the_first_stands",
    ),
    never(
        "an answered request is not run again",
        ACCEPT,
        "_is_unanswered",
        '"outcome" in row',
        f"{IN_ACCEPT}::test_an_answered_request_that_comes_again_is_told_again_where_its_workload_wants_it",
    ),
    Guard(
        "acknowledged only when done: the classifier",
        ACCEPT,
        "__call__",
        "return sorted(run.failed)",
        "return []",
        f"{IN_ACCEPT}::test_a_message_that_cannot_be_served_now_stays_on_the_queue_and_hurts_no_neighbour",
    ),
    Guard(
        "acknowledged only when done: what failed is written down",
        RUN,
        "boundary",
        "self.failed.update(message.id for message in messages)",
        "pass",
        f"{IN_ACCEPT}::test_a_message_that_cannot_be_served_now_stays_on_the_queue_and_hurts_no_neighbour",
    ),
    Guard(
        "acknowledged only when done: what the queue did not take",
        ACCEPT,
        "_send_realtime",
        "if not taken:",
        "if taken is None:",
        f"{IN_ACCEPT}::test_what_the_queue_does_not_take_comes_again",
    ),
    Guard(
        "acknowledged only when done: the answer to SQS",
        QUEUES,
        "partial_failures",
        "for message_id in ids",
        "for message_id in list(ids)[:0]",
        f"{IN_ACCEPT}::test_a_message_that_cannot_be_served_now_stays_on_the_queue_and_hurts_no_neighbour",
    ),
    Guard(
        "acknowledged only when done: a wake-up",
        SUBMITTER,
        "look",
        "raise ComeBackError",
        "return",
        f"{IN_SEND}::test_a_wake_up_comes_again_until_its_segment_has_an_owner",
    ),
]

REALTIME = [
    Guard(
        "acknowledged only when done: the real-time invoker",
        ANSWER,
        "__call__",
        "if not is_done]",
        "if is_done is None]",
        f"{IN_REALTIME}::test_a_worker_that_was_overtaken_between_look_and_lease_calls_nobody",
    ),
    Guard(
        "no call without the lease",
        ANSWER,
        "_attempt",
        "not self.requests.begin_attempt(delivery.request.key, seen=row, put=put)",
        "self.requests.begin_attempt(delivery.request.key, seen=row, put=put) is None",
        f"{IN_REALTIME}::test_a_worker_that_was_overtaken_between_look_and_lease_calls_nobody",
    ),
    never(
        "no call under another's live lease",
        LIFECYCLE,
        "begin",
        '"lease_until" in row and moments.from_text(row["lease_until"]) > now',
        f"{IN_LIFECYCLE}::test_a_delivery_in_real_time_does_what_the_row_says",
    ),
    never(
        "no call for an answered request",
        LIFECYCLE,
        "begin",
        '"outcome" in row and "lease_until" not in row',
        f"{IN_LIFECYCLE}::test_a_delivery_in_real_time_does_what_the_row_says",
    ),
    never(
        "a request costs three workers at most",
        LIFECYCLE,
        "begin",
        "lost_leases(row) >= MAX_LOST_LEASES",
        f"{IN_LIFECYCLE}::test_a_delivery_in_real_time_does_what_the_row_says",
    ),
    never(
        "no call with too little time to store its answer",
        ANSWER,
        "_attempt",
        "timeout < LEAST_CALL_SECONDS",
        f"{IN_REALTIME}::test_a_call_is_not_begun_with_too_little_time_to_store_its_answer",
    ),
    never(
        "a dead worker's stored answer is found",
        ANSWER,
        "_answer",
        '"lease_until" in row and self.finish.recover(delivery.request, row)',
        f"{IN_REALTIME}::test_a_worker_that_dies_after_storing_is_finished_without_paying_again",
    ),
    without(
        "possible_duplicate: a dead worker's call",
        FINISH,
        "recover",
        "self.possible_duplicate(request, attempt)",
        f"{IN_REALTIME}::test_a_worker_that_dies_before_storing_leaves_a_possible_duplicate_and_the_request_is_answered",
    ),
    without(
        "possible_duplicate: a call without an answer",
        ANSWER,
        "_unanswered",
        "self.finish.possible_duplicate(delivery.request, attempt)",
        f"{IN_REALTIME}::test_a_call_that_was_executed_unseen_is_not_repeated_by_the_client",
    ),
    without(
        "the dead letter of a request that was given up",
        ANSWER,
        "_answer",
        'self._dead_letter(delivery.message, "no-answer")',
        f"{IN_REALTIME}::test_a_request_that_kills_three_workers_ends_in_the_dead_letter_queue",
    ),
    without(
        "a rescue that somebody else ended is booked",
        FINISH,
        "booked",
        'self._book(request, attempt, result["message"])',
        f"{IN_RESCUE}::test_a_rescue_whose_worker_died_is_on_the_ledger_although_the_batch_answered_first",
    ),
    Guard(
        "an end from elsewhere leaves a rescue its lease",
        REQUESTS,
        "_finish",
        "if is_of_the_lease else []",
        "",
        f"{IN_RESCUE}::test_a_rescue_whose_worker_died_is_on_the_ledger_although_the_batch_answered_first",
    ),
    Guard(
        "the dead letter of a request that nobody accepted",
        ANSWER,
        "_deliver",
        'return self._dead_letter(delivery.message, "no-row")',
        "return True",
        f"{IN_REALTIME}::test_a_request_that_nobody_accepted_ends_in_the_dead_letter_queue",
    ),
    Guard(
        "an answer that comes after all is on record beside its possible_duplicate",
        FINISH,
        "_cost_record",
        '"#unseen" if',
        '"" if',
        f"{IN_REALTIME}::test_an_answer_that_comes_after_its_lease_is_over_is_on_record_too",
    ),
    Guard(
        "two attempts never write to one key",
        FINISH,
        "_answer_key",
        "{request.key}-{attempt.number}",
        "{request.key}",
        f"{IN_REALTIME}::test_an_answer_that_comes_after_its_lease_is_over_is_on_record_too",
    ),
    Guard(
        "the cost is on record before the request ends",
        FINISH,
        "_succeeded",
        "cost = self._book(request, attempt, message)",
        "self._end(request, attempt, Outcome.SUCCEEDED, str(message.get('stop_reason')), size, None); "
        "cost = self._book(request, attempt, message)",
        f"{IN_REALTIME}::test_a_worker_that_dies_after_storing_is_finished_without_paying_again",
    ),
]

POLLING = [
    Guard(
        "a tick that was overtaken calls no collector",
        TICK,
        "_look_at",
        "if self.batches.move(batch, BatchState.ENDED, fields):",
        "if self.batches.move(batch, BatchState.ENDED, fields) is not None:",
        f"{IN_POLL}::test_a_tick_that_was_overtaken_calls_no_second_collector",
    ),
    Guard(
        "a collector is called again when its time is over",
        TICK,
        "_collect",
        "self.batches.look_again(batch, now + COLLECT_PATIENCE)",
        "self.batches.look_again(batch, now)",
        f"{IN_POLL}::test_a_collector_is_called_again_only_when_its_time_is_over",
    ),
    Guard(
        "a lost wake-up is made good",
        TICK,
        "_wake_forgotten",
        'self.batch_queue.send({"class_id": class_id, "segment": segment})',
        "pass",
        f"{IN_ACCEPT}::test_a_lost_wake_up_is_made_good_by_the_schedule",
    ),
    Guard(
        "a batch that the listing does not show is asked for",
        TICK,
        "_look_at",
        "statuses.get(claude_id) or self._retrieve(batch, now)",
        "statuses[claude_id]",
        f"{IN_POLL}::test_a_batch_that_one_listing_does_not_show_is_asked_for_singly",
    ),
    never(
        "no step is begun with too little time",
        TICK,
        "__call__",
        "seconds_left() < LEAST_SECONDS",
        f"{IN_POLL}::test_no_step_is_begun_with_too_little_time_to_end_it",
    ),
]

SENDING_RULES = [
    Guard(
        "an inconclusive listing never makes us send again",
        LIFECYCLE,
        "settle",
        "if found or not conclusive:",
        "if found:",
        f"{IN_LIFECYCLE}::test_the_listing_of_another_workspace_settles_nothing",
    ),
    Guard(
        "of an inconclusive listing only custom_ids prove anything",
        LIFECYCLE,
        "settle",
        "(found if conclusive else [])",
        "found",
        f"{IN_LIFECYCLE}::test_the_listing_of_another_workspace_settles_nothing",
    ),
    Guard(
        "a listing is conclusive only once it reached the anchor",
        SETTLING,
        "__post_init__",
        "self.anchor is None",
        "True",
        f"{IN_SEND}::test_the_listing_of_another_workspace_never_makes_us_send_again",
    ),
    Guard(
        "what is older than the anchor stands for one that was deleted",
        SETTLING,
        "__iter__",
        " or self._is_older(batch)",
        "",
        f"{IN_SEND}::test_an_anchor_that_was_deleted_is_no_other_workspace_while_older_batches_show",
    ),
    never(
        "a sender that was paused posts nothing",
        ADVANCE,
        "_body",
        "self.clock() >= until",
        f"{IN_SEND}::test_a_sender_that_wakes_after_its_functions_end_posts_nothing",
    ),
    Guard(
        "a batch of one is not ended by a refusal that nobody explains",
        REFUSALS,
        "judge_refusal",
        "if count == 1 and others_accepted is None",
        "if False and count == 1",
        f"{IN_REFUSALS}::test_a_refusal_is_held_split_or_final",
    ),
    Guard(
        "no more requests wait at Claude than allowed",
        ADVANCE,
        "_enter",
        "elif not has_room(",
        "elif False and not has_room(",
        f"{IN_SEND}::test_batches_beyond_what_may_wait_are_held_and_sent_by_their_deadlines",
    ),
    never(
        "what may be at Claude takes its room",
        BATCHING,
        "counts",
        'row["state"] in AT_CLAUDE',
        f"{IN_SEND}::test_a_send_in_doubt_counts_as_being_with_claude",
    ),
    Guard(
        "what waits for a person keeps nobody else waiting",
        BATCHING,
        "counts",
        ' and row.get("hold_remedy") != Remedy.PERSON',
        "",
        f"{IN_SEND}::test_a_batch_that_waits_for_a_person_keeps_no_other_waiting",
    ),
]

RESCUE = [
    condition(
        "an answered request is not rescued",
        REQUESTS,
        "mark_rescue",
        "attribute_not_exists(#outcome)",
        f"{IN_REQUESTS}::test_a_rescue_is_asked_for_only_where_none_was_made_and_the_batch_attempt_lives",
    ),
    condition(
        "a request is rescued from the home it was seen in",
        REQUESTS,
        "mark_rescue",
        "#segment = :segment",
        f"{IN_REQUESTS}::test_a_rescue_is_asked_for_only_where_none_was_made_and_the_batch_attempt_lives",
    ),
    condition(
        "a request is rescued once",
        REQUESTS,
        "mark_rescue",
        "attribute_not_exists(#rescue)",
        f"{IN_REQUESTS}::test_a_rescue_is_asked_for_only_where_none_was_made_and_the_batch_attempt_lives",
    ),
    Guard(
        "a mark without a message is made good",
        REQUESTS,
        "mark_rescue",
        "(#rescue = :pending",
        "((#rescue = :pending AND NOT #rescue = :pending)",
        f"{IN_REQUESTS}::test_a_rescue_is_asked_for_only_where_none_was_made_and_the_batch_attempt_lives",
    ),
    *(
        condition(
            f"a batch attempt is left only to a rescue that lives: {what}",
            REQUESTS,
            "leave_to_rescue",
            clause,
            f"{IN_REQUESTS}::test_a_batch_attempt_is_left_only_to_a_rescue_that_lives",
        )
        for what, clause in {
            "its home": "#segment = :segment",
            "pending": "#rescue = :pending",
            "no end": "attribute_not_exists(#outcome)",
        }.items()
    ),
    *(
        condition(
            f"a rescue is left only to a batch attempt that lives: {what}",
            REQUESTS,
            "leave_to_batch",
            clause,
            f"{IN_REQUESTS}::test_a_rescue_that_has_failed_is_left_only_to_a_batch_attempt_that_lives",
        )
        for what, clause in {
            "its home": "attribute_exists(#segment)",
            "pending": "#rescue = :pending",
            "no end": "attribute_not_exists(#outcome)",
        }.items()
    ),
    condition(
        "a failed rescue ends nothing while the batch attempt lives",
        REQUESTS,
        "_finish",
        "attribute_not_exists(#segment)",
        f"{IN_REQUESTS}::test_a_failure_leaves_a_request_to_the_attempt_that_lives",
    ),
    condition(
        "a failed batch attempt ends nothing while the rescue lives",
        REQUESTS,
        "_finish",
        "(attribute_not_exists(#rescue) OR #rescue <> :pending)",
        f"{IN_REQUESTS}::test_a_failure_leaves_a_request_to_the_attempt_that_lives",
    ),
    Guard(
        "a failed attempt is taken out of the row",
        REQUESTS,
        "finish_many",
        " or self._leave(ending, now)",
        "",
        f"{IN_REQUESTS}::test_a_failure_leaves_a_request_to_the_attempt_that_lives",
    ),
    Guard(
        "a deadline's cursor moves after the deed",
        DEADLINES,
        "_step",
        "self._do(step, chosen, now)",
        "self._note(home, {**done, step: chosen[-1].position}, moments.to_text(now)); self._do(step, chosen, now)",
        f"{IN_RESCUE}::test_a_tick_that_dies_in_a_rescue_is_repeated_by_the_next",
    ),
    Guard(
        "a rescue that the queue did not take is sent again",
        DEADLINES,
        "_rescue",
        "raise RescuesNotSentError",
        "pass  #",
        f"{IN_RESCUE}::test_a_rescue_that_the_queue_does_not_take_is_sent_by_the_next_tick",
    ),
    without(
        "what has its end is trimmed before the send",
        ADVANCE,
        "_enter",
        "batch = Trim(requests=self.requests, spool=self.spool)(batch)",
        f"{IN_RESCUE}::test_a_held_batch_is_sent_without_those_that_were_rescued",
    ),
    Guard(
        "what is being rescued is trimmed only once it is left to its rescue",
        TRIMMING,
        "_is_gone",
        "self.requests.leave_to_rescue(one.entry.key, segment=one.segment)",
        "True",
        f"{IN_RESCUE}::test_what_is_trimmed_while_it_is_rescued_is_left_to_its_rescue",
    ),
    Guard(
        "a batch is sent only as its deadlines were seen",
        BATCHES,
        "start_sending",
        ", **_as_seen(batch)",
        "",
        f"{IN_BATCHES}::test_who_looked_before_a_deadline_was_seen_to_does_not_send",
    ),
    never(
        "a batch of which nothing is left is dropped",
        ADVANCE,
        "_enter",
        "not batch.count:",
        f"{IN_RESCUE}::test_a_held_batch_whose_requests_were_all_rescued_is_never_sent",
    ),
    Guard(
        "a dropped batch is closed",
        BATCHES,
        "_move",
        "if to in _CLOSED",
        "if to in _CLOSED - {BatchState.DROPPED}",
        f"{IN_BATCHES}::test_a_batch_that_is_done_is_no_longer_looked_at",
    ),
    never(
        "a batch is canceled only when all have their end",
        DEADLINES,
        "_cancel_unneeded",
        "not all(",
        f"{IN_RESCUE}::test_a_batch_is_not_canceled_while_a_rescue_is_under_way",
    ),
    Guard(
        "an index that another collector wrote decides who travels",
        REBUFFER,
        "_write",
        "if not self.spool.write_index(segment, entries):",
        "if self.spool.write_index(segment, entries) is None:",
        f"{IN_RESCUE}::test_of_two_collectors_the_first_index_decides_who_goes_round_again",
    ),
    never(
        "an index that stands decides who travels",
        REBUFFER,
        "_travelling",
        "standing is not None:",
        f"{IN_RESCUE}::test_a_repeat_moves_whom_the_standing_index_names_though_it_is_rescued_by_now",
    ),
]

LANES_AND_KEYS = [
    Guard(
        "fewer than ten failures in a row hold no lane",
        BREAKER,
        "failed",
        "breaker.failures >= IN_A_ROW and ",
        "",
        f"{IN_BREAKER}::test_passing_failures_hold_a_lane_when_they_last",
    ),
    Guard(
        "failures hold a lane only when they last",
        BREAKER,
        "failed",
        " and now - moments.from_text(since) >= FOR_AT_LEAST",
        "",
        f"{IN_BREAKER}::test_passing_failures_hold_a_lane_when_they_last",
    ),
    Guard(
        "what a person must end holds a lane at once",
        BREAKER,
        "failed",
        "failure.at_once or lasts",
        "lasts",
        f"{IN_BREAKER}::test_what_a_person_must_end_holds_a_lane_at_once_with_its_reason",
    ),
    Guard(
        "a failure from before a lane was held says nothing of it",
        BREAKER,
        "failed",
        "breaker if seen < breaker.opened else ",
        "",
        f"{IN_BREAKER}::test_a_call_that_was_begun_before_a_lane_was_held_says_nothing_of_it",
    ),
    never(
        "a success from before a lane was held says nothing of it",
        BREAKER,
        "succeeded",
        "breaker.open_until is not None and seen < breaker.opened:",
        f"{IN_BREAKER}::test_a_call_that_was_begun_before_a_lane_was_held_says_nothing_of_it",
    ),
    Guard(
        "while one tries nobody else does",
        BREAKER,
        "shut_until",
        'max(breaker.open_until or "", breaker.probe_until or "")',
        'breaker.open_until or ""',
        f"{IN_BREAKER}::test_only_one_tries_and_a_dead_one_keeps_nobody_waiting_for_longer_than_its_time",
    ),
    never(
        "who tries looks at the lane again",
        LANES,
        "take_probe",
        "rules.gate(seen, self.clock()) is not Gate.PROBE",
        f"{IN_LANES}::test_of_all_that_wait_exactly_one_tries_and_its_failure_holds_the_lane_for_longer",
    ),
    condition(
        "a lane's row is written on the turn that was seen",
        BATCHES,
        "change_breaker",
        "#turn = :seen",
        f"{IN_BATCHES}::test_a_lane_is_written_only_on_the_turn_that_was_seen",
    ),
    condition(
        "a lane's first row is written once",
        BATCHES,
        "change_breaker",
        "attribute_not_exists(#turn)",
        f"{IN_BATCHES}::test_a_lane_is_written_only_on_the_turn_that_was_seen",
    ),
    never(
        "no message is answered while its lane is held",
        ANSWER,
        "__call__",
        "gate(breaker, self.clock()) is Gate.OPEN",
        f"{IN_LANES}::test_all_that_meets_a_held_lane_goes_back_by_one_call_and_nothing_is_read_for_it",
    ),
    never(
        "no batch is sent while its lane is held",
        ADVANCE,
        "_enter",
        "gate(breaker, now) is Gate.OPEN",
        f"{IN_LANES}::test_a_batch_that_meets_a_held_lane_is_held_with_its_reason_and_calls_nobody",
    ),
    without(
        "a try that was not made is given back",
        ADVANCE,
        "_probe",
        "self.lane.give_back(probe)",
        f"{IN_LANES}::test_a_batch_that_finds_no_time_to_try_lets_another_one",
    ),
    Guard(
        "a worn message is sent anew: the lane is held",
        "functions/realtime_invoker/held.py",
        "__call__",
        "if is_worn(message, self.clock())",
        "if False",
        f"{IN_LANES}::test_a_message_that_the_queue_would_give_up_is_sent_anew_before_it_is_acknowledged",
    ),
    never(
        "a worn message is sent anew: Claude is busy",
        ANSWER,
        "_come_back",
        "is_worn(message, self.clock())",
        f"{IN_LANES}::test_a_message_that_the_queue_would_give_up_is_sent_anew_before_it_is_acknowledged",
    ),
    Guard(
        "a key is asked for only where it was refused",
        CLAUDE,
        "_call",
        " if error.status in KEY_REFUSED else None",
        "",
        f"{IN_KEY}::test_no_other_refusal_asks_for_a_key",
    ),
    Guard(
        "a call is repeated only with another key",
        SECRET,
        "newest_key",
        "key if key != used else None",
        "key",
        f"{IN_KEY}::test_a_call_whose_key_is_still_the_same_is_not_repeated",
    ),
    Guard(
        "a wrong key is asked for once a minute",
        SECRET,
        "_as_new_as_may_be",
        " or now - _forced_at.get(secret_arn, now - FORCED_EVERY) < FORCED_EVERY",
        "",
        f"{IN_KEY}::test_a_key_that_is_wrong_for_good_is_asked_for_once_a_minute",
    ),
    Guard(
        "a count that would refuse any prompt blames none",
        ANSWER,
        "_is_bad",
        "return self.claude.takes_prompt(any_prompt, timeout=EVIDENCE_SECONDS) is True",
        "return True",
        f"{IN_LIMIT}::test_a_bad_prompt_under_a_limit_on_counts_is_not_blamed_by_them",
    ),
    never(
        "a prompt is blamed only where its count is refused",
        ANSWER,
        "_is_bad",
        "self.claude.takes_prompt(params, timeout=EVIDENCE_SECONDS) is not False",
        f"{IN_LIMIT}::test_under_a_limit_requests_wait_and_all_are_answered_once_it_is_raised",
    ),
    Guard(
        "a limit that is reached again blames nobody",
        BREAKER,
        "times_alone",
        "breaker.failures <= 1 and ",
        "",
        f"{IN_BREAKER}::test_a_limit_that_is_raised_a_little_and_reached_again_fails_nobody",
    ),
    Guard(
        "a refusal is evidence only while others are answered",
        BREAKER,
        "times_alone",
        'breaker.proof >= row.get("refused_turn", breaker.proof + 1)',
        "True",
        f"{IN_BREAKER}::test_a_refusal_proves_nothing_while_nobody_is_answered",
    ),
    Guard(
        "a request is at fault only when it was refused twice",
        BREAKER,
        "is_at_fault",
        "alone >= TIMES_ALONE",
        "alone >= 1",
        f"{IN_BREAKER}::test_a_request_is_at_fault_when_it_was_refused_twice_more_while_others_were_answered",
    ),
]

REPORT = [
    never(
        "an unknown price is in no sum of a report",
        SPENDING,
        "_add_answers",
        "row.cost is None or row.standard is None",
        f"{IN_REPORT}::test_rows_without_a_price_are_counted_and_in_no_sum",
    ),
    Guard(
        "what is under way is not taken for bought twice",
        REPORTS,
        "_overspend",
        "is_in_flight or ",
        "",
        f"{IN_REPORT}::test_days_that_prove_nothing_are_not_compared",
    ),
    Guard(
        "a ledger that lacks what requests cost is not compared",
        SPENDING,
        "overspend_of",
        "min(unused_batch, unused_realtime) < 0",
        "False",
        f"{IN_REPORT}::test_a_ledger_that_lacks_what_requests_cost_is_not_compared",
    ),
    Guard(
        "a web search is no token charge",
        SPENDING,
        "_add_answers",
        "2 * row.cost - searches == row.standard",
        "2 * row.cost == row.standard",
        f"{IN_REPORT}::test_web_searches_cost_the_same_in_a_batch_and_are_no_token_charge",
    ),
]

GUARDS = (
    *SEND,
    *SENDING_RULES,
    *BATCH_ROWS,
    *COLLECTION,
    *REQUEST_ROWS,
    *ACCEPTING,
    *REALTIME,
    *POLLING,
    *RESCUE,
    *LANES_AND_KEYS,
    *REPORT,
)
