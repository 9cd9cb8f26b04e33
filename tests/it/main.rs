//! All integration tests, in one binary: they link arrow and parquet once.

mod backpressure;
mod cli;
mod dataset;
mod sim;
