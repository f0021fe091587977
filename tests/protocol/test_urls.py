"""Which URLs are asked: only those on the endpoint's own host, and those verbatim."""

import pytest

from azvm_async.errors import InvalidRequest, ProtocolError
from azvm_async.protocol.urls import endpoint, follow, is_loopback, path_of, with_query
from protocol.support import BY_STATUS, ENDPOINT, STATUS_URL, answer, at, begun, fed, says

HERE = [
    "https://management.azure.com/x",
    "https://management.azure.com:443/x",
    "https://MANAGEMENT.Azure.COM/x",
    "HTTPS://management.azure.com/x",
    "https://management.azure.com./x",
    "https://management.azure.com?x=1",
    "https://management.azure.com/x?next=https://elsewhere.example/",
    "https://management.azure.com/x?user=a@b",
    STATUS_URL,
]
ELSEWHERE = {
    "host": "https://elsewhere.example/x",
    "longer-host": "https://management.azure.com.elsewhere.example/x",
    "prefixed-host": "https://xmanagement.azure.com/x",
    "parent": "https://azure.com/x",
    "port": "https://management.azure.com:8443/x",
    "port-80": "https://management.azure.com:80/x",
    "http": "http://management.azure.com/x",
    "http-443": "http://management.azure.com:443/x",
    "host-only": "//elsewhere.example/x",
    "user": "https://management.azure.com@elsewhere.example/x",
    "user-and-password": "https://management.azure.com:443@elsewhere.example/x",
    "user-here": "https://me@management.azure.com/x",
    "empty-user": "https://@management.azure.com/x",
    "backslash": "https://elsewhere.example\\@management.azure.com/x",
    "backslashes": "\\\\elsewhere.example\\x",
    "slash-backslash": "/\\elsewhere.example/x",
    "backslash-in-path": "https://management.azure.com/x\\y",
    "tab": "https://management.azure.com\t.elsewhere.example/x",
    "newline": "https://management.azure.com/x\r\nhost: elsewhere.example",
    "space": "https://management.azure.com/a b",
    "nul": "https://management.azure.com/\x00",
    "unicode-dot": "https://management。azure.com/x",
    "unicode-host": "https://m\u0430nagement.azure.com/x",
    "unicode-path": "https://management.azure.com/ü",
    "three-slashes": "https:///management.azure.com/x",
    "one-slash": "https:/management.azure.com/x",
    "no-slash": "https:management.azure.com/x",
    "no-host": "https://",
    "port-only": "https://:443/x",
    "port-no-number": "https://management.azure.com:x/x",
    "port-too-large": "https://management.azure.com:99999/x",
    "bracket": "https://[management.azure.com/x",
    "ftp": "ftp://management.azure.com/x",
    "file": "file:///etc/passwd",
    "javascript": "javascript:alert(1)",
    "data": "data:application/json,{}",
    "websocket": "wss://management.azure.com/x",
}
elsewhere = pytest.mark.parametrize("url", ELSEWHERE.values(), ids=ELSEWHERE)


@pytest.mark.parametrize("url", HERE)
def test_a_url_on_the_host_is_followed_verbatim(url):
    assert follow(f"{ENDPOINT}/base", url) == url


@pytest.mark.parametrize("base", ["https://management.azure.com:443/x", "https://management.azure.com/x"])
def test_the_default_port_is_the_same_written_or_not(base):
    assert follow(base, STATUS_URL) == STATUS_URL


@elsewhere
def test_a_url_elsewhere_is_not_followed(url):
    with pytest.raises(ProtocolError):
        follow(f"{ENDPOINT}/base", url)


@pytest.mark.parametrize(
    ("link", "absolute"),
    [
        ("/x?y=%2F", f"{ENDPOINT}/x?y=%2F"),
        ("z", f"{ENDPOINT}/a/z"),
        ("?q=1", f"{ENDPOINT}/a/b?q=1"),
        ("//management.azure.com/x", f"{ENDPOINT}/x"),
    ],
)
def test_a_relative_url_is_made_absolute(link, absolute):
    assert follow(f"{ENDPOINT}/a/b?c=d", link) == absolute


