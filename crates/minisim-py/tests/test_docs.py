"""Every block of code in the documentation runs, in the order of its page."""

import pathlib
import re
import shlex
import subprocess
import sys
import types

import pytest

ROOT = pathlib.Path(__file__).parents[3]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), pathlib.Path(__file__).parents[1] / "README.md"])
#: A fenced block: its language, its title, its text.
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def command(line: str) -> None:
    """Runs one `minisim …` line, with `> FILE` where there is one."""
    line, _, target = line.partition(" > ")
    words = shlex.split(line, comments=True)
    assert words[0] == "minisim", line
    done = subprocess.run([sys.executable, "-m", "minisim._cli", *words[1:]], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    if target:
        pathlib.Path(target.strip()).write_text(done.stdout)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
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
