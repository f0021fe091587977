"""Answers of which only the head came: it tells of a write whether it was taken or refused, and of a read nothing."""

from collections.abc import Callable

import pytest

from azvm_async.errors import Conflict, OutcomeUnknown, TransportError
from azvm_async.protocol.repeat import Repeat
from azvm_async.wire import Response
from pipeline.support import GET, OK, Line

TRACKED = {"azure-asyncoperation": "https://management.azure.com/operations/1"}

Build = Callable[..., Line]


def cut(status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(status, headers or {}, cut="reset")


@pytest.mark.parametrize("name", ["azure-asyncoperation", "operation-location", "location"])
async def test_write_with_a_url_to_follow_was_taken(line: Build, name: str):
    response = cut(202, {name: "https://management.azure.com/operations/1"})
    assert await line(response).send(Repeat.REFUSED) is response


async def test_write_that_was_refused_was_not_done(line: Build):
    assert type(await line(cut(409)).failure(Repeat.REFUSED)) is Conflict


async def test_write_that_was_answered_in_vain_is_unknown(line: Build):
    assert type(await line(cut(503)).failure(Repeat.REFUSED)) is OutcomeUnknown


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_write_without_a_url_to_follow_is_unknown(line: Build, status: int):
    assert type(await line(cut(status)).failure(Repeat.REFUSED)) is OutcomeUnknown


async def test_read_brought_nothing(line: Build):
    assert type(await line(cut(200, TRACKED)).failure(request=GET)) is TransportError


async def test_read_is_sent_again(line: Build):
    assert await line(cut(200), OK).send(request=GET) is OK
