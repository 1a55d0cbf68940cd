"""A recording: the film and everything that is true about it."""

from ._recording import (
    GroundTruth as GroundTruth,
    Recording as Recording,
    RecordingFormatWarning as RecordingFormatWarning,
)
from .steps import detection_snr as detection_snr, sample_field_at as sample_field_at

__all__ = [
    "GroundTruth",
    "Recording",
    "RecordingFormatWarning",
    "detection_snr",
    "sample_field_at",
]
