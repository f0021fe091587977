"""The axis of time that all parts of the picture share: which moment stands where, and what is written under it."""

import math
from typing import NamedTuple

from azvm_async.fleet.timeline.markup import Element, element

LEFT, RIGHT, WIDTH = 190.0, 975.0, 1000.0
"""Where time begins and ends, and the picture: on the left stand names."""

HEIGHT = 18.0
"""Of what is written."""

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)
_MOST_TICKS = 12
_MINUTE, _HOUR = 60, 3_600


class Axis(NamedTuple):
    """Time from a moment on, in seconds since 1970, and its length."""

    began: float
    seconds: float

    def x(self, at: float) -> float:
        """Return where a moment stands; what is before or after stands at the edge."""
        part = min(1.0, max(0.0, (at - self.began) / self.seconds))
        return round(LEFT + part * (RIGHT - LEFT), 1)

    def ticks(self) -> list[float]:
        """Return seconds from the beginning that are worth a line, a dozen at most."""
        step = next((each for each in _STEPS if self.seconds / each <= _MOST_TICKS), None)
        step = step or math.ceil(self.seconds / _MOST_TICKS / _STEPS[-1]) * _STEPS[-1]
        return [float(second) for second in range(0, math.floor(self.seconds) + 1, step)]

    def lines(self, height: float) -> list[Element]:
        """Return the lines of the ticks over a height, and their words below."""
        found = []
        for tick in self.ticks():
            x = self.x(self.began + tick)
            found.append(element("path", class_="tick", d=f"M{x} 0V{height}"))
            found.append(element("text", said(tick), class_="time", x=x, y=height + 12))
        return found


def said(seconds: float) -> str:
    """Return a length of time as one says it: ``45 s``, ``1:30 min``, ``2:05 h``."""
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02} min"
    return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02} h"
