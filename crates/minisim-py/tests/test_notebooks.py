"""The notebooks that come with the package are copied, and run from top to bottom."""

import json
import sys

import pytest

from minisim._notebooks import HOME, copy, main, names


def test_list_and_copy(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["list"]) == 0
    assert capsys.readouterr().out.split() == names()
    assert {"quickstart", "01_anatomy", "02_demixing", "03_metrics", "04_hard_films", "build_recording"} == set(names())
    assert main(["copy", "quickstart"]) == 0
    assert (tmp_path / "minisim-notebooks" / "quickstart" / "quickstart.ipynb").is_file()
    assert "jupyter lab" in capsys.readouterr().out
    assert main(["copy", "quickstart"]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["copy", "quickstart", "--force"]) == 0
    assert main(["copy", "quickstart", "mine"]) == 0 and (tmp_path / "mine" / "quickstart.ipynb").is_file()
    assert main(["copy", "nothing"]) == 2
    with pytest.raises(ValueError, match="quickstart"):
        copy("nothing")


@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("default")
def test_it_runs(name, tmp_path, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    pytest.importorskip("ipywidgets")
    # Reduced fields and durations, where nobody looks.
    monkeypatch.setenv("MINISIM_NOTEBOOK_SMALL", "1")
    monkeypatch.chdir(tmp_path)
    for path in sorted((HOME / name).glob("*.ipynb")):
        space: dict[str, object] = {"__name__": "notebook"}
        for cell in json.loads(path.read_text())["cells"]:
            assert not cell.get("outputs"), "outputs are not kept in the repository"
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"{path.name}", "exec"), space)
    sys.modules["matplotlib.pyplot"].close("all")
