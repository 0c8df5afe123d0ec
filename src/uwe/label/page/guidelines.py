"""Guidelines in Markdown, as HTML in which nothing of the text is code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

__all__ = ["guidelines_html"]

_HEADING = re.compile(r"(#{1,4})\s+(.*)")
_BULLET = re.compile(r"\s*[-*+]\s+(.*)")
_NUMBERED = re.compile(r"\s*\d+[.)]\s+(.*)")
_STRONG = re.compile(r"\*\*(.+?)\*\*")
_EMPHASIS = re.compile(r"(?<![\w*])\*([^*\s][^*]*?)\*(?![\w*])")
_CODE = re.compile(r"`([^`]+)`")


def guidelines_html(text: str) -> str:
    """Headings, paragraphs, lists, bold, emphasis and code of Markdown; all else is plain text.

    Everything is escaped first, so that no tag and no address of the text has an effect.

    >>> guidelines_html("# Crows\\n\\n- **black** beak <b>")
    '<h3>Crows</h3>\\n<ul><li><strong>black</strong> beak &lt;b&gt;</li></ul>'
    """
    return "\n".join(_blocks(text.replace("\r\n", "\n").split("\n")))


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.strip().startswith("```"):
            end = next((i for i in range(at + 1, len(lines)) if "```" in lines[i]), len(lines))
            yield f"<pre>{escape(chr(10).join(lines[at + 1 : end]))}</pre>"
            at = end + 1
        elif match := _HEADING.match(line):
            level = min(len(match[1]) + 2, 6)  # the dialog's own title is of level 2
            yield f"<h{level}>{_inline(match[2])}</h{level}>"
            at += 1
        elif _list_of(line) is not None:
            tag = _list_of(line)
            items, at = _run(lines, at, tag)
            yield f"<{tag}>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</{tag}>"
        else:
            words = []
            while at < len(lines) and _is_words(lines[at]):
                words.append(lines[at].strip())
                at += 1
            yield f"<p>{_inline(' '.join(words))}</p>"


def _is_words(line: str) -> bool:
    special = line.strip().startswith("```") or _HEADING.match(line) or _list_of(line)
    return bool(line.strip()) and not special


def _list_of(line: str) -> str | None:
    if _BULLET.match(line):
        return "ul"
    return "ol" if _NUMBERED.match(line) else None


def _run(lines: list[str], at: int, tag: str | None) -> tuple[list[str], int]:
    """The items of one list; a line that is indented goes on with the item before it."""
    items: list[str] = []
    while at < len(lines):
        line = lines[at]
        match = (_BULLET if tag == "ul" else _NUMBERED).match(line)
        if match:
            items.append(match[1])
        elif line[:1] in " \t" and line.strip() and items:
            items[-1] += " " + line.strip()
        else:
            break
        at += 1
    return items, at


def _inline(text: str) -> str:
    html = escape(text)
    html = _CODE.sub(r"<code>\1</code>", html)
    html = _STRONG.sub(r"<strong>\1</strong>", html)
    return _EMPHASIS.sub(r"<em>\1</em>", html)
