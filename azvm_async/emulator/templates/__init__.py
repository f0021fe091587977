"""The language of ARM templates: a template and its parameters go in, the resources to deploy come out.

:func:`expand` evaluates at once what needs no run-time state: names, conditions, copies, dependencies. The rest, which
may call ``reference()``, is evaluated by :meth:`Planned.document` and :meth:`Expanded.outputs` when it is needed.
Nothing in here knows a clock, chance or the emulated world: they come in as :class:`Site` and :class:`References`.
"""

from azvm_async.emulator.templates.errors import TemplateError
from azvm_async.emulator.templates.expansion import Expanded, expand
from azvm_async.emulator.templates.model import Document, Nested, References, Site
from azvm_async.emulator.templates.planned import Planned

__all__ = ["Document", "Expanded", "Nested", "Planned", "References", "Site", "TemplateError", "expand"]
