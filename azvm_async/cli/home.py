"""Where the user is at home: the subscription and resource group that are meant where a command names none.

The environment comes before the Azure CLI's own files, of which only the two defaults are read, never a credential. A file
that is missing or spoilt says nothing: whoever has no default names what is meant.
"""

import configparser
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def subscription(environ: Mapping[str, str]) -> str | None:
    """Return the default subscription: ``AZURE_SUBSCRIPTION_ID``, or that of ``az account set``."""
    return environ.get("AZURE_SUBSCRIPTION_ID") or _of_profile(_text(_folder(environ) / "azureProfile.json"))


def resource_group(environ: Mapping[str, str]) -> str | None:
    """Return the default resource group: ``AZURE_RESOURCE_GROUP``, or that of ``az config set defaults.group``."""
    named = environ.get("AZURE_RESOURCE_GROUP") or environ.get("AZURE_DEFAULTS_GROUP")
    return named or _of_config(_text(_folder(environ) / "config"))


def _folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("AZURE_CONFIG_DIR") or "~/.azure").expanduser()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")  # the Azure CLI writes a byte order mark
    except (OSError, ValueError):
        return ""


def _of_profile(text: str) -> str | None:
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    listed = document.get("subscriptions") if isinstance(document, dict) else None
    known = [each for each in (listed if isinstance(listed, list) else []) if isinstance(each, dict)]
    return next((str(each["id"]) for each in known if each.get("isDefault") is True and each.get("id")), None)


def _of_config(text: str) -> str | None:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return parser.get("defaults", "group", fallback="").strip() or None
