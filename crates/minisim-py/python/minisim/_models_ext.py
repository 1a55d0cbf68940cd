"""What the generated models can do: their methods, and the rules across fields, which the engine checks."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from . import _core

if TYPE_CHECKING:
    from ._models import NeuronPopulation


class SpecWarning(UserWarning):
    """A spec is valid, but perhaps not what is meant."""


class Base(BaseModel):
    """Immutable, and strict about names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PartBase(Base):
    """A part with rules across its own fields, which the engine checks as soon as it is made."""

    @model_validator(mode="after")
    def _check_alone(self) -> Any:
        if found := json.loads(_core.check_part(type(self).__name__, self.model_dump_json())):
            raise ValueError("\n".join(finding["message"] for finding in found))
        return self


class NewFields(Base):
    """A part with fields that the published package does not know: what is written leaves them out while they are as by default, as
    the engine's canonical JSON does."""

    @model_serializer(mode="wrap")
    def _without_new_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            default = field.get_default(call_default_factory=True)
            if isinstance(extra, dict) and "since" in extra and getattr(self, name) == default:
                written.pop(name, None)
        return written


class StepBase(PartBase):
    """One effect of the chain."""


class ImageSensorExt(Base):
    """What a camera does to light."""

    if TYPE_CHECKING:
        quantum_efficiency: Any
        read_noise_e: Any
        gain_adu_per_e: Any
        bit_depth: Any

    def photons_to_counts(self, photons: Any, rng: np.random.Generator) -> NDArray[np.float64]:
        """Counts of a camera that expects ``photons`` at each pixel: Poisson electrons and read noise drawn from ``rng``, times the
        gain, rounded down and clipped. Whole numbers in a float array of the shape of ``photons``."""
        photons = np.ascontiguousarray(getattr(photons, "values", photons), dtype=np.float64)
        detected = rng.poisson(_core.expected_electrons(photons.ravel(), self.quantum_efficiency))
        electrons = detected + rng.normal(0.0, self.read_noise_e, detected.shape)
        counts = _core.counts_from_electrons(electrons, self.gain_adu_per_e, self.bit_depth)
        return counts.reshape(photons.shape)


def _optical_model(acquisition: BaseModel) -> Any:
    text = f'{{"acquisition": {acquisition.model_dump_json()}, "steps": []}}'
    return _core.OpticalModel(text)


class AcquisitionExt(Base):
    """Sizes and conversions of an acquisition."""

    if TYPE_CHECKING:
        optics: Any
        image_sensor: Any
        fps: Any
        duration_s: Any

    @property
    def pixel_size_um(self) -> float:
        """Size of a pixel in the tissue (µm)."""
        return float(self.image_sensor.pixel_pitch_um / self.optics.magnification)

    @property
    def fov_um(self) -> tuple[float, float]:
        """Field of view (height, width) in µm."""
        sensor = self.image_sensor
        return sensor.n_px_height * self.pixel_size_um, sensor.n_px_width * self.pixel_size_um

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(round(self.duration_s * self.fps))

    def um_to_px(self, um: float) -> float:
        """A length in the tissue (µm) as pixels."""
        return um / self.pixel_size_um

    def s_to_frame(self, s: float) -> float:
        """A time (s) as frames."""
        return float(s * self.fps)

    def um_to_index(self, y_um: float, x_um: float, shape: tuple[int, int]) -> tuple[float, float]:
        """A place (µm from the optical axis) as (row, column) of an image of ``shape`` centred on the axis."""
        return (
            (shape[0] - 1) / 2 + self.um_to_px(y_um),
            (shape[1] - 1) / 2 + self.um_to_px(x_um),
        )

    def cell_optics(self, z_um: float, focal_um: float) -> tuple[float, float]:
        """Blur on the sensor (σ, px) and peak brightness of a point at depth ``z_um`` with the focus at ``focal_um``."""
        sigma_px, brightness = _optical_model(self).point_spread(float(z_um), float(focal_um))
        return sigma_px, brightness


def _with(**parts: BaseModel) -> Any:
    from ._models import Acquisition

    return _optical_model(Acquisition(**parts))  # type: ignore[arg-type]


class OpticsExt(Base):
    """What an objective does to a point of light."""

    @property
    def diffraction_sigma_um(self) -> float:
        """Blur of diffraction (σ, µm)."""
        return float(_with(optics=self).diffraction_sigma_um)

    @property
    def resolved_depth_of_field_um(self) -> float:
        """Half depth counted as in focus (µm)."""
        return float(_with(optics=self).depth_of_field_um)

    @property
    def collection_efficiency(self) -> float:
        """Collected light relative to NA 1."""
        return float(_with(optics=self).collection_efficiency)

    def defocus_sigma_um(self, z_um: float, focal_um: float) -> float:
        """Blur of defocus (σ, µm)."""
        return float(_with(optics=self).defocus_sigma_um(float(z_um), float(focal_um)))

    def focal_curvature_shift_um(self, r_um: float) -> float:
        """By how much the focal surface is shallower at distance ``r_um`` from the axis (µm)."""
        return float(_with(optics=self).focal_shift_um(float(r_um)))


class TissueExt(Base):
    """What tissue does to light."""

    @property
    def scatter_mfp_um(self) -> float:
        """Round-trip attenuation length (µm)."""
        return float(_with(tissue=self).scatter_mfp_um)

    def attenuation(self, z_um: float) -> float:
        """Share of light that survives the way down to ``z_um`` and up."""
        return float(_with(tissue=self).attenuation(float(z_um)))

    def scatter_sigma_um(self, z_um: float) -> float:
        """Blur of scatter on the way up from ``z_um`` (σ, µm)."""
        return float(_with(tissue=self).scatter_sigma_um(float(z_um)))


class PlaceNeuronsExt(StepBase):
    """Cells, of one population or several."""

    if TYPE_CHECKING:
        populations: Any

    @property
    def resolved_populations(self) -> list[NeuronPopulation]:
        """``populations``, or the one that the fields describe."""
        from ._models import NeuronPopulation

        if self.populations is not None:
            return list(self.populations)
        return [NeuronPopulation(**{name: getattr(self, name) for name in NeuronPopulation.model_fields})]


class SpecExt(Base):
    """A whole spec."""

    if TYPE_CHECKING:
        steps: Any

    @model_validator(mode="after")
    def _check(self) -> Any:
        from ._models import KINDS

        # The chain runs in the order of light, however it was written.
        self.__dict__["steps"] = sorted(self.steps, key=lambda step: KINDS.index(step.kind))
        _, errors, notes = _core.check_spec(self._text())
        if found := json.loads(errors):
            raise ValueError("\n".join(finding["message"] for finding in found))
        for note in json.loads(notes):
            warnings.warn(note["message"], SpecWarning, stacklevel=4)
        return self

    def _text(self) -> str:
        """The JSON that the engine reads."""
        return self.model_dump_json()

    def cache_key(self) -> str:
        """16 hex digits that name the recording of this spec."""
        return _core.cache_key(self._text())
