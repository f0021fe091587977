"""What an expression is, and what is picked out of its value."""

import pytest

from emulator.templates.support import address, refusal, value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("[concat('a', 'b')]", "ab"),
        ("[CONCAT ( 'a' , 'b' ) ]", "ab"),
        ("[[concat('a')]", "[concat('a')]"),
        ("[concat('a')] and more", "[concat('a')] and more"),
        ("[[not closed", "[[not closed"),
        ("[string('it''s')]", "it's"),
        ("[-7]", -7),
        ("['text']", "text"),
        ('[json(\'{"a": {"b": [1, 2]}}\').a.b[1]]', 2),
        ("[json('{\"a\": 1}')['a']]", 1),
        ("[json('{\"Name\": 1}').name]", 1),
        ('[json(\'{"name": 1, "Name": 2}\').Name]', 2),
    ],
)
def test_a_string_in_brackets_is_evaluated(text, expected):
    assert value(text) == expected


def test_the_names_of_properties_are_evaluated():
    assert value({"[concat('a', 'b')]": 1}) == {"ab": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[concat('a']", "expected token 'RightParenthesis' and actual 'EndOfData'"),
        ("[concat]", "expected token 'LeftParenthesis' and actual 'EndOfData'"),
        ("[]", "expected token 'Identifier' and actual 'EndOfData'"),
        ("['a' 'b']", "expected token 'EndOfData' and actual 'Literal'"),
        ("[true(]", "expected token 'Identifier'"),
        ("[#]", "unexpected character"),
        ("[99999999999999999999]", "too large"),
        ("[nothing()]", "The template function 'nothing' is not valid"),
        ("[concat()]", "'concat'"),
        ("[toLower('a', 'b')]", "expects 1 parameter(s), 2 provided"),
        ("[toLower(1)]", "must be of type 'string'"),
        ("[json('{\"a\": 1}').b]", "property 'b' doesn't exist, available properties are 'a'"),
        ("[createArray(1)[1]]", "array index '1' is out of bounds"),
        ("[createArray(1)['a']]", "can't be evaluated"),
        ("[string('a').length]", "can't be evaluated"),
        ("[lambda('x', 1)]", "A lambda is no value"),
        (f"[concat('{'a' * 25_000}')]", "length limit exceeded"),
        (f"[{'not(' * 2000}true(){')' * 2000}]", "nested too deeply"),
    ],
)
def test_an_expression_without_a_value_is_refused(text, says):
    error = refusal(address("ip", properties={"value": text}))
    assert error.code == "InvalidTemplate"
    assert says in error.message


def test_the_resource_and_the_expression_are_named():
    error = refusal(address("ip", properties={"value": "[createArray(1)[1]]"}))
    assert error.message.startswith("Unable to process template language expressions for resource '/subscriptions/")
    assert "publicIPAddresses/ip' at line '1' and column '0'" in error.message
    assert "[createArray(1)[1]]" in error.message


def test_an_error_in_a_branch_that_is_not_taken_does_no_harm():
    assert value("[if(true(), 1, createArray()[7])]") == 1


def test_an_unknown_function_is_refused_even_in_a_branch_that_is_not_taken():
    assert "'nothing'" in refusal(address("ip", properties={"value": "[if(true(), 1, nothing())]"})).message
