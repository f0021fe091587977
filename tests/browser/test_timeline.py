"""The picture of a run as a browser shows it: readable with few VMs and many, light and dark, and to a screen reader."""

import asyncio
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from browser import chromium
from browser.chromium import Page
from browser.runs import report_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium"),
]

SIZES = (10, 200, 5_000)
BOXES = """[...document.querySelectorAll('%s')].map(each => each.getBoundingClientRect()).map(b => [b.top, b.bottom, b.left, b.right])"""
COLOUR = "getComputedStyle(document.querySelector('%s')).%s"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return pictures by the number of VMs."""
    folder = tmp_path_factory.mktemp("timelines")
    for size in SIZES:
        asyncio.run(report_of(size)).write_timeline(folder / f"{size}.html")
    return {size: folder / f"{size}.html" for size in SIZES}


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with chromium.opened(tmp_path) as opened:
        yield opened


def brightness(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2)."""
    low, high = sorted((brightness(one), brightness(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("size", SIZES)
async def test_browser_asks_for_nothing_else_and_has_nothing_against_it(page: Page, files: dict[int, Path], size: int):
    page.requests.clear()
    page.complaints.clear()
    await page.open(files[size])
    assert page.requests == [files[size].as_uri()]
    assert page.complaints == []


@pytest.mark.parametrize("size", SIZES)
async def test_each_vm_has_a_lane_that_can_be_seen(page: Page, files: dict[int, Path], size: int):
    await page.open(files[size])
    lanes = await page.value(BOXES % "g:has(> title)")
    assert len(lanes) == size
    assert all(bottom - top >= 1 and right - left >= 1 for top, bottom, left, right in lanes)


@pytest.mark.parametrize("size", SIZES)
async def test_names_do_not_cover_each_other(page: Page, files: dict[int, Path], size: int):
    await page.open(files[size])
    names = sorted(await page.value(BOXES % "g > .name"))
    assert names
    assert all(bottom - top >= 9 for top, bottom, *_ in names)
    overlaps = [before[1] - after[0] for before, after in pairwise(names)]
    assert max(overlaps, default=0) <= 2  # of the room above and below the letters


@pytest.mark.parametrize("width", [1150, 400])
@pytest.mark.parametrize("size", SIZES)
async def test_page_fits_its_window(page: Page, files: dict[int, Path], size: int, width: int):
    await page.open(files[size], width=width)
    assert await page.value("document.documentElement.scrollWidth") <= width


async def test_lanes_of_thousands_leave_the_charts_in_reach(page: Page, files: dict[int, Path]):
    await page.open(files[5_000])
    assert await page.value("document.documentElement.scrollHeight") < 4_000


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
async def test_page_is_light_or_dark_and_can_be_read(page: Page, files: dict[int, Path], scheme: str, dark: bool):
    await page.open(files[10], scheme=scheme)
    paper = await page.value(COLOUR % ("body", "backgroundColor"))
    assert (brightness(paper) < 0.1) == dark
    for selector, kind, least in [
        ("h1", "color", 7),
        ("figcaption", "color", 4.5),
        ("g > .name", "fill", 7),
        (".time", "fill", 4.5),
        (".refusal", "fill", 3),
        (".Failed .end", "stroke", 3),
        (".Succeeded .end", "stroke", 3),
        (".poll", "stroke", 7),
    ]:
        assert contrast(paper, await page.value(COLOUR % (selector, kind))) >= least, selector


async def test_screen_reader_has_pictures_with_words_and_a_table(page: Page, files: dict[int, Path]):
    await page.open(files[10])
    nodes = (await page.do("Accessibility.getFullAXTree"))["nodes"]
    seen = [(each["role"]["value"], each.get("name", {}).get("value", "")) for each in nodes if not each["ignored"]]
    roles = [role for role, _ in seen]
    assert [name for role, name in seen if role == "image" and not name] == []
    assert roles.count("image") == 5
    assert roles.count("rowheader") == 10
    assert roles.count("columnheader") == 10
    assert {name for role, name in seen if role == "region"} == {"Lanes", "Table"}


async def test_boxes_are_reached_by_the_keyboard(page: Page, files: dict[int, Path]):
    await page.open(files[200])
    for expected in ("Lanes", "Table"):
        for kind in ("keyDown", "keyUp"):
            await page.do("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        assert await page.value("document.activeElement.getAttribute('aria-label')") == expected


async def test_hovering_tells_a_lane(page: Page, files: dict[int, Path]):
    await page.open(files[5_000])
    told = await page.value("document.querySelector('g.thin > title').textContent")
    assert re.fullmatch(r"web-\d{4}: Succeeded, [\d.]+ s, polls: \d+", told)
