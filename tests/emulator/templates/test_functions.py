"""The functions, each by examples; where the documentation has one it is among them."""

import pytest

from emulator.templates.support import GROUP, SUBSCRIPTION, address, refusal, value

MACHINE = (
    "/subscriptions/31e9f9a0-9fd2-4294-a0a3-0101246d9700/resourceGroups/rg-modm201-20230913120256"
    "/providers/Microsoft.Compute/virtualMachines/bobjacmodm201"
)
OBJECT = 'json(\'{"one": "a", "two": {"x": 1}}\')'


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("concat('a', 1, true())", "a1True"),
        ("concat(createArray(1), createArray(2, 3))", [1, 2, 3]),
        ("format('{0}, {1}. Number: {2:N0}', 'Hello', 'User', 8175133)", "Hello, User. Number: 8,175,133"),
        ("format('{0:D3}|{1,4}|{1,-3}|{0:X}|{0:x4}|{0:000}|{{}}', 26, 7)", "026|   7|7  |1A|001a|026|{}"),
        ("format('{0:F1}', 3)", "3.0"),
        ("split('one,two;three', createArray(',', ';'))", ["one", "two", "three"]),
        ("split('a.b', '.')", ["a", "b"]),
        ("replace('123-123-1234', '1234', 'xxxx')", "123-123-xxxx"),
        ("substring('one two three', 4, 3)", "two"),
        ("substring('one two', 4)", "two"),
        ("toUpper('a')", "A"),
        ("toLower('A')", "a"),
        ("trim('  a b ')", "a b"),
        ("startsWith('abcdef', 'A')", True),
        ("endsWith('abcdef', 'e')", False),
        ("indexOf('abcdef', 'CD')", 2),
        ("lastIndexOf('test', 'T')", 3),
        ("indexOf(createArray('a', 'b'), 'B')", -1),
        ("lastIndexOf(createArray(1, 2, 1), 1)", 2),
        ("padLeft('123', 10, '0')", "0000000123"),
        ("padLeft(5, 3)", "  5"),
        ("contains('OneTwo', 'one')", False),
        ("contains(createArray('one'), 'one')", True),
        ("contains(createArray(1), true())", False),
        (f"contains({OBJECT}, 'ONE')", True),
        ("empty('')", True),
        ("empty(null())", True),
        ("empty(createArray(0))", False),
        (f"length({OBJECT})", 2),
        ("first('One')", "O"),
        ("last(createArray(1, 2))", 2),
        ("first(createArray())", None),
        ("take('on', 9)", "on"),
        ("skip(createArray(1, 2, 3), 2)", [3]),
        ("string(createObject('a', createArray(1, true(), null())))", '{"a":[1,true,null]}'),
        ("string(false())", "False"),
        ("join(createArray('a', 'b'), ', ')", "a, b"),
        ("base64('one, two, three')", "b25lLCB0d28sIHRocmVl"),
        ("base64ToString('b25lLCB0d28sIHRocmVl')", "one, two, three"),
        ("base64ToJson(base64('{''one'': ''a \"b\"''}'))", {"one": 'a "b"'}),
        ("dataUri('Hello')", "data:text/plain;charset=utf8;base64,SGVsbG8="),
        ("dataUriToString('data:;base64,SGVsbG8sIFdvcmxkIQ==')", "Hello, World!"),
        ("uri('http://contoso.com/resources/', 'nested/a.json')", "http://contoso.com/resources/nested/a.json"),
        ("uriComponent('http://a/b c')", "http%3A%2F%2Fa%2Fb%20c"),
        ("uriComponentToString('a%2Fb')", "a/b"),
    ],
)
def test_strings(call, expected):
    assert value(f"[{call}]") == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("array(1)", [1]),
        ("array(createArray(1))", [1]),
        ("createObject('a', 1, 'b', null())", {"a": 1, "b": None}),
        ("union(createArray(1, 2), createArray(2, 3))", [1, 2, 3]),
        ('union(json(\'{"a": {"x": 1}}\'), json(\'{"A": {"y": 2}, "b": [3]}\'))', {"a": {"x": 1, "y": 2}, "b": [3]}),
        ("intersection(createArray(1, 2, 3), createArray(3, 2))", [2, 3]),
        ('intersection(json(\'{"a": 1, "b": 2}\'), json(\'{"A": 1, "b": 3}\'))', {"a": 1}),
        ("range(5, 3)", [5, 6, 7]),
        ("min(createArray(3, 1))", 1),
        ("max(0, 3, 2)", 3),
        ("flatten(createArray(createArray(1), createArray(2, 3)))", [1, 2, 3]),
        ('items(json(\'{"b": 1, "a": 2}\'))', [{"key": "a", "value": 2}, {"key": "b", "value": 1}]),
        ('objectKeys(json(\'{"b": 1, "A": 2}\'))', ["A", "b"]),
        ('shallowMerge(createArray(json(\'{"a": {"x": 1}}\'), json(\'{"a": {}}\')))', {"a": {}}),
        (f"tryGet({OBJECT}, 'two', 'X')", 1),
        (f"tryGet({OBJECT}, 'three', 'X')", None),
        ("tryGet(createArray(1), 5)", None),
        ("tryIndexFromEnd(createArray(1, 2), 1)", 2),
        ("tryIndexFromEnd(createArray(1, 2), 3)", None),
        ("indexFromEnd(createArray(1, 2), 2)", 1),
        ("json('null')", None),
        ("map(createArray(1, 2), lambda('x', mul(lambdaVariables('x'), 10)))", [10, 20]),
        ("map(createArray('a'), lambda('x', 'i', lambdaVariables('i')))", [0]),
        ("filter(range(0, 5), lambda('x', greater(lambdaVariables('x'), 2)))", [3, 4]),
        ("reduce(range(1, 4), 0, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b'))))", 10),
        ("sort(createArray(3, 1, 2), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))", [1, 2, 3]),
        ("toObject(createArray('a'), lambda('x', concat('k', lambdaVariables('x'))))", {"ka": "a"}),
        ("toObject(createArray('a'), lambda('x', lambdaVariables('x')), lambda('x', 1))", {"a": 1}),
        (
            "groupBy(createArray('a1', 'b1', 'a2'), lambda('x', first(lambdaVariables('x'))))",
            {"a": ["a1", "a2"], "b": ["b1"]},
        ),
        ("mapValues(json('{\"a\": 1}'), lambda('x', add(lambdaVariables('x'), 1)))", {"a": 2}),
    ],
)
def test_arrays_and_objects(call, expected):
    assert value(f"[{call}]") == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("and(true(), true(), false())", False),
        ("and(false(), bool('neither'))", False),
        ("or(true(), bool('neither'))", True),
        ("or(false(), false())", False),
        ("not(false())", True),
        ("bool('TRUE')", True),
        ("bool(0)", False),
        ("if(equals(1, 1), 'yes', 'no')", "yes"),
        ("equals('a', 'A')", False),
        ("equals(1, true())", False),
        ("equals(createArray(1, 2), createArray(1, 2))", True),
        ('equals(json(\'{"a": 1, "b": 2}\'), json(\'{"b": 2, "a": 1}\'))', True),
        ("less(1, 2)", True),
        ("less('A', 'a')", False),
        ("less('a', 'B')", True),
        ("lessOrEquals(2, 2)", True),
        ("greater('A', 'a')", True),
        ("greaterOrEquals(1, 2)", False),
        ("coalesce(null(), null(), 3)", 3),
        ("coalesce(null())", None),
        ("add(3, 5)", 8),
        ("sub(3, 5)", -2),
        ("mul(3, 5)", 15),
        ("div(-7, 2)", -3),
        ("mod(-7, 3)", -1),
        ("int('4')", 4),
        ("float('1.5')", 1.5),
    ],
)
def test_logic_and_numbers(call, expected):
    assert value(f"[{call}]") == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("dateTimeAdd('2020-04-07 14:53:14Z', 'P3Y')", "2023-04-07 14:53:14Z"),
        ("dateTimeAdd('20200407T145314Z', '-P9D')", "20200329T145314Z"),
        ("dateTimeAdd('2020-04-07T14:53:14Z', 'PT1H30M', 'HH:mm')", "16:23"),
        ("dateTimeToEpoch('1970-01-01T01:00:00+00:00')", 3600),
        ("dateTimeFromEpoch(1614556800)", "2021-03-01T00:00:00Z"),
    ],
)
def test_dates(call, expected):
    assert value(f"[{call}]") == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("", "20260305T140709Z"),
        ("'d'", "03/05/2026"),
        ("'M d'", "3 5"),
        ("'u'", "2026-03-05 14:07:09Z"),
        ("'s'", "2026-03-05T14:07:09"),
        ("'ddd, dd MMM yy h:mm:ss tt'", "Thu, 05 Mar 26 2:07:09 PM"),
        ("'dddd MMMM fff K zzz'", "Thursday March 000 Z +00:00"),
    ],
)
def test_utc_now_is_the_time_of_the_site_in_a_format_of_net(style, expected):
    parameters = {"now": {"type": "string", "defaultValue": f"[utcNow({style})]"}}
    assert value("[parameters('now')]", parameters=parameters) == expected


