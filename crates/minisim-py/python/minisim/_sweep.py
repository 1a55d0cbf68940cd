"""Many specs from one: the Cartesian product of what varies."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from ._models import Spec


class SweptSpec(Spec):
    """A spec of a sweep, with the values that make it differ."""

    axes: dict[str, Any] = Field(default_factory=dict, exclude=True, description="Path and value of each axis.")


def _plain(value: Any) -> Any:
    """A value as JSON has it: numpy's numbers become Python's."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    """Sets the field at ``path``; the last part must be a known field of what the rest leads to."""
    parts = path.split(".")
    node: Any = tree
    for i, part in enumerate(parts):
        last = i + 1 == len(parts)
        if i == 1 and parts[0] == "steps":
            kinds = [step["kind"] for step in node]
            if part not in kinds:
                raise ValueError(f"no step of kind {part!r} in sweep path {path!r}; the spec has {', '.join(kinds)}")
            if last:
                raise ValueError(f"sweep path {path!r} stops at a step; name one of its fields")
            node = node[kinds.index(part)]
            continue
        if not isinstance(node, dict):
            raise ValueError(f"sweep path {path!r} descends into {parts[i - 1]!r}, which has no fields")
        if part not in node:
            raise ValueError(f"unknown field {part!r} in sweep path {path!r}; the fields there are {', '.join(node)}")
        if last:
            node[part] = _plain(value)
        else:
            node = node[part]


def sweep(base: Spec, axes: Mapping[str, Sequence[Any]]) -> Iterator[SweptSpec]:
    """One spec for each combination of the axes' values, the last axis varying fastest.

    Axes are dotted paths: ``"acquisition.optics.na"``, ``"steps.place_neurons.density_per_mm3"``, ``"seed"``. Every spec is checked;
    its ``axes`` say which point it is, and are in neither its JSON nor its cache key.
    """
    text = base._text()
    # All paths are tried before the first spec is handed out.
    for path in axes:
        _put(json.loads(text), path, None)
    for values in itertools.product(*axes.values()):
        tree = json.loads(text)
        point = dict(zip(axes, values))
        for path, value in point.items():
            _put(tree, path, value)
        yield SweptSpec(**tree, axes=point)
