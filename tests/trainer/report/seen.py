"""What somebody who opens a page, or a program that reads it, finds there."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "source", "img"}


@dataclass
class Seen(HTMLParser):
    """Texts, pictures and tables of a page; refuses tags that are closed in another order than opened."""

    rows: list[list[str]] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    alternatives: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    metas: list[dict[str, str | None]] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attributes)
        if tag not in VOID:
            self._open.append(tag)
        match tag:
            case "tr":
                self.rows.append([])
            case "th" | "td":
                self.rows[-1].append("")
            case "caption":
                self.captions.append("")
            case "img":
                self.alternatives.append(found["alt"] or "")
            case "meta":
                self.metas.append(found)
        self.references += [found[name] or "" for name in ("src", "srcset", "href") if name in found]
        self.identities += [found["id"] or ""] if "id" in found else []

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        match self._open[-1:]:
            case ["th" | "td"]:
                self.rows[-1][-1] += data
            case ["caption"]:
                self.captions[-1] += data
        self.text += data


def look_at(page: Path) -> Seen:
    seen = Seen()
    seen.feed(page.read_text(encoding="utf-8"))
    seen.close()
    assert not seen._open
    return seen
