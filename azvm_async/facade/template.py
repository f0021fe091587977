"""What a config has deployed: its template, and the parameters that it lists, each of which a caller may set anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from azvm_async import templates
from azvm_async.protocol.ids import short_name
from azvm_async.protocol.template import declared, declared_name, needed, not_secure


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A template with the parameters of a config.

    Parameters
    ----------
    template : Mapping, optional
        ``None`` where the config names none: nothing can be provisioned then.
    parameters : Mapping[str, object]
        By name; custom data of a file is among them.
    """

    template: Mapping[str, Any] | None
    parameters: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Read the template and the file that a config names; a template may stand in the place of its path.

        Raises
        ------
        ValueError
            When there are two custom data, or a file can't be read.
        """
        source = config.get("deploymentTemplatePath")
        parameters = dict(config.get("deploymentTemplateParameters") or {})
        if config.get("customDataFile"):
            refuse_two_custom_data(parameters)
            parameters["customData"] = templates.text_of(Path(config["customDataFile"]), "customDataFile")
        return cls(templates.template_of(source) if source else None, parameters)

    def filled(self, params: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is sent, of what the template declares.

        Parameters
        ----------
        params : Mapping
            What a caller sets: it overrides listed parameters.
        config : Mapping
            Config and params: what the template needs and nobody lists is found here.

        Raises
        ------
        ValueError
            When there is no template.
        """
        if self.template is None:
            raise ValueError("Missing deployment template: the config has no deploymentTemplatePath")
        names = {name.lower() for name in self.parameters}
        found = {name: config[name] for name in needed(self.template) if name in config and name.lower() not in names}
        listed = {name: params.get(name, value) for name, value in self.parameters.items()}
        known = declared(self.template)
        return {
            name: _typed(name, value, known[spelt])
            for name, value in {**found, **listed}.items()
            if (spelt := declared_name(self.template, name)) is not None
        }

    def shown(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Return of what is sent what is no secret."""
        assert self.template is not None  # noqa: S101 - it was filled
        spelt = {declared_name(self.template, name): {"value": value} for name, value in sent.items()}
        open_ones = not_secure(self.template, {name: value for name, value in spelt.items() if name})
        return {name: value["value"] for name, value in open_ones.items() if name.lower() != "customdata"}


def refuse_two_custom_data(parameters: Mapping[str, Any]) -> None:
    """Refuse custom data among the parameters where a file brings them, too.

    Raises
    ------
    ValueError
        When they are there.
    """
    if parameters.get("customData"):
        raise ValueError("Give customData or customDataFile, not both")


def _typed(name: str, value: object, about: Mapping[str, Any]) -> object:
    """Return a value as the template wants it: command lines know only text, and a VM may be named by its ARM id."""
    kind = str(about.get("type", "")).lower()
    if not isinstance(value, str):
        return value
    if kind == "int" and value.strip().lstrip("-").isdecimal():
        return int(value)
    if kind == "bool" and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return short_name(value) if name.lower() == "vmname" and value.startswith("/") else value
