//! All integration tests, in one binary: they link arrow and parquet once.

mod backpressure;
mod dataset;
mod sim;
