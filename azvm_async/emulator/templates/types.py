"""The types of parameters and outputs: which values they take, how ARM writes them, and which are secrets."""

from dataclasses import dataclass

from azvm_async.emulator.templates.errors import TemplateError
from azvm_async.emulator.templates.model import Document
from azvm_async.emulator.templates.values import kind_of, type_name


@dataclass(frozen=True, slots=True)
class Type:
    """A type.

    Parameters
    ----------
    name : str
        As ARM shows it.
    kind : str
        What its values are, in the words of :func:`~azvm_async.emulator.templates.values.kind_of`.
    expected : str
        What a message says of it.
    """

    name: str
    kind: str
    expected: str

    @property
    def secret(self) -> bool:
        """Whether its values are never shown."""
        return self.name.startswith("Secure")

    def shown(self, value: object) -> Document:
        """Return what ARM shows of a value."""
        return {"type": self.name} if self.secret else {"type": self.name, "value": value}

    def mismatch(self, value: object) -> str | None:
        """Return why a value isn't of this type, ``None`` when it is."""
        if kind_of(value) == self.kind:
            return None
        return f"JToken type is not valid. Expected '{self.expected}'. Actual '{type_name(value)}'"


_TYPES = {
    each.name.lower(): each
    for each in (
        Type("String", "string", "String, Uri"),
        Type("SecureString", "string", "String, Uri"),
        Type("Int", "int", "Integer"),
        Type("Bool", "bool", "Boolean"),
        Type("Object", "object", "Object"),
        Type("SecureObject", "object", "Object"),
        Type("Array", "array", "Array"),
    )
}
_SUPPORTED = ",".join(each.name for each in _TYPES.values())
_DEEPEST = 16


def type_named(name: object, place: str) -> Type:
    """Return a type by its name, in whatever case.

    Raises
    ------
    TemplateError
        When there is none of this name.
    """
    if not isinstance(name, str) or name.lower() not in _TYPES:
        raise TemplateError.invalid(
            f"The template {place} has the type '{name if isinstance(name, str) else type_name(name)}', which is not "
            f"supported. Supported types are '{_SUPPORTED}'"
        )
    return _TYPES[name.lower()]


def resolved(definition: Document, definitions: Document, place: str) -> Document:
    """Return a definition with that put in to which its ``$ref`` points; its own members come first.

    Of user-defined types their JSON type counts, and their limits; the types of properties and items are not checked.
    """
    for _ in range(_DEEPEST):
        if (pointer := definition.get("$ref")) is None:
            return definition
        head, _, name = str(pointer).rpartition("/")
        target = definitions.get(name)
        if head != "#/definitions" or not isinstance(target, dict):
            raise TemplateError.invalid(f"The template {place} refers to the unknown type '{pointer}'")
        definition = {**target, **{key: value for key, value in definition.items() if key != "$ref"}}
        if "$ref" in target:
            definition["$ref"] = target["$ref"]
    raise TemplateError.invalid(f"The template {place} refers to a type that is defined by itself")
