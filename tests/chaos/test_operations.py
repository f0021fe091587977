"""A thousand operations of all verbs a seed, in a storm: each ends in its true state, or is unknown where that is the truth.

More seeds: ``python tests/benchmarks/chaos_seeds.py``.
"""

from collections import Counter

from chaos.storm import OPERATIONS, Ended, Record
from chaos.verdicts import AT_MOST_ONCE, EXACTLY_ONCE, ends, said, times, violations
from chaos.weather import KINDS

STATES_TO_REACH = "start", "stop", "deallocate", "reapply", "delete", "deprovision"


def of(records: list[Record], *verbs: str) -> list[Ended]:
    """Return the operations of some verbs."""
    return [each for record in records for each in record.ended if each.verb in verbs]


def unknown(ended: list[Ended]) -> int:
    """Return how many of them ended as unknown."""
    return sum(said(each.error) == "unknown" for each in ended)


def test_each_operation_ends_for_its_caller(record: Record):
    assert len(record.ended) == OPERATIONS


def test_faults_of_all_kinds_struck(record: Record):
    assert record.struck.keys() == set(KINDS.values())


def test_what_the_client_says_is_so_in_azures_record(record: Record):
    assert violations(record) == []


def test_what_must_happen_once_never_happened_twice(record: Record):
    twice = [each for each in of([record], *AT_MOST_ONCE, *EXACTLY_ONCE) if max(times(each).values(), default=0) > 1]
    assert not twice


def test_each_script_that_ended_wrote_once_and_no_other_did_but_of_unknown_end(record: Record):
    scripts = of([record], "run_command")
    ended = {each.mark for each in scripts if each.error is None}
    in_doubt = {each.mark for each in scripts if said(each.error) == "unknown"}
    assert set(Counter(record.scripts).values()) == {1}
    assert ended <= set(record.scripts) <= ended | in_doubt


def test_all_verbs_come_to_their_end(all_records: list[Record]):
    found = ends(all_records)
    assert min(found[verb, "done"] for verb, _ in found) > 50


def test_a_state_to_reach_is_hardly_ever_left_unknown(all_records: list[Record]):
    """It is sent six times, and none must have a clear answer, or one that it came in a storm that names no time."""
    asked = of(all_records, *STATES_TO_REACH)
    assert unknown(asked) < len(asked) / 1_000


def test_many_vms_by_one_request_are_hardly_ever_left_unknown(all_records: list[Record]):
    """As a state to reach, which it is: also where half of the answer is missing it is asked for again."""
    asked = of(all_records, "bulk start", "bulk deallocate")
    assert unknown(asked) < len(asked) / 100


def test_a_deployment_is_hardly_ever_left_unknown(all_records: list[Record]):
    """It is sent three times, and all must have come to nothing without a clear answer: a few of 1,000 do."""
    asked = of(all_records, "provision")
    assert unknown(asked) < len(asked) / 50


def test_a_script_on_a_running_vm_is_hardly_ever_left_unknown(all_records: list[Record]):
    """As a deployment: it is looked for by its name."""
    asked = [each for each in of(all_records, "run_command") if each.before == ("running",)]
    assert unknown(asked) < len(asked) / 50


def test_a_reboot_is_unknown_about_as_often_as_its_answer_is(all_records: list[Record]):
    """Resets, errors of the server and slow answers come to 18 % of the sendings, and each must end it as unknown."""
    asked = of(all_records, *AT_MOST_ONCE)
    assert 0.1 < unknown(asked) / len(asked) < 0.25