def test_new_guid_is_asked_for_once_and_for_parameters_only():
    parameters = {"id": {"type": "string", "defaultValue": "[newGuid()]"}}
    assert value("[parameters('id')]", parameters=parameters) == "0f0f0f0f-0000-4000-8000-000000000000"


@pytest.mark.parametrize("call", ["newGuid()", "utcNow()"])
def test_what_changes_is_refused_outside_of_parameters(call):
    assert "not expected at this location" in refusal(address("ip", properties={"value": f"[{call}]"})).message


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("uniqueString('tyeth')", "zcztcwvu6iyg6"),
        ("uniqueString('/subscriptions/00000000-0000-0000-0000-000000000000', 'resource-id')", "cwvxuqg24sifi"),
        (
            f"uniqueString('{MACHINE}')",
            "yvjxno3je5on2",
        ),
    ],
)
def test_unique_string_is_azures(call, expected):
    assert value(f"[{call}]") == expected


def test_guid_joins_its_arguments_with_a_dash():
    assert value("[guid('a', 'b')]") == value("[guid('a-b')]") != value("[guid('ab')]")


def test_guid_is_of_version_five():
    assert value("[guid('a')]")[14] == "5"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "resourceId('Microsoft.Sql/servers/databases', 's', 'd')",
            f"{GROUP}/providers/Microsoft.Sql/servers/s/databases/d",
        ),
        ("resourceId('Microsoft.Sql/servers/', 's')", f"{GROUP}/providers/Microsoft.Sql/servers/s"),
        ("resourceId('other', 'A.B/c', 'd')", f"{SUBSCRIPTION}/resourceGroups/other/providers/A.B/c/d"),
        ("resourceId('two', 'other', 'A.B/c', 'd')", "/subscriptions/two/resourceGroups/other/providers/A.B/c/d"),
        ("subscriptionResourceId('A.B/c', 'd')", f"{SUBSCRIPTION}/providers/A.B/c/d"),
        ("subscriptionResourceId('two', 'A.B/c', 'd')", "/subscriptions/two/providers/A.B/c/d"),
        ("tenantResourceId('A.B/c', 'd')", "/providers/A.B/c/d"),
        ("extensionResourceId('/x', 'A.B/c', 'd')", "/x/providers/A.B/c/d"),
        (
            "managementGroupResourceId('m', 'A.B/c', 'd')",
            "/providers/Microsoft.Management/managementGroups/m/providers/A.B/c/d",
        ),
        ("resourceGroup().location", "westeurope"),
        ("subscription().displayName", "Main"),
        ("tenant().tenantId", "00000000-0000-0000-0000-00000000000a"),
        ("deployment().name", "first"),
        ("deployment().properties.template.contentVersion", "1.0.0.0"),
        ("environment().suffixes.storage", "core.windows.net"),
        ("pickZones('Microsoft.Compute', 'virtualMachines', 'westus2', 2, 1)", ["2", "3"]),
    ],
)
def test_places(call, expected):
    assert value(f"[{call}]") == expected


