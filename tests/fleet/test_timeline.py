"""The picture of a run: a page on its own that is HTML and XML, with a lane and a line for each VM, and no secret."""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from leaks import leaks, register

from azvm_async import AzureVMClient, Budget, Fleet, OperationFailed, Outcome, Report, State, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.fleet.timeline import charts, lanes
from azvm_async.fleet.timeline.axis import LEFT, RIGHT, Axis, said
from azvm_async.fleet.timeline.markup import element, fit
from azvm_async.protocol.throttling import Limit
from fleet.support import OTHER, bytes_of, crowd, run_of

HTML, SVG = "{http://www.w3.org/1999/xhtml}", "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('1')</script>&amp;\"'\x00\x1b[31m\u202e\ud800]]>"


def parsed(page: str) -> ET.Element:
    """Return a page as XML."""
    return ET.fromstring(page.removeprefix("<!DOCTYPE html>\n"))


def lanes_of(page: str) -> list[ET.Element]:
    """Return the lanes that are drawn."""
    found = parsed(page).iter(f"{SVG}g")
    return [each for each in found if each.find(f"{SVG}title") is not None]


def cells_of(page: str) -> dict[str, list[str]]:
    """Return the table's lines by the VM's name."""
    lines = parsed(page).find(f".//{HTML}tbody").findall(f"{HTML}tr")
    return {line[0].text: ["".join(cell.itertext()) for cell in line[1:]] for line in lines}


def tags_of(page: str) -> list[str]:
    """Return a page's tags, as a parser of HTML finds them."""
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, _: found.append(tag)
    parser.feed(page)
    return found


@pytest.fixture
async def report(client: AzureVMClient, arm: Emulator) -> Report:
    """Return a report of VMs that were started, one that failed, one that was refused at first, and one that was on."""
    crowd(arm, 4)
    arm.add_vm("on", power="running")
    arm.inject(faults.AllocationFailed(), path="*/vm1/start")
    arm.inject(faults.Status(429, retry_after=2), path="*/vm3/start")
    return (await run_of(client, ["vm0", "vm1", "vm2", "vm3", "on"], only_needed=True)).report


def outcomes_of(report: Report, state: State, number: int) -> Report:
    """Return a report of so many VMs in this state."""
    model = replace(report.outcomes[0], state=state)
    vms = [f"{model.vm.rpartition('/')[0]}/vm{each}" for each in range(number)]
    return replace(report, outcomes=tuple(replace(model, vm=vm) for vm in vms))


async def test_page_is_xml(report: Report):
    assert parsed(report.timeline()).tag == f"{HTML}html"


async def test_page_is_html(report: Report):
    page = report.timeline()
    assert page.startswith("<!DOCTYPE html>\n<html")
    assert tags_of(page)[:6] == ["html", "head", "meta", "meta", "meta", "title"]
    assert re.findall(r"<(?!meta|path)(\w+)[^>]*/>", page) == []  # of what HTML would leave open


async def test_page_needs_nothing_and_runs_nothing(report: Report):
    page = report.timeline()
    assert not {"script", "img", "link", "iframe", "object", "image", "use"} & set(tags_of(page))
    assert set(re.findall(r"https?://[^\s\"<]+", page)) == {HTML[1:-1], SVG[1:-1]}
    assert "url(" not in page
    assert "Content-Security-Policy\" content=\"default-src 'none'" in page


@pytest.mark.parametrize("state", State)
async def test_each_state_has_its_lane_and_its_line(report: Report, state: State):
    page = outcomes_of(report, state, 1).timeline()
    (lane,) = lanes_of(page)
    assert lane.get("class") == f"roomy {state.value}"
    assert cells_of(page)["vm0"][0] == state.value


async def test_lane_shows_submission_acceptance_polls_refusals_and_end(report: Report):
    by_name = {lane.find(f"{SVG}title").text.partition(":")[0]: lane for lane in lanes_of(report.timeline())}
    kinds = {name: [part.get("class") for part in lane.iter(f"{SVG}path")] for name, lane in by_name.items()}
    assert kinds["vm1"] == ["sent", "goes", "poll", "end"]
    assert kinds["vm3"] == ["sent", "goes", "poll", "refusal", "end"]
    assert kinds["on"] == []
    assert "refused 1 times (429)" in by_name["vm3"].find(f"{SVG}title").text


async def test_lanes_are_in_the_order_of_their_submission(report: Report):
    later = replace(report["vm0"], submitted=report.ended - timedelta(seconds=1))
    mixed = replace(report, outcomes=(report["on"], later, report["vm1"]))
    names = [lane.find(f"{SVG}title").text.partition(":")[0] for lane in lanes_of(mixed.timeline())]
    assert names == ["vm1", "vm0", "on"]


