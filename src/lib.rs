//! A dataflow pipeline for the TMDB API, driven by a YAML file, that ends in Parquet.

pub mod bench;
pub mod cli;
pub mod engine;
pub mod event;
pub mod mock;
pub mod plan;
pub mod project;
pub mod report;
pub mod run;
pub mod sink;
pub mod spec;
pub mod store;
pub mod tmdb;
