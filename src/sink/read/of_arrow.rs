//! What an Arrow file says about itself, and its first rows. The rows of a batch stand in its header, so that
//! counting them reads no data.

use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow::error::ArrowError;
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{FileReader, read_footer_length};
use arrow::ipc::{Block, CompressionType, MetadataVersion, root_as_footer, root_as_message};
use arrow::record_batch::RecordBatch;

use super::super::encode::FormatError;
use super::handle::Handle;
use super::{FileFormat, TableFile};

/// Bytes at the end of a file: the length of the footer, and the magic.
const END: usize = 10;

/// Most bytes that a buffer may claim to have once it is decompressed. The decoder makes room for what is claimed, and
/// a process that finds none is ended, not told.
const BUFFER_BYTES_MAX: i64 = 4 * 1024 * 1024 * 1024;

pub(super) fn table(path: &Path, file: &Handle) -> Result<TableFile, FormatError> {
    let (bytes, start, footer) = read_footer(file)?;
    let footer = root_as_footer(&footer).map_err(malformed)?;
    let schema = footer.schema().ok_or_else(|| ArrowError::IpcError("no schema in the footer".to_owned()))?;
    let schema = Arc::new(try_fb_to_schema(schema)?);
    let mut table = TableFile {
        path: path.to_owned(),
        format: FileFormat::Arrow,
        bytes,
        rows: 0,
        groups: 0,
        codecs: Vec::new(),
        nulls: vec![None; schema.fields().len()],
        written_by: None,
        metadata: schema.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        schema,
    };
    for pair in footer.custom_metadata().into_iter().flatten() {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        table.metadata.push((text(pair.key()), text(pair.value())));
    }
    for block in footer.recordBatches().into_iter().flatten() {
        add_batch(&mut table, &header(file, block, start)?)?;
    }
    Ok(table)
}

/// The size of the file, where its footer starts, and the footer.
fn read_footer(mut file: &Handle) -> Result<(u64, u64, Vec<u8>), ArrowError> {
    let bytes = file.bytes()?;
    let mut end = [0; END];
    read_at(file, bytes.saturating_sub(END as u64), &mut end)?;
    let length = read_footer_length(end)? as u64;
    let start = bytes.checked_sub(END as u64 + length).ok_or_else(|| beyond("the footer"))?;
    let mut footer = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(length).read_to_end(&mut footer)?;
    Ok((bytes, start, footer))
}

/// The message in front of a block's data; both stand before `end`.
fn header(file: &Handle, block: &Block, end: u64) -> Result<Vec<u8>, ArrowError> {
    let size = |number: i64| u64::try_from(number).map_err(|_| beyond("a batch"));
    let (offset, header, body) =
        (size(block.offset())?, size(block.metaDataLength().into())?, size(block.bodyLength())?);
    let whole = offset.checked_add(header).and_then(|sum| sum.checked_add(body));
    if whole.is_none_or(|whole| whole > end) {
        return Err(beyond("a batch"));
    }
    let mut message = vec![0; usize::try_from(header).map_err(|_| beyond("a batch"))?];
    read_at(file, offset, &mut message)?;
    // Since version 0.15 a marker stands before the length.
    let skipped = if message.starts_with(&[0xff; 4]) { 8 } else { 4 };
    if message.len() < skipped {
        return Err(beyond("a batch"));
    }
    message.drain(..skipped);
    Ok(message)
}

/// Adds what the header of a batch says.
fn add_batch(table: &mut TableFile, header: &[u8]) -> Result<(), ArrowError> {
    let message = root_as_message(header).map_err(malformed)?;
    if message.version() < MetadataVersion::V4 {
        return Err(ArrowError::IpcError("it was written by an Arrow before 0.8".to_owned()));
    }
    let batch = message
        .header_as_record_batch()
        .ok_or_else(|| ArrowError::IpcError("a batch has another header".to_owned()))?;
    let rows = u64::try_from(batch.length()).map_err(|_| beyond("a row"))?;
    table.rows = table.rows.saturating_add(rows);
    table.groups += 1;
    let codec = match batch.compression().map(|compression| compression.codec()) {
        None => "none",
        Some(CompressionType::ZSTD) => "zstd",
        Some(CompressionType::LZ4_FRAME) => "lz4",
        Some(_) => "unknown",
    };
    if !table.codecs.iter().any(|known| known == codec) {
        table.codecs.push(codec.to_owned());
    }
    Ok(())
}

pub(super) fn first_batches(file: &Handle, rows: usize) -> Result<Vec<RecordBatch>, FormatError> {
    let (_, start, footer) = read_footer(file)?;
    let footer = root_as_footer(&footer).map_err(malformed)?;
    for block in footer.dictionaries().into_iter().flatten() {
        check_buffers(file, block, start)?;
    }
    // The reader comes to a block in the same order, and reads the dictionaries when it is made.
    let blocks = footer.recordBatches().into_iter().flatten();
    let mut reader = FileReader::try_new(BufReader::new(file), None)?;
    let mut batches = Vec::new();
    let mut found = 0;
    for block in blocks {
        check_buffers(file, block, start)?;
        // The check has moved the file's place, which the reader sets for every batch.
        let Some(batch) = reader.next() else { break };
        let batch = batch?;
        found += batch.num_rows();
        batches.push(batch);
        if found >= rows {
            break;
        }
    }
    Ok(batches)
}

/// Refuses a block with a compressed buffer that claims more than [`BUFFER_BYTES_MAX`].
fn check_buffers(file: &Handle, block: &Block, end: u64) -> Result<(), ArrowError> {
    let header = header(file, block, end)?;
    let message = root_as_message(&header).map_err(malformed)?;
    let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    let Some(batch) = message.header_as_record_batch().or(dictionary) else { return Ok(()) };
    if batch.compression().is_none() {
        return Ok(());
    }
    let body = block.offset() + i64::from(block.metaDataLength());
    for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() > 0) {
        let place = body.checked_add(buffer.offset()).and_then(|place| u64::try_from(place).ok());
        let mut claimed = [0; 8];
        read_at(file, place.ok_or_else(|| beyond("a buffer"))?, &mut claimed)?;
        if i64::from_le_bytes(claimed) > BUFFER_BYTES_MAX {
            return Err(ArrowError::IpcError("a buffer claims more than 4 GiB".to_owned()));
        }
    }
    Ok(())
}

fn read_at(mut file: &Handle, offset: u64, into: &mut [u8]) -> Result<(), ArrowError> {
    file.seek(SeekFrom::Start(offset))?;
    Ok(file.read_exact(into)?)
}

fn beyond(what: &str) -> ArrowError {
    ArrowError::IpcError(format!("{what} is said to be where the file is not"))
}

fn malformed(error: impl std::fmt::Display) -> ArrowError {
    ArrowError::IpcError(error.to_string())
}
