//! A dataflow pipeline for the TMDB API, driven by a YAML file, that ends in Parquet.

pub mod plan;
pub mod project;
pub mod spec;
