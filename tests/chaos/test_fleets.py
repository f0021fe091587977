"""A fleet of a thousand VMs in a storm: started, rebooted, deallocated and started in bulk, with scripts on some."""

from collections import Counter

from chaos.fleets import RUNS, SCRIPTS, VMS
from chaos.storm import Record
from chaos.verdicts import times, violations
from chaos.weather import KINDS


def test_faults_of_all_kinds_struck(reports: Record):
    assert reports.struck.keys() == set(KINDS.values())


def test_each_vm_has_an_outcome_of_each_run(reports: Record):
    assert len(reports.ended) == VMS * (len(RUNS) + 1) + SCRIPTS


def test_the_reports_states_are_those_of_azures_record(reports: Record):
    assert violations(reports) == []


def test_no_vm_was_rebooted_twice_in_a_run(reports: Record):
    assert max(times(each).total() for each in reports.ended if each.verb == "reboot") == 1


def test_scripts_wrote_once(reports: Record):
    assert set(Counter(reports.scripts).values()) <= {1}
