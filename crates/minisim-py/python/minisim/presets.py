"""Scopes and brain regions to start from: any scope goes with any region.

    spec = build_spec(miniscope_v4(), ca1(), duration_s=60)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, Optional, Union

from pydantic import Field

from . import _core
from ._models import (
    Acquisition,
    AnyStep,
    CellActivity,
    CellOptics,
    Composite,
    IlluminationProfile,
    ImageSensor,
    Leakage,
    NeuronPopulation,
    Neuropil,
    Optics,
    Output,
    PlaceNeurons,
    Sensor,
    Spec,
    Tissue,
    Vasculature,
    Vignette,
)
from ._models_ext import Base


class Scope(Base):
    """A microscope: what is fixed to the animal's head."""

    optics: Optics = Field(description="The objective.")
    image_sensor: ImageSensor = Field(description="The image sensor.")
    illumination: Optional[IlluminationProfile] = Field(default=None, description="How the LED lights the field; None = evenly.")
    vignette: Optional[Vignette] = Field(default=None, description="How the lens darkens the edges; None = not at all.")
    leakage: Optional[Leakage] = Field(default=None, description="Light that no cell emits; None = none.")
    photons_per_unit: float = Field(default=100.0, gt=0, description="Photons per fluorescence unit, pixel and frame.")
    focal_depth_in_tissue_um: Union[Literal["auto"], float] = Field(default="auto", description="Depth of the focal plane. [µm]")
    front_working_distance_um: Optional[float] = Field(default=None, description="Working distance. [µm]")

    @property
    def pixel_size_um(self) -> float:
        """Size of a pixel in the tissue (µm)."""
        return self._acquisition().pixel_size_um

    @property
    def fov_um(self) -> tuple[float, float]:
        """Field of view (height, width) in µm."""
        return self._acquisition().fov_um

    def _acquisition(self, **more: Any) -> Acquisition:
        return Acquisition(
            optics=self.optics,
            image_sensor=self.image_sensor,
            focal_depth_in_tissue_um=self.focal_depth_in_tissue_um,
            front_working_distance_um=self.front_working_distance_um,
            **more,
        )


class Region(Base):
    """A brain region: what is under the scope."""

    population: NeuronPopulation = Field(description="The cells.")
    tissue: Tissue = Field(default_factory=Tissue, description="How the tissue scatters light.")
    neuropil: Optional[Neuropil] = Field(default=None, description="The haze; None = none.")
    vasculature: Optional[Vasculature] = Field(default=None, description="The vessels; None = none.")


@lru_cache(maxsize=None)
def _parts(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A preset's acquisition, and its steps by kind."""
    spec = json.loads(_core.preset_spec(name))
    return spec["acquisition"], {step["kind"]: step for step in spec["steps"]}


def _scope(preset: str) -> Scope:
    acquisition, steps = _parts(preset)
    return Scope(
        optics=acquisition["optics"],
        image_sensor=acquisition["image_sensor"],
        illumination=steps.get("illumination_profile"),
        vignette=steps.get("vignette"),
        leakage=steps.get("leakage"),
        photons_per_unit=steps["sensor"]["photons_per_unit"],
        focal_depth_in_tissue_um=acquisition["focal_depth_in_tissue_um"],
        front_working_distance_um=acquisition["front_working_distance_um"],
    )


def _region(preset: str) -> Region:
    acquisition, steps = _parts(preset)
    cells = PlaceNeurons.model_validate(steps["place_neurons"])
    return Region(
        population=cells.resolved_populations[0],
        tissue=acquisition["tissue"],
        neuropil=steps.get("neuropil"),
        vasculature=steps.get("vasculature"),
    )


def miniscope_v4() -> Scope:
    """UCLA Miniscope V4."""
    return _scope("v4-ca1")


def generic_1p() -> Scope:
    """A plain one-photon microscope: small field, even light."""
    return _scope("generic-ca1")


def ca1() -> Region:
    """Hippocampal CA1: a dense, thin layer."""
    return _region("v4-ca1")


def cortex_l23() -> Region:
    """Cortical layer 2/3: sparse cells, large vessels."""
    return _region("v4-cortex-l23")


def build_spec(
    scope: Scope,
    region: Region,
    *,
    duration_s: float = 150.0,
    fps: float = 20.0,
    seed: int = 0,
    populations: Optional[Sequence[NeuronPopulation]] = None,
    activity: Optional[CellActivity] = None,
    sensor: Optional[Sensor] = None,
    extra_steps: Sequence[AnyStep] = (),
    include_neuropil: bool = True,
    include_vasculature: bool = True,
    include_scope_fields: bool = True,
    save_intermediates: bool = False,
) -> Spec:
    """A spec for a scope over a region. ``extra_steps`` are added, or take the place of a step of their kind."""
    steps: list[Any] = [
        PlaceNeurons(populations=list(populations) if populations is not None else [region.population]),
        activity if activity is not None else CellActivity(),
        CellOptics(),
        Composite(),
        region.neuropil if include_neuropil else None,
        region.vasculature if include_vasculature else None,
        scope.illumination if include_scope_fields else None,
        scope.vignette if include_scope_fields else None,
        scope.leakage if include_scope_fields else None,
        sensor if sensor is not None else Sensor(photons_per_unit=scope.photons_per_unit),
    ]
    replaced = {step.kind for step in extra_steps}
    return Spec(
        acquisition=scope._acquisition(tissue=region.tissue, duration_s=duration_s, fps=fps),
        seed=seed,
        steps=[step for step in steps if step is not None and step.kind not in replaced] + list(extra_steps),
        output=Output(save_intermediates=save_intermediates),
    )