@pytest.mark.parametrize(
    "call",
    [
        "div(1, 0)",
        "mod(1, 0)",
        "add(9223372036854775807, 1)",
        "int('1_0')",
        "int('x')",
        "float('x')",
        "bool('x')",
        "min()",
        "min('a', 1)",
        "less('a', 1)",
        "if(1, 2, 3)",
        "and(true(), 1)",
        "substring('abc', 2, 5)",
        "substring('abc', -1)",
        "padLeft('a', 3, 'ab')",
        "padLeft('a', 9999999999)",
        "replace('a', '', 'b')",
        "range(0, 10001)",
        "format('{1}', 'a')",
        "format('{', 'a')",
        "format('{0:Q}', 1)",
        "base64ToString('***')",
        "json('{')",
        "json('NaN')",
        "dataUriToString('a')",
        "dateTimeAdd('soon', 'P1D')",
        "dateTimeAdd('2020-04-07', 'P')",
        "dateTimeAdd('2020-04-07', 'P9999999D')",
        "dateTimeAdd('2020-04-07', 'P1D', 'Q')",
        "createObject('a')",
        "concat(createArray(), 'a')",
        "concat('a', createArray())",
        "union(createArray(), createObject())",
        "flatten(createArray(1))",
        "shallowMerge(createArray(1))",
        "indexFromEnd(createArray(1), 2)",
        "filter(createArray(1), lambda('x', 1))",
        "toObject(createArray(1), lambda('x', 1))",
        "map(createArray(1), lambda('x', 'y', 'z', 1))",
        "map(createArray(1), lambda(1, 2))",
        "lambdaVariables('x')",
        "resourceId('Microsoft.Sql/servers', 'a', 'b')",
        "resourceId('a', 'b')",
        "resourceId('a', 'b', 'c', 'A.B/c', 'd')",
        "managementGroupResourceId('A.B/c/d', 'd', 'e')",
        "pickZones('a', 'b', 'c', 4)",
        "providers('a')",
        "parameters('none')",
        "variables('none')",
        "copyIndex()",
        "none.function()",
    ],
)
def test_what_a_function_can_not_do_is_refused(call):
    assert refusal(address("ip", properties={"value": f"[{call}]"})).code == "InvalidTemplate"
