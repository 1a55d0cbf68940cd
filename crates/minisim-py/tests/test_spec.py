"""Specs: the published package's, to the letter; and what users see of wrong ones."""

import json
import pickle
import subprocess
import sys
import warnings

import pydantic
import pytest

import minisim
from minisim import Acquisition, BrainMotion, Composite, Optics, PlaceNeurons, Sensor, Spec, SpecWarning, VesselLayer, _models_ext


def test_every_published_case(spec_cases):
    accepted = refused = 0
    for case in spec_cases:
        text = json.dumps(case["input"])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if case["error"]:
                with pytest.raises(pydantic.ValidationError):
                    Spec.model_validate_json(text)
                refused += 1
                continue
            spec = Spec.model_validate_json(text)
        assert spec.model_dump_json() == case["json"]
        assert spec.cache_key() == case["cache_key"]
        if case["warnings"] is not None:
            assert any(issubclass(w.category, SpecWarning) for w in caught) == bool(case["warnings"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert Spec.model_validate_json(spec.model_dump_json()) == spec
        accepted += 1
    assert accepted > 80 and refused > 3


def test_models_behave_like_pydantic():
    spec = Spec(steps=[Sensor(), PlaceNeurons(), Composite()], seed=3)
    assert [step.kind for step in spec.steps] == ["place_neurons", "composite", "sensor"]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert spec.model_copy(update={"seed": 4}).seed == 4
    with pytest.raises(pydantic.ValidationError):
        spec.seed = 5
    with pytest.raises(pydantic.ValidationError, match="nna"):
        Optics(nna=0.3)
    with pytest.raises(pydantic.ValidationError, match="greater than 0"):
        Optics(na=-1)
    for value in (float("nan"), float("inf"), "wide", None):
        with pytest.raises(pydantic.ValidationError):
            Optics(na=value)
    assert Spec.model_validate(spec.model_dump()) == spec


def test_rules_across_fields_come_from_the_engine():
    with pytest.raises(pydantic.ValidationError, match="sensor"):
        Spec(steps=[Sensor(), Sensor()])
    with pytest.raises(pydantic.ValidationError, match="soma diameter"):
        Spec(steps=[PlaceNeurons(soma_radius_um=500)])
    with pytest.warns(SpecWarning, match="5 %"):
        Spec(steps=[Composite(), BrainMotion(motion_amplitude_um=14)])


def test_descriptions_with_units_are_in_help():
    assert "emission_nm [nm]" in Optics.__doc__
    assert "[µm]" in VesselLayer.model_fields["depth_um"].description
    assert Acquisition.model_json_schema()["$defs"]["Optics"]["properties"]["emission_nm"]["unit"] == "nm"


def test_helpers_of_the_acquisition():
    # Numbers of the published package.
    acq = Acquisition()
    sigma_px, brightness = acq.cell_optics(50, 100)
    assert (sigma_px, brightness) == pytest.approx((60.372769431995486, 0.0013911466924078747), rel=1e-6)
    assert acq.um_to_index(3, 4, (10, 12)) == pytest.approx((12.5, 16.166666666666664))
    assert (acq.n_frames, acq.fov_um, acq.pixel_size_um) == (3000, (96.0, 96.0), 0.375)
    assert (acq.um_to_px(3.0), acq.s_to_frame(1.5)) == (8.0, 30.0)
    assert acq.optics.collection_efficiency == pytest.approx(0.2025)
    assert acq.optics.diffraction_sigma_um == pytest.approx(0.245)
    assert acq.optics.defocus_sigma_um(50, 100) == pytest.approx(22.5)
    assert acq.optics.resolved_depth_of_field_um == pytest.approx(3.448148148148148)
    assert Optics(field_curvature_radius_um=2500).focal_curvature_shift_um(100) == pytest.approx(2.000800640640591)
    assert acq.tissue.attenuation(50) == pytest.approx(0.5580351457700471)
    assert acq.tissue.scatter_mfp_um == pytest.approx(85.71428571428571)
    assert acq.tissue.scatter_sigma_um(50) == pytest.approx(2.5)


def test_every_name_is_there_and_import_is_light():
    for name in minisim.__all__:
        assert getattr(minisim, name) is not None
    assert set(minisim.__all__) <= set(dir(minisim))
    with pytest.raises(AttributeError, match="simulat"):
        minisim.simulat
    code = "import sys, minisim; print(sorted({'numpy', 'pydantic', 'xarray'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_fields_unknown_to_the_published_package_are_written_only_when_used():
    class Lamp(_models_ext.NewFields):
        power_mw: float = 1.0
        drift_s: float = pydantic.Field(default=60.0, json_schema_extra={"unit": "s", "since": "0.2"})

    class Rig(_models_ext.Base):
        lamps: list[Lamp] = pydantic.Field(default_factory=lambda: [Lamp()])

    assert Rig().model_dump_json() == '{"lamps":[{"power_mw":1.0}]}'
    used = Rig(lamps=[Lamp(drift_s=30.0)])
    assert used.model_dump() == {"lamps": [{"power_mw": 1.0, "drift_s": 30.0}]}
    assert Rig.model_validate_json(Rig().model_dump_json()) == Rig()
    assert Rig.model_validate_json(used.model_dump_json()) == used
