"""The studio as Python opens it."""

import urllib.request
from pathlib import Path

import minisim
import pytest


def test_the_page_is_served_and_the_spec_comes_back(tmp_path: Path) -> None:
    spec = minisim.build_spec(minisim.presets.miniscope_v4(), minisim.presets.ca1(), duration_s=2.0)
    with minisim.studio(spec, dir=tmp_path) as studio:
        assert studio.spec == spec
        with urllib.request.urlopen(studio.url) as page:
            assert b"<title>Minisim studio</title>" in page.read()
        assert studio.url in studio._repr_html_().replace("&amp;", "&")
    with pytest.raises(RuntimeError, match="closed"):
        studio.spec


def test_without_a_spec_it_starts_from_a_preset(tmp_path: Path) -> None:
    with minisim.studio(dir=tmp_path) as studio:
        assert studio.spec.acquisition.image_sensor.n_px_height == 608
        assert "brain_motion" in [step.kind for step in studio.spec.steps]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="nowhere"):
        minisim.studio(dir=tmp_path / "nowhere")
