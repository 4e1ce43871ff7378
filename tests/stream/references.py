"""Whether a JSON document's references lead somewhere in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def assert_references_lead_somewhere(document: dict[str, Any]) -> None:
    references = list(_references_in(document))
    assert references
    for reference in references:
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def _references_in(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for child in node.values():
            yield from _references_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references_in(child)
