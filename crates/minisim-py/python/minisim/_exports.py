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
    "Haemodynamics",
    "IlluminationProfile",
    "ImageSensor",
    "Leakage",
    "Led",
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
