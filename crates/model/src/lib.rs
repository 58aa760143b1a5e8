//! model

pub mod selection;
pub mod universe;
