"""The pages lead to what is there, read on GitHub or from a clone; the site's own links are checked when it is built."""

import re

import pytest

from docs.pages import ROOT, pages, text_of

PAGES = [*pages(), "SECURITY.md", "CHANGELOG.md"]


def links(page: str) -> list[str]:
    """Return a page's links within the repository, without what follows a hash."""
    found = re.findall(r"\]\((?!https?:)([^)#\s]+)", text_of(page))
    return sorted(set(found))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str):
    folder = (ROOT / page).parent
    assert [link for link in links(page) if not (folder / link).exists()] == []


def test_links_are_found_at_all():
    assert len(links("README.md")) > 15


def test_every_benchmark_has_its_command_on_the_page():
    text = text_of("docs/benchmarks.md")
    there = {path.name for path in (ROOT / "tests" / "benchmarks").glob("*.py")}
    assert set(re.findall(r"python tests/benchmarks/(\w+\.py)", text)) == there


@pytest.mark.parametrize("figure", ["61 MB", "352 MB", "242,817", "239,656", "100,000 operations"])
def test_figures_of_the_page_are_those_of_the_benchmarks(figure: str):
    assert figure in text_of("docs/benchmarks.md")
    assert figure in text_of("tests/benchmarks/README.md")


@pytest.mark.parametrize("figure", ["721 recorded operations", "8 % of their durations", "11 polls in the mean"])
def test_figures_of_polling_stand_on_both_pages(figure: str):
    assert figure in text_of("docs/benchmarks.md")
    assert figure in text_of("docs/polling.md")