def test_a_refusal_does_not_show_the_signature():
    with pytest.raises(ProtocolError) as caught:
        follow(ENDPOINT, "https://user:word@elsewhere.example/x?s=signature")
    assert "signature" not in str(caught.value)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("header", ["azure-asyncoperation", "operation-location", "location"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@elsewhere
def test_a_first_answer_that_points_elsewhere_breaks_the_protocol(method, header, url):
    with pytest.raises(ProtocolError):
        begun(method, answer(202, headers={header: url}))


@pytest.mark.parametrize("header", ["azure-asyncoperation", "operation-location", "location"])
@elsewhere
def test_a_poll_that_points_elsewhere_breaks_the_protocol_and_the_old_url_stays(header, url):
    state = begun(wants_result=True)
    with pytest.raises(ProtocolError):
        state.receive(answer(200, {"status": "Running"}, {header: url}), at(60))
    assert state.again(at(60)).due(at(60)).url == STATUS_URL


@elsewhere
def test_a_location_that_is_never_read_may_point_anywhere(url):
    state = begun(first=answer(202, headers={**BY_STATUS, "location": url}))
    state = fed(state, [answer(200, {"status": "Running"}, {"location": url})])
    assert state.due(at(60)).url == STATUS_URL


@elsewhere
def test_a_result_that_is_elsewhere_is_not_read(url):
    with pytest.raises(ProtocolError):
        fed(begun("PUT", wants_result=True), [says("Succeeded", resourceLocation=url)])


@elsewhere
def test_where_no_result_is_wanted_nobody_cares_where_it_is(url):
    assert fed(begun("PUT"), [says("Succeeded", resourceLocation=url)]).outcome.status == "Succeeded"


@pytest.mark.parametrize(
    "url",
    [
        "https://management.azure.com",
        "https://management.azure.com/",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://localhost:1/",
        "http://[::1]:8080",
    ],
)
def test_an_endpoint_is_https_or_loopback(url):
    assert endpoint(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://management.azure.com",
        "http://127.0.0.1.elsewhere.example",
        "http://localhost.elsewhere.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::]",
        "management.azure.com",
        "ftp://127.0.0.1",
        "https://me:secret@management.azure.com",
        "https://",
        "",
    ],
)
def test_no_other_endpoint_gets_a_token(url):
    with pytest.raises(InvalidRequest) as caught:
        endpoint(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("128.0.0.1", False),
        ("127.0.0.1.x", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_only(host, ours):
    assert is_loopback(host) is ours


@pytest.mark.parametrize(
    ("url", "query", "whole"),
    [
        ("https://h/x", {"a": "1"}, "https://h/x?a=1"),
        ("https://h/x?b=%2f", {"a": "1"}, "https://h/x?b=%2f&a=1"),
        ("https://h/x?A=0", {"a": "1"}, "https://h/x?A=0"),
        ("https://h/x?a=", {"a": "1"}, "https://h/x?a="),
        ("https://h/x", {"a": None}, "https://h/x"),
        ("https://h/x", {"$expand": "instanceView"}, "https://h/x?$expand=instanceView"),
        ("https://h/x?%24expand=y", {"$expand": "instanceView"}, "https://h/x?%24expand=y"),
        ("https://h/x", {"a": "b c&d=e#f"}, "https://h/x?a=b%20c%26d%3De%23f"),
    ],
)
def test_a_query_is_added_where_it_is_missing(url, query, whole):
    assert with_query(url, **query) == whole


def test_the_path_of_a_resources_url_is_its_id():
    assert path_of("https://h/subscriptions/s?api-version=1") == "/subscriptions/s"


def test_a_link_beside_a_base_that_names_a_user_is_not_followed():
    with pytest.raises(ProtocolError):
        follow("https://user@management.azure.com/a", "https://user@management.azure.com/b")
