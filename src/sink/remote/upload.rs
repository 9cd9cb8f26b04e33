//! A file on its way into a store, in parts.
//!
//! Invariant: nothing of an upload is visible until it is completed, and only bytes that have the digest of what was staged
//! are completed.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::PutPayload;
use object_store::multipart::PartId;

use super::super::disk::Digest;
use super::super::error::{Action, SinkError};
use super::super::store_trouble::StoreTrouble;
use super::{Target, trouble};

/// Bytes of a part: S3 takes 5 MiB and more, and what is in memory is [`PARTS_AT_ONCE`] times this.
pub(super) const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Parts of one upload, below the 10,000 that S3 takes; a table of more than 70 GiB has larger ones.
const PARTS_MAX: u64 = 9_000;

/// Parts on their way at once: enough to fill a line of 1 Gbit/s with 100 ms to the store, with 32 MiB.
const PARTS_AT_ONCE: usize = 4;

/// Begins an upload.
pub(super) async fn create(to: Target<'_>) -> Result<String, SinkError> {
    to.store.create_multipart(to.key).await.map_err(|error| trouble::of("write to", to.url, &error))
}

/// Gives an upload up; one that is gone, completed or given up before, is no error.
pub(super) async fn give_up(to: Target<'_>, id: &str) -> Result<(), SinkError> {
    let Err(error) = to.store.abort_multipart(to.key, &id.to_owned()).await else { return Ok(()) };
    match trouble::of("give up an upload to", to.url, &error) {
        SinkError::Store { trouble: StoreTrouble::UploadGone, .. } => Ok(()),
        told => Err(told),
    }
}

/// Sends the file at `staged`, whose digest is `digest` if somebody knows it.
pub(super) async fn send(
    to: Target<'_>,
    id: &str,
    staged: &Path,
    digest: Option<&str>,
) -> Result<Vec<PartId>, SinkError> {
    let id = id.to_owned();
    let unreadable = |error| SinkError::disk(Action::Read, staged, error);
    let mut file = File::open(staged).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let size = part_bytes(bytes);
    let mut read = Digest::default();
    let mut left = true;
    let parts = std::iter::from_fn(|| {
        if !left {
            return None;
        }
        let part = next(&mut file, size, &mut read);
        left = matches!(&part, Ok(part) if part.len() as u64 == size);
        // A file that ends with a part has no empty one behind it, and an empty file has one.
        match part {
            Ok(part) if part.is_empty() && bytes > 0 => None,
            part => Some(part),
        }
    });
    let sent = futures::stream::iter(parts.enumerate())
        .map(|(index, part)| {
            let id = &id;
            async move {
                let part = PutPayload::from(part.map_err(unreadable)?);
                let put = to.store.put_part(to.key, id, index, part).await;
                put.map_err(|error| trouble::of("write to", to.url, &error))
            }
        })
        .buffered(PARTS_AT_ONCE)
        .try_collect::<Vec<PartId>>()
        .await?;
    if digest.is_some_and(|digest| read.hex() != digest) {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, "it is not what was staged")));
    }
    Ok(sent)
}

fn next(file: &mut File, size: u64, digest: &mut Digest) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(size).read_to_end(&mut part)?;
    digest.update(&part);
    Ok(part)
}

/// All parts but the last have this size, as some stores ask for.
fn part_bytes(bytes: u64) -> u64 {
    const MEBIBYTE: u64 = 1024 * 1024;
    PART_BYTES.max(bytes.div_ceil(PARTS_MAX).next_multiple_of(MEBIBYTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_few_enough_at_every_size() {
        for bytes in [0, 1, PART_BYTES, PART_BYTES * PARTS_MAX, PART_BYTES * PARTS_MAX + 1, 5 << 40] {
            assert!(bytes.div_ceil(part_bytes(bytes)) <= PARTS_MAX, "{bytes}");
        }
        assert_eq!(part_bytes(1), PART_BYTES);
    }
}
