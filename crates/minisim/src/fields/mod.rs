//! Fields of the spec: how a struct is declared once, its bounded numbers, documents as trees, and findings about them.

pub(crate) mod finding;
pub(crate) mod hints;
pub(crate) mod node;
pub(crate) mod num;
pub(crate) mod record;
pub(crate) mod since;
