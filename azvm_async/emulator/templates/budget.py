"""How much work a template may make: so that none, however it is written, can hang the emulator."""

from typing import Any

from azvm_async.emulator.templates.errors import TemplateError

_STEPS = 2_000_000
_LETTERS_A_STEP = 64


class Budget:
    """Steps left for the evaluation of a template; a step is a node of a document or of an expression."""

    def __init__(self, steps: int = _STEPS) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps, or refuse the template when there are none left."""
        self._left -= steps
        if self._left < 0:
            raise TemplateError.invalid("The template is too large: its evaluation takes too many steps")

    def weigh(self, value: object) -> None:
        """Take a step for every node of a value, and more for long strings."""
        pending = [value]
        while pending:
            each = pending.pop()
            if isinstance(each, str):
                self.spend(1 + len(each) // _LETTERS_A_STEP)
                continue
            self.spend()
            if isinstance(each, list):
                pending.extend(each)
            elif isinstance(each, dict):
                pending.extend(each)
                pending.extend(each.values())

    def copied(self, value: Any) -> Any:
        """Return a copy that shares nothing with ``value``, paid node by node."""
        self.spend(1 + (len(value) // _LETTERS_A_STEP if isinstance(value, str) else 0))
        if isinstance(value, list):
            return [self.copied(each) for each in value]
        if isinstance(value, dict):
            return {key: self.copied(each) for key, each in value.items()}
        return value