async def test_table_tells_what_the_report_tells(report: Report):
    cells = cells_of(report.timeline())
    assert list(cells) == [*sorted(cells, key=lambda name: (name == "on", report[name].submitted or report.ended))]
    for outcome in report:
        state, *_, seconds, polls, refused, retries, what = cells[outcome.name]
        assert (state, polls) == (outcome.state.value, str(outcome.polls))
        assert seconds == ("-" if outcome.seconds is None else f"{outcome.seconds:.1f}")
        assert (refused, retries) == (("1", "1") if outcome.name == "vm3" else ("0", "0"))
        assert ("AllocationFailed" in what) == (outcome.name == "vm1")


async def test_pictures_have_titles_and_descriptions_and_tables_have_headings(report: Report):
    page = parsed(report.timeline())
    pictures = [each for each in page.iter(f"{SVG}svg") if each.get("aria-hidden") != "true"]
    assert len(pictures) == 5
    for picture in pictures:
        words = [page.find(f".//*[@id='{name}']") for name in picture.get("aria-labelledby").split()]
        assert [word.tag for word in words] == [f"{SVG}title", f"{SVG}desc"]
        assert all(word.text for word in words)
    scopes = [each.get("scope") for each in page.iter(f"{HTML}th")]
    assert scopes == ["col"] * 10 + ["row"] * 5
    ids = [each.get("id") for each in page.iter() if each.get("id")]
    assert len(ids) == len(set(ids))


async def test_hostile_names_errors_and_notes_are_text(report: Report):
    error = OperationFailed(HOSTILE, code=HOSTILE, message=HOSTILE)
    hostile = Outcome(f"/subscriptions/s/virtualMachines/{HOSTILE.replace('/', '')}", State.FAILED, error=error)
    page = replace(report, outcomes=(hostile,), notes=(HOSTILE,), verb=HOSTILE).timeline()
    assert "script" not in tags_of(page)
    shown = "".join(parsed(page).itertext())
    assert "<script>alert('1')</script>&amp;\"'" in shown
    assert not set("\x00\x1b\u202e\ud800") & set(page)
    page.encode()


async def test_no_secret_is_in_the_picture(client: AzureVMClient, arm: Emulator):
    secret = register("swordfish-8")
    crowd(arm, 3, power="running")
    run = await run_of(
        client, ["vm0", "vm1", "vm2"], "run_command", f"echo {secret}", None, {"P": secret}, deadline=0.5
    )
    report = run.report
    page = report.timeline()
    assert report.tokens
    assert leaks(page) == []
    assert not any(token in page for token in report.tokens.values())


async def test_what_scripts_wrote_is_not_in_the_picture(client: AzureVMClient, arm: Emulator):
    crowd(arm, 1, power="running")
    report = (await run_of(client, ["vm0"], "run_command", "echo from-the-script; exit 3")).report
    page = report.timeline()
    assert "from-the-script" in report.to_json()
    assert "from-the-script" not in page
    assert cells_of(page)["vm0"][-1] == "exit code 3"


async def test_picture_is_written_to_a_file(report: Report, tmp_path: Path):
    report.write_timeline(tmp_path / "run.html")
    assert bytes_of(tmp_path / "run.html").decode() == report.timeline()


