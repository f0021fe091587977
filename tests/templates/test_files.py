"""Template and parameter files: JSON with comments, and mistakes told with their line."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.errors import InvalidRequest
from azvm_async.templates import parameters_of, parse, template_of, text_of

TEMPLATE = {"resources": [], "parameters": {"size": {"type": "string"}}}


@pytest.fixture
def written(tmp_path: Path):
    """Return a writer of files."""

    def write(content, name="file.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


PARSED = [
    ('{"a": 1}', {"a": 1}),
    ('// first\n{"a": 1} // last', {"a": 1}),
    ('{"a": /* one */ 1}', {"a": 1}),
    ('{/* two\nlines */"a": 1}', {"a": 1}),
    ("/**/[1]/***/", [1]),
    ("[1, 2,]", [1, 2]),
    ('{"a": [1,\n],\n}', {"a": [1]}),
    ("[1, // one\n]", [1]),
    ("[1, /* one */ ]", [1]),
    ('["// no comment", "/* nor this */"]', ["// no comment", "/* nor this */"]),
    ('["https://x/y", 1] // "but this"', ["https://x/y", 1]),
    ('["a \\" // b", 1,]', ['a " // b', 1]),
    ('["a\\\\", /* c */ 1]', ["a\\", 1]),
    ('[",]", ", }"]', [",]", ", }"]),
    ('// "unclosed\n[1]', [1]),
    ('/* " */[1]/* " */', [1]),
    ("[1] //", [1]),
]


@pytest.mark.parametrize(("text", "value"), PARSED)
def test_json_is_parsed_with_comments_and_trailing_commas(text, value):
    assert parse(text) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["//", "/*", "*/", '"', "\\", ",]", ",}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(value=JSON, indent=st.none() | st.integers(0, 2), is_ascii=st.booleans())
def test_any_json_is_parsed_as_it_is(value, indent, is_ascii):
    assert parse(json.dumps(value, indent=indent, ensure_ascii=is_ascii)) == value


@pytest.mark.parametrize(
    "text", ["", "{", "/* unclosed", "[1,,]", "[1 2]", "{'a': 1}", '"unclosed', "# x\n[1]", "[//]"]
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match="line"):
        parse(text)


def test_template_given_is_taken():
    assert template_of(TEMPLATE) is TEMPLATE


def test_template_given_is_checked():
    with pytest.raises(InvalidRequest, match="no ARM template"):
        template_of({"parameters": {}})


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("name", ["t.json", "t.jsonc", "t"])
def test_template_is_read_from_a_file(written, kind, name):
    assert template_of(kind(written(json.dumps(TEMPLATE), name))) == TEMPLATE


def test_mark_of_the_byte_order_is_no_harm(written):
    assert template_of(written(b"\xef\xbb\xbf" + json.dumps(TEMPLATE).encode())) == TEMPLATE


@pytest.mark.parametrize("source", [None, 5, [], b"x", EOFError])
def test_what_is_neither_a_template_nor_a_file_is_refused(source):
    with pytest.raises(InvalidRequest, match="a dict, or the path of a file"):
        template_of(source)


@pytest.mark.parametrize("name", ["vm.bicep", "vm.BICEP"])
def test_bicep_is_refused_with_the_way_out(name):
    with pytest.raises(InvalidRequest, match=f"az bicep build --file {name}"):
        template_of(name)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n  "resources": [],\n  "x" 1\n}', "line 3, column 7"),
        ('{ /* over\ntwo lines */\n "resources": [}', "line 3, column 16"),
        ("{ // one\n // two\n // three\n ]", "line 4"),
        ('{"resources": [\n  1,\n  2 // ,\n  3]}', "line 4, column 3"),
    ],
)
def test_mistake_is_told_with_its_place_in_the_file(written, text, place):
    path = written(text)
    with pytest.raises(InvalidRequest, match=place) as caught:
        template_of(path)
    assert caught.value.what.startswith(f"{path}, line")


@pytest.mark.parametrize("content", ['{"parameters": {}}', "[]", '{"resources": [NaN]}'])
def test_file_that_holds_no_template_is_named(written, content):
    path = written(content)
    with pytest.raises(InvalidRequest) as caught:
        template_of(path)
    assert caught.value.what.startswith(f"{path}: ")


def test_file_that_nests_too_deeply_is_refused(written):
    with pytest.raises(InvalidRequest, match="is not JSON"):
        template_of(written("[" * 100_000))


@pytest.mark.parametrize("name", ["missing.json", ".", "a\0b"])
@pytest.mark.parametrize("read", [template_of, parameters_of, lambda path: text_of(path, "custom_data")])
def test_file_that_cannot_be_read_is_refused(tmp_path, read, name):
    with pytest.raises(InvalidRequest, match="can't be read"):
        read(tmp_path / name)


def test_file_that_is_no_text_is_refused(written):
    with pytest.raises(InvalidRequest, match="can't be read"):
        template_of(written(b"\xff\xfe\x00"))


def test_no_parameters_are_none():
    assert parameters_of(None) == {}


def test_values_given_become_parameters():
    assert parameters_of({"size": "small", "tags": {"value": 1}}) == {
        "size": {"value": "small"},
        "tags": {"value": {"value": 1}},
    }


def test_parameter_must_be_named_by_text():
    with pytest.raises(InvalidRequest, match="named by a str"):
        parameters_of({1: "x"})


def test_parameters_are_read_from_a_file(written):
    wired = {"size": {"value": None}, "password": {"reference": {"keyVault": {"id": "x"}, "secretName": "y"}}}
    path = written(json.dumps({"$schema": "x", "contentVersion": "1.0.0.0", "parameters": wired}) + " // a comment")
    assert parameters_of(path) == wired


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '{"parameters": []}', '{"parameters": {"size": "small"}}', '{"parameters": {"size": {"Value": 1}}}'],
)
def test_file_of_another_shape_is_no_parameter_file(written, content):
    path = written(content)
    with pytest.raises(InvalidRequest, match="no ARM parameter file") as caught:
        parameters_of(path)
    assert str(path) in caught.value.what


@pytest.mark.parametrize("source", [5, [], ("a", 1)])
def test_what_are_neither_parameters_nor_a_file_is_refused(source):
    with pytest.raises(InvalidRequest, match="Parameters are a dict, or the path of a file"):
        parameters_of(source)


def test_text_is_itself_even_where_it_looks_like_a_path():
    assert text_of("/no/such/file", "custom_data") == "/no/such/file"


def test_text_that_names_a_file_is_not_sent_in_its_place(written):
    with pytest.raises(InvalidRequest, match=r"pathlib\.Path"):
        text_of(str(written("#cloud-config\n")), "custom_data")


@pytest.mark.parametrize("read", [template_of, parameters_of])
def test_json_text_is_no_path_and_is_not_shown(read):
    with pytest.raises(InvalidRequest, match=r"json\.loads") as refused:
        read('{"adminPassword": "hunter2"}')
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(("name", "command"), [("main.bicep", "build "), ("main.bicepparam", "build-params ")])
def test_bicep_is_told_how_it_becomes_json(name: str, command: str):
    with pytest.raises(InvalidRequest, match=f"az bicep {command}"):
        parameters_of(name)


def test_text_is_read_from_a_path(written):
    assert text_of(written("#cloud-config\n"), "custom_data") == "#cloud-config\n"


@pytest.mark.parametrize("source", [None, b"x", 5])
def test_what_is_no_text_is_refused_by_its_name(source):
    with pytest.raises(InvalidRequest, match=r"custom_data is a str, or a pathlib\.Path"):
        text_of(source, "custom_data")


def test_line_break_in_a_string_is_taken_as_arm_takes_it():
    assert parse('{"a": "one\ntwo"}') == {"a": "one\ntwo"}
