"""Requests and responses: JSON in and out, headers, and what a repr must not show."""

import json

import pytest

from azvm_async.wire import DEEPEST, Request, Response, joined, without_query

SECRET = "hunter2"
URL = f"https://me:{SECRET}@host.example/path?sig={SECRET}#{SECRET}"


@pytest.mark.parametrize(
    "value",
    [
        Request("PUT", URL, SECRET.encode(), {"authorization": SECRET}),
        Response(200, {"x": SECRET}, SECRET.encode()),
    ],
    ids=["request", "response"],
)
@pytest.mark.parametrize("shown", [repr, str, "{!r}".format, lambda value: f"{[value]}"])
def test_a_repr_shows_no_user_query_header_or_body(value, shown):
    assert SECRET not in shown(value)


def test_a_requests_repr_tells_method_and_path():
    assert "PUT https://host.example/path" in repr(Request("PUT", URL))


def test_a_responses_repr_tells_status_and_size():
    assert "404, 3 bytes" in repr(Response(404, {}, b"abc"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/x", "https://h/x"),
        ("https://h/x?a=b", "https://h/x?…"),
        ("https://u:p@h:1/x", "https://h:1/x"),
        ("https://[h/x?sig=1", "(an unreadable URL)"),
        ("x?sig=1", "x?…"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_what_is_secret(url, shown):
    assert without_query(url) == shown


def test_a_json_request_says_so():
    request = Request.with_json("PUT", "https://h/x", {"ü": [1, None]})
    assert (json.loads(request.body), request.headers["content-type"]) == (
        {"ü": [1, None]},
        "application/json; charset=utf-8",
    )


def test_no_document_is_no_body():
    assert Request.with_json("POST", "https://h/x", None) == Request("POST", "https://h/x")


@pytest.mark.parametrize("document", [{}, [], 0, False, ""])
def test_an_empty_document_is_a_body(document):
    assert Request.with_json("POST", "https://h/x", document).body


@pytest.mark.parametrize("document", [object(), {1, 2}, float("nan"), float("inf"), b"x"], ids=repr)
def test_what_is_no_json_is_not_sent(document):
    with pytest.raises((TypeError, ValueError)):
        Request.with_json("POST", "https://h/x", document)


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n"])
def test_an_empty_body_is_none(body):
    assert Response(200, {}, body).json() is None


@pytest.mark.parametrize("body", [b'{"a": 1}', b'\xef\xbb\xbf{"a": 1}', '{"a": 1}'.encode("utf-16")])
def test_json_is_read_in_each_unicode_encoding(body):
    assert Response(200, {}, body).json() == {"a": 1}


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b"{", b"[" * 100_000, b"1" * 5_000], ids=lambda body: body[:6])
def test_what_is_no_json_is_a_value_error_and_no_document(body):
    with pytest.raises(ValueError, match=r"\w"):
        Response(200, {}, body).json()
    assert Response(200, {}, body).document() == {}


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'["]",', b'{"}":"\\\\","\\"]":'])
@pytest.mark.parametrize("before", [b"", b" " * 10_000])
def test_json_has_so_many_levels_at_most(opening, before):
    closing = {b"[": b"]", b"{": b"}"}[opening[:1]]
    deepest, deeper = (before + opening * levels + b"1" + closing * levels for levels in (DEEPEST, DEEPEST + 1))
    assert Response(200, {}, deepest).json()
    with pytest.raises(ValueError, match="levels"):
        Response(200, {}, deeper).json()


def test_brackets_in_strings_are_no_levels():
    assert Response(200, {}, json.dumps(["[" * 9_000, '"[' * 100, "\\"]).encode()).json()


@pytest.mark.parametrize("body", [b"[1]", b"5", b"null", b'"x"', b""])
def test_json_that_is_no_object_is_an_empty_document(body):
    assert Response(200, {}, body).document() == {}


def test_a_responses_json_comes_back():
    assert Response.with_json(200, {"a": [1]}).document() == {"a": [1]}


def test_given_headers_stand_beside_the_type():
    assert Response.with_json(200, {}, {"x": "1"}).headers == {
        "content-type": "application/json; charset=utf-8",
        "x": "1",
    }


def test_header_names_become_lower_case_and_repeated_ones_are_joined():
    assert joined([("A-b", "1"), ("C", "2"), ("a-B", "3")]) == {"a-b": "1, 3", "c": "2"}


@pytest.mark.parametrize("value", [Request("GET", "https://h"), Response(200)])
@pytest.mark.parametrize("field", ["headers", "body"])
def test_what_crossed_the_wire_can_not_be_changed(value, field):
    with pytest.raises(AttributeError):
        setattr(value, field, None)


def test_two_requests_share_no_headers():
    assert Request("GET", "https://h").headers is not Request("GET", "https://h").headers
