"""The pages of promises say what the code does, and name tests that there are."""

import re
from pathlib import Path

import pytest

from azvm_async.errors import Conflict, RequestRefused, TransportError
from azvm_async.protocol.repeat import Repeat, may_repeat
from azvm_async.protocol.vm import VERBS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
PAGES = {"docs/reliability.md": PAGE, "SECURITY.md": (ROOT / "SECURITY.md").read_text(encoding="utf-8")}

LOOKED_FOR = {"run_command", "provision"}
POLICIES = {verb.name: verb.repeat for verb in VERBS} | {
    "bulk": Repeat.ALWAYS,
    "run_command": Repeat.REFUSED,
    "provision": Repeat.REFUSED,
    "begin: GET": Repeat.ALWAYS,
    "begin: DELETE": Repeat.ALWAYS,
    "begin: PUT": Repeat.REFUSED,
    "begin: PATCH": Repeat.REFUSED,
    "begin: POST": Repeat.REFUSED,
}


def rows() -> dict[str, list[str]]:
    """Return the table's cells by verb."""
    found: dict[str, list[str]] = {}
    for line in re.findall(r"^\| ([^|]+) \|(.+)\|$", PAGE.partition("\n- **never sent**")[0], re.MULTILINE)[1:]:
        names, cells = line[0].strip(), [cell.strip() for cell in line[1].split("|")]
        before, _, listed = names.rpartition(": ")
        found |= {f"{before}: {name}" if before else name: cells for name in listed.split(", ")}
    return found


def cells_of(verb: str) -> list[str]:
    """Return what the code does."""
    policy, otherwise = POLICIES[verb], "looked for" if verb in LOOKED_FOR else "unknown"
    vain, lost = RequestRefused("x", status=503), TransportError("x", maybe_applied=True)
    unsent = TransportError("x", maybe_applied=False)
    happened = [(unsent, False), (vain, False), (lost, False), (Conflict("x", status=409), True)]
    return ["again" if may_repeat(policy, error, doubted=doubted) else otherwise for error, doubted in happened]


def test_all_verbs_are_in_the_table():
    assert rows().keys() == POLICIES.keys()


@pytest.mark.parametrize("verb", POLICIES)
def test_table_of_the_page_is_that_of_the_code(verb: str):
    assert rows()[verb] == cells_of(verb)


def proofs() -> list[tuple[str, str]]:
    """Return the tests that the pages name."""
    return [(page, proof) for page, text in PAGES.items() for proof in re.findall(r"`(tests/[\w/.:]+)`", text)]


@pytest.mark.parametrize(("page", "proof"), proofs())
def test_proof_of_a_promise_is_there(page: str, proof: str):  # noqa: ARG001 - tells where
    path, _, name = proof.partition("::")
    assert (ROOT / path).exists()
    assert not name or re.search(rf"def {name}\(", (ROOT / path).read_text(encoding="utf-8"))
