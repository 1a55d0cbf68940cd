"""The studio inside Python: a page that tunes a recording by eye."""

from __future__ import annotations

import html
from os import PathLike
from typing import TYPE_CHECKING, Optional, Union

from . import _core

if TYPE_CHECKING:
    from ._models import Spec


class Studio:
    """A running studio. In Jupyter it shows its page; `spec` is what is set there now."""

    def __init__(self, server: _core.StudioServer, height: int) -> None:
        self._server = server
        self._height = height

    @property
    def url(self) -> str:
        """The page's address, for any browser on this machine."""
        return self._server.url

    @property
    def spec(self) -> Spec:
        """The page's newest valid configuration."""
        from ._models import Spec

        return Spec.model_validate_json(self._server.spec())

    def close(self) -> None:
        """Ends the studio; recordings that are still being written are given up."""
        self._server.close()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Studio({self.url!r})"

    def _repr_html_(self) -> str:
        url = html.escape(self.url, quote=True)
        return (
            f'<iframe src="{url}" width="100%" height="{self._height}" style="border:0" '
            f'allow="clipboard-write" title="Minisim studio"></iframe><p><a href="{url}" target="_blank">'
            "Open in a tab of its own</a></p>"
        )


def studio(
    spec: Optional[Spec] = None,
    *,
    dir: Union[str, PathLike[str]] = ".",
    port: int = 0,
    height: int = 820,
) -> Studio:
    """Opens the studio; in Jupyter, end a cell with it to see the page there.

    Args:
        spec: what to start from; a Miniscope V4 over CA1 if not given.
        dir: the folder that the page writes recordings to; it writes nowhere else.
        port: TCP port on this machine; any free one if 0.
        height: height of the page in a notebook (px).

    Raises:
        RuntimeError: the folder or the port cannot be used.
    """
    text = _core.starting_spec() if spec is None else spec.model_dump_json()
    return Studio(_core.StudioServer(text, dir, port), height)
