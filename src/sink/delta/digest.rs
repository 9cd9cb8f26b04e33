//! Values of a key as one number.
//!
//! Invariant: two rows have the same number if and only if their values are the same, but for an accident of one in 2^128 for
//! each pair: the number is XXH3-128 over an encoding that tells all values apart.

use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use xxhash_rust::xxh3::xxh3_128;

/// Turns the columns of a key into numbers, a row at a time.
pub(super) struct Digests(RowConverter);

impl Digests {
    /// For columns like `fields`.
    pub fn new<'a>(fields: impl Iterator<Item = &'a Field>) -> Result<Self, ArrowError> {
        Ok(Self(RowConverter::new(fields.map(|field| SortField::new(field.data_type().clone())).collect())?))
    }

    /// The numbers of all rows.
    pub fn of(&self, columns: &[ArrayRef]) -> Result<Vec<u128>, ArrowError> {
        let rows = self.0.convert_columns(columns)?;
        Ok(rows.iter().map(|row| xxh3_128(row.as_ref())).collect())
    }
}