async def test_report_in_the_middle_of_a_run_stays_as_it_was(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    async with Fleet(client, crowd(arm, 3)) as fleet:
        run = fleet.start()
        await clock.sleep(10.5)
        middle = run.report
        then = [each.get("d") for lane in lanes_of(middle.timeline()) for each in lane.iter(f"{SVG}path")]
        await run
    later = [each.get("d") for lane in lanes_of(middle.timeline()) for each in lane.iter(f"{SVG}path")]
    assert later == then


async def test_report_of_no_vms_has_a_picture(report: Report):
    assert lanes_of(replace(report, outcomes=()).timeline()) == []


async def test_report_that_was_merged_has_the_lanes_of_all(client: AzureVMClient, arm: Emulator):
    parts = [(await run_of(client, crowd(arm, 2, prefix=prefix))).report for prefix in ("a", "b")]
    page = Report.merged(parts).timeline()
    assert [lane.find(f"{SVG}path[@class='poll']") is not None for lane in lanes_of(page)] == [True] * 4


@pytest.mark.parametrize(("number", "named"), [(10, 10), (200, 200), (lanes.ROOMY + 1, 0), (5_000, 0)])
async def test_lanes_of_what_went_well_have_names_while_there_is_room(report: Report, number: int, named: int):
    found = lanes_of(outcomes_of(report, State.SUCCEEDED, number).timeline())
    assert len(found) == number
    assert sum(lane.get("class").startswith("roomy") for lane in found) == named


async def test_among_many_those_that_failed_keep_their_names(report: Report):
    many = outcomes_of(report, State.SUCCEEDED, 1_000)
    failed = replace(many.outcomes[500], state=State.FAILED)
    page = replace(many, outcomes=(*many.outcomes[:500], failed, *many.outcomes[501:])).timeline()
    roomy = [lane for lane in lanes_of(page) if lane.get("class").startswith("roomy")]
    assert [lane.find(f"{SVG}text").text for lane in roomy] == ["vm500"]


async def test_of_more_than_can_be_drawn_those_that_went_well_give_way(report: Report):
    many = outcomes_of(report, State.SUCCEEDED, lanes.MOST + 100)
    failed = replace(many.outcomes[-1], state=State.FAILED)
    page = replace(many, outcomes=(*many.outcomes[:-1], failed)).timeline()
    assert len(lanes_of(page)) == lanes.MOST == len(cells_of(page))
    assert sum(lane.get("class") == "roomy Failed" for lane in lanes_of(page)) == 1
    assert "100 VMs that went well are left out" in page


async def test_five_thousand_lanes_are_a_page_of_a_few_megabytes(report: Report):
    assert len(outcomes_of(report, State.SUCCEEDED, 5_000).timeline()) < 6_000_000


def budget_line(report: Report, number: int) -> str:
    """Return the words under a chart of a rate."""
    captions = [each.text or "" for each in parsed(report.timeline()).iter(f"{HTML}figcaption")]
    return captions[number]


async def test_budget_is_that_of_all_subscriptions_and_the_clients_share(arm: Emulator, clock: VirtualClock):
    vms = [arm.add_vm("vm0"), arm.add_vm("vm0", subscription=OTHER)]
    client = AzureVMClient(
        arm.subscription,
        arm.resource_group,
        arm.credential(),
        arm.endpoint,
        clock=clock,
        transport=arm.transport(),
        budget=Budget(share=0.5),
    )
    async with client:
        report = (await run_of(client, vms)).report
    assert "200 at once and then 10.0 a second" in budget_line(report, 0)
    assert "250 at once and then 25.0 a second" in budget_line(report, 1)


async def test_submissions_never_pass_the_budget(client: AzureVMClient, arm: Emulator):
    report = (await run_of(client, crowd(arm, 400), engine="direct")).report
    counts = report.record.submissions.counts
    first = min(counts)
    told = [counts[slot] for slot in range(first, max(counts) + 1)]
    most = charts.allowed(told, 1, Limit(200, 10))
    assert all(count <= allowed for count, allowed in zip(told, most, strict=True))
    assert [allowed - count <= 4 for count, allowed in zip(told, most, strict=True)][:-1] == [True] * (len(told) - 1)


def test_bucket_allows_its_burst_then_what_flows_in_and_fills_again():
    assert charts.allowed([20, 5, 0, 0], 1, Limit(20, 5)) == [25, 10, 10, 15]


def test_refusals_have_a_chart_where_there_are_any(report: Report):
    assert "Answers of 429 a second: 1 in all" in report.timeline()


async def test_vms_are_counted_where_they_stand(report: Report):
    began = report.began.timestamp()
    times = [began, report.ended.timestamp()]
    found = dict(zip(charts.LAYERS, charts._counts(report.outcomes, times), strict=True))
    assert [sum(layer[place] for layer in found.values()) for place in (0, 1)] == [5, 5]
    ended = {name: layer[1] for name, layer in found.items()}
    assert ended["well"] == report.totals["Skipped"] + report.totals.get("Succeeded", 0)
    assert ended["badly"] == report.totals["Failed"]


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [(1.0, [0, 1]), (12, list(range(13))), (75, list(range(0, 75, 10))), (7200, list(range(0, 7201, 600)))],
)
def test_axis_has_a_dozen_ticks_at_most(seconds: float, ticks: list[int]):
    assert Axis(0.0, seconds).ticks() == ticks


def test_axis_of_months_has_ticks_too():
    assert 5 <= len(Axis(0.0, 90 * 86_400.0).ticks()) <= 13


def test_moments_outside_stand_at_the_edges():
    axis = Axis(100.0, 10.0)
    assert [axis.x(at) for at in (0, 100, 110, 999)] == [LEFT, LEFT, RIGHT, RIGHT]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (90, "1:30 min"), (3_600, "1:00 h"), (7_500, "2:05 h")]
)
def test_lengths_of_time_are_said_as_one_says_them(seconds: float, words: str):
    assert said(seconds) == words


@pytest.mark.parametrize("text", ["vm-1", "Zürich", "東京", "🙂", "a\tb\nc", "\u200fx"])
def test_what_can_be_shown_is_shown(text: str):
    assert fit(text) == text


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\x7f", "\x85", "\u202e", "\u2066", "\ud800", "\ufffe", "\r"])
def test_what_xml_has_no_place_for_is_replaced(text: str):
    assert fit(f"a{text}b") == "a\ufffdb"


def test_elements_hold_text_between_elements():
    made = element("p", "a", element("b", "c"), "d", "e", class_="x", aria_label="<&")
    assert ET.tostring(made, encoding="unicode") == '<p class="x" aria-label="&lt;&amp;">a<b>c</b>de</p>'
