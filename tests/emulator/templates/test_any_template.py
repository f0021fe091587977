"""Whatever a template is, it is expanded or refused, and soon."""

import ast
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import azvm_async.emulator.templates
from azvm_async.emulator.templates import TemplateError, expand
from azvm_async.emulator.templates.evaluation import _FORMS, _TABLE
from emulator.templates.support import SITE, Known, address, refusal, template

WORDS = st.sampled_from(
    """name type apiVersion copy count input condition dependsOn properties resources scope existing template mode
    parameters variables outputs value defaultValue allowedValues minLength minValue string int array object securestring
    A.B/c Microsoft.Resources/deployments inner outer expressionEvaluationOptions Incremental functions namespace members
    output nullable $ref resourceGroup subscriptionId a b""".split()
)
FUNCTIONS = st.sampled_from([function.name for function in (*_TABLE.values(), *_FORMS.values())] + ["listKeys", "a.b"])
LITERALS = WORDS.map(lambda word: f"'{word}'") | st.integers(-9, 9).map(str) | st.just("'[a]'") | st.just("'\ud800'")
TREES = st.recursive(
    LITERALS,
    lambda inner: (
        st.tuples(FUNCTIONS, st.lists(inner, max_size=3)).map(lambda call: f"{call[0]}({', '.join(call[1])})")
        | st.tuples(inner, WORDS).map(lambda access: f"{access[0]}['{access[1]}']")
    ),
    max_leaves=8,
)
TEXTS = TREES.map(lambda tree: f"[{tree}]") | WORDS | st.text(max_size=8) | st.text("[]()',.a1 ", max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | TEXTS, inner, max_size=6),
    max_leaves=20,
)
RESOURCES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["A.B/c", "Microsoft.Resources/deployments"]) | TEXTS,
        "apiVersion": st.just("1"),
        "name": TEXTS,
    },
    optional={
        "copy": st.fixed_dictionaries({"name": WORDS, "count": st.integers(0, 3) | TEXTS}),
        "dependsOn": st.lists(TEXTS, max_size=2),
        "condition": SCALARS,
        "scope": TEXTS,
        "existing": st.booleans(),
        "properties": DOCUMENTS
        | st.fixed_dictionaries({"mode": WORDS, "template": DOCUMENTS, "parameters": DOCUMENTS}),
        "resources": DOCUMENTS,
    },
)
DEFINITIONS = st.dictionaries(
    WORDS, st.fixed_dictionaries({"type": WORDS}, optional={"defaultValue": DOCUMENTS, "value": DOCUMENTS})
)
TEMPLATES = st.fixed_dictionaries(
    {"$schema": st.just("x"), "contentVersion": st.just("1"), "resources": st.lists(RESOURCES, max_size=3) | DOCUMENTS},
    optional={
        "languageVersion": st.just("2.0"),
        "parameters": DEFINITIONS | DOCUMENTS,
        "variables": st.dictionaries(WORDS, DOCUMENTS, max_size=3) | DOCUMENTS,
        "functions": DOCUMENTS,
        "outputs": DEFINITIONS | DOCUMENTS,
        "definitions": DOCUMENTS,
    },
)


def survive(document: Any, parameters: Any) -> None:
    """Do all that can be done with a template; nothing but its refusal may come out."""
    with contextlib.suppress(TemplateError):
        expanded = expand(document, parameters, SITE)
        json.dumps(expanded.parameters)
        for each in expanded.resources:
            json.dumps(each.document(Known()))
            each.nested(Known())
        json.dumps(expanded.outputs(Known()))


@settings(deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_any_json_is_expanded_or_refused(document, parameters):
    survive(document, parameters)


@settings(deadline=None, max_examples=300)
@given(TEMPLATES, st.none() | DOCUMENTS)
def test_what_looks_like_a_template_is_expanded_or_refused(document, parameters):
    survive(document, parameters)


@settings(deadline=None, max_examples=300)
@given(TREES)
def test_any_expression_has_a_value_or_is_refused(tree):
    survive(template(address("ip", properties={"value": f"[{tree}]"})), None)


def doubling(last: str, expression: str, times: int = 60) -> dict[str, Any]:
    """Return variables each of which holds the one before twice."""
    chain = {f"v{n}": expression.replace("V", f"variables('v{n - 1}')") for n in range(1, times)}
    return {"v0": last, **chain}


@pytest.mark.parametrize(
    "variables",
    [
        doubling("aaaaaaaaaa", "[concat(V, V)]"),
        doubling("a", "[createArray(V, V)]"),
        doubling("[range(0, 9)]", "[concat(V, V)]"),
        doubling("a", "[createObject('a', V, 'b', V)]"),
        doubling("a", "[string(createArray(V, V))]"),
        {"v": "[map(range(0, 9999), lambda('x', map(range(0, 9999), lambda('y', 1))))]"},
        {"v": "[reduce(range(0, 9999), 1, lambda('a', 'b', createArray(lambdaVariables('a'), lambdaVariables('a'))))]"},
        {"v": "[replace(padLeft('', 100000), ' ', padLeft('', 100000))]"},
        {"copy": [{"name": f"v{n}", "count": 800, "input": "[range(0, 9999)]"} for n in range(9)]},
        {f"v{n}": f"[variables('v{n + 1}')]" for n in range(500)},
    ],
    ids=range(10),
)
def test_no_template_takes_long(variables):
    begun = time.monotonic()
    assert refusal(variables=variables).code == "InvalidTemplate"
    assert time.monotonic() - begun < 30


def test_a_document_that_is_nested_deeply_is_refused():
    deep: Any = {}
    for _ in range(3000):
        deep = {"a": deep}
    assert "too deeply" in refusal(address("ip", properties=deep)).message


@pytest.mark.parametrize(
    "file", sorted(Path(azvm_async.emulator.templates.__file__).parent.glob("*.py")), ids=lambda p: p.name
)
def test_the_language_knows_no_world_no_clock_and_no_chance(file):
    imported = [
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    modules = {node.module or "" for node in imported if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in imported if isinstance(node, ast.Import) for alias in node.names}
    assert not modules & {"time", "random", "secrets", "os", "asyncio", "socket"}
    assert all(name.startswith("azvm_async.emulator.templates") for name in modules if name.startswith("azvm_async"))
