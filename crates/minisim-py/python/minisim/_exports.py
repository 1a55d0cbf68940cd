# Written by `cargo xtask codegen` from the Rust types: do not edit.
"""Names of the models of a spec."""

MODELS: tuple[str, ...] = (
    "Acquisition",
    "AnyStep",
    "AxialMotion",
    "Bleaching",
    "BrainMotion",
    "CellActivity",
    "CellOptics",
    "Composite",
    "IlluminationProfile",
    "ImageSensor",
    "Leakage",
    "NeuronPopulation",
    "Neuropil",
    "Optics",
    "Output",
    "PlaceNeurons",
    "Sensor",
    "Spec",
    "Tissue",
    "Vasculature",
    "VesselLayer",
    "Vignette",
)
