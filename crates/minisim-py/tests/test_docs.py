"""Every block of code in the documentation runs, in the order of its page."""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import sysconfig
import types

import pytest

ROOT = pathlib.Path(__file__).parents[3]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), pathlib.Path(__file__).parents[1] / "README.md"])
#: A fenced block: its language, its title, its text.
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def program(name: str) -> list[str]:
    """How a program that a page calls is started here."""
    if name == "minisim":
        return [sys.executable, "-m", "minisim._cli"]
    assert name == "ffmpeg", name
    return [pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()]


def command(line: str) -> None:
    """Runs one line of commands, with `| PROGRAM` and `> FILE` where there are any."""
    line, _, target = line.partition(" > ")
    words = [shlex.split(part, comments=True) for part in line.split(" | ")]
    assert words[0][0] == "minisim", line
    output = b""
    for name, *arguments in words:
        done = subprocess.run([*program(name), *arguments], input=output, capture_output=True, timeout=300)
        assert done.returncode == 0, f"{line}\n{done.stderr.decode()}"
        output = done.stdout
    if target:
        pathlib.Path(target.strip()).write_bytes(output)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Where the command is installed.
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    module = types.ModuleType("page")
    # Sent to other threads by dask, so functions must be found by name.
    monkeypatch.setitem(sys.modules, "page", module)
    module.__dict__["__name__"] = "page"
    for language, title, text in BLOCK.findall(page.read_text()):
        if language == "python":
            exec(compile(text, str(page), "exec"), module.__dict__)
        elif language == "console":
            for line in text.strip().splitlines():
                command(line)
        elif title:
            pathlib.Path(title).write_text(text)
