"""Elements of a page that is HTML and XML at once: what stands in them is text, whatever it says."""

import re
from xml.etree import ElementTree as ET

Element = ET.Element

_UNFIT = re.compile("[^\t\n -~\u00a0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no place for, and what turns the direction of the text after it."""

SVG = "http://www.w3.org/2000/svg"
_DOCTYPE = "<!DOCTYPE html>\n"


def element(tag: str, *content: "str | Element", **attributes: object) -> Element:
    """Return an element; of a name of Python's, or one with a dash, the attribute's is written ``class_``, ``aria_label``."""
    made = ET.Element(tag, {_named(name): fit(str(value)) for name, value in attributes.items()})
    last: Element | None = None
    for each in content:
        if isinstance(each, str):
            _write(made, last, fit(each))
        else:
            made.append(each)
            last = each
    return made


def picture(name: str, title: str, told: str, size: tuple[float, float], *content: Element) -> Element:
    """Return a picture of a width and a height, which a screen reader tells by a title and in words."""
    words = [element("title", title, id=f"{name}-title"), element("desc", told, id=f"{name}-told")]
    return element(
        "svg",
        *words,
        *content,
        xmlns=SVG,
        viewBox=f"0 0 {size[0]:g} {size[1]:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-told",
    )


def fit(text: str) -> str:
    """Return a text without what can't be shown."""
    return _UNFIT.sub("\ufffd", text)


def page(root: Element) -> str:
    """Return a page's text."""
    return _DOCTYPE + ET.tostring(root, encoding="unicode") + "\n"


def _named(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _write(made: Element, last: Element | None, text: str) -> None:
    """Put a text behind what there is."""
    if last is None:
        made.text = (made.text or "") + text
    else:
        last.tail = (last.tail or "") + text
