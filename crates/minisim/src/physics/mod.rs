//! Pure numbers to numbers: formulas that more than one step needs.

pub mod blur;
pub mod branching;
pub mod camera;
pub mod defocus;
pub mod detection;
pub mod falloff;
pub mod focus;
pub mod locomotion;
pub mod lowpass;
pub mod noise;
pub mod optics;
