//! The columns of a load beside those of the table: what can be brought together, and what is refused with the difference.
//!
//! Does not belong here: the types of a pipeline file (`crate::spec`).
//!
//! Invariant: what is let through, the log can say: a column that is new and may be null, and one that may be null from now on.
//! Everything else would need files to be written anew, or a reader that converts.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::Schema as ArrowSchema;
use delta_kernel::engine::arrow_conversion::{TryFromArrow as _, TryIntoArrow as _};
use delta_kernel::expressions::ColumnName;
use delta_kernel::schema::{DataType, PrimitiveType, StructField, StructType};
use delta_kernel::table_features::{ColumnMappingMode, TableFeature};
use delta_kernel::{Snapshot, SnapshotRef};

use crate::sink::error::SinkError;

/// What has to change in a table before a load fits.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Columns that come.
    pub added: Vec<StructField>,
    /// Columns that may be null from now on.
    pub nullable: Vec<ColumnName>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.nullable.is_empty()
    }
}

/// Columns in Delta's words.
pub(super) fn to_delta(path: &Path, schema: &ArrowSchema) -> Result<StructType, SinkError> {
    StructType::try_from_arrow(schema).map_err(|error| SinkError::Delta {
        what: "describe the columns of",
        path: path.to_path_buf(),
        source: Box::new(error),
    })
}

/// Columns in Arrow's words.
pub(super) fn to_arrow(path: &Path, schema: &StructType) -> Result<Arc<ArrowSchema>, SinkError> {
    let schema: ArrowSchema = schema.try_into_arrow().map_err(|error| SinkError::Delta {
        what: "describe the columns of",
        path: path.to_path_buf(),
        source: Box::new(error),
    })?;
    Ok(Arc::new(schema))
}

/// What a table has to change for rows of `load`, partitioned by `partition_by`.
pub(super) fn changes(
    path: &Path,
    snapshot: &SnapshotRef,
    load: &StructType,
    partition_by: &[String],
) -> Result<Changes, SinkError> {
    let refused = |difference: String| Err(SinkError::OtherDelta { path: path.to_path_buf(), difference });
    if let Some(feature) = unknown_feature(snapshot) {
        return refused(format!("it uses `{feature}`, which this program does not write"));
    }
    let there = snapshot.table_configuration().logical_partition_columns();
    if there != partition_by {
        return refused(format!(
            "it is partitioned by {}, this run by {}",
            names(there.iter().map(String::as_str)),
            names(partition_by.iter().map(String::as_str))
        ));
    }
    let table = snapshot.schema();
    let mut changes = Changes::default();
    for field in table.fields() {
        let Some(wanted) = load.field(field.name()) else {
            return refused(format!("{} is there, and no such column would come", words(field)));
        };
        if wanted.data_type() != field.data_type() {
            let hint = if is_wider(field.data_type(), wanted.data_type()) {
                "; the type of a column that has rows cannot be widened"
            } else {
                ""
            };
            return refused(format!("{} is there, {} would come{hint}", words(field), words(wanted)));
        }
        if wanted.is_nullable() && !field.is_nullable() {
            changes.nullable.push(ColumnName::new([field.name().as_str()]));
        }
    }
    for field in load.fields().filter(|field| table.field(field.name()).is_none()) {
        if !field.is_nullable() {
            return refused(format!(
                "{} would come, and the rows that are there have no value for it",
                words(field)
            ));
        }
        changes.added.push(field.clone());
    }
    Ok(changes)
}

/// Something about the table that this program would break without knowing.
fn unknown_feature(snapshot: &Snapshot) -> Option<String> {
    let table = snapshot.table_configuration();
    if table.column_mapping_mode() != ColumnMappingMode::None {
        return Some("columnMapping".to_owned());
    }
    let known = [
        TableFeature::AppendOnly,
        TableFeature::Invariants,
        TableFeature::DomainMetadata,
        TableFeature::InCommitTimestamp,
        TableFeature::V2Checkpoint,
        TableFeature::VacuumProtocolCheck,
        TableFeature::TimestampWithoutTimezone,
    ];
    let features = table.protocol().writer_features().unwrap_or_default();
    if let Some(feature) =
        features.iter().find(|feature| !known.contains(feature) && table.is_feature_enabled(feature))
    {
        return Some(feature.to_string());
    }
    let on = |property: &str| {
        snapshot
            .metadata_configuration()
            .get(property)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    let old = ["delta.enableChangeDataFeed", "delta.enableDeletionVectors", "delta.enableRowTracking"];
    old.into_iter().find(|property| on(property)).map(str::to_owned)
}

fn is_wider(from: &DataType, to: &DataType) -> bool {
    let narrow = DataType::Primitive(PrimitiveType::Integer);
    *from == narrow && matches!(to, DataType::Primitive(PrimitiveType::Long | PrimitiveType::Double))
}

fn words(field: &StructField) -> String {
    let required = if field.is_nullable() { "" } else { " required" };
    format!("`{}` {}{required}", field.name(), field.data_type())
}

fn names<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = columns.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
