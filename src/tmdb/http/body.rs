//! The body of an answer: read to its end, decompressed, and never larger than [`BODY_MAX`].

use std::io::Read as _;

use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::{BODY_HINT_MAX, BODY_MAX};
use crate::tmdb::transport::TransportError;

/// Reads the whole of `body`, which is said to have `length` bytes, in memory of just its size: it may wait for long.
pub(super) async fn read(
    body: &mut Incoming,
    length: Option<usize>,
    fault: impl Fn(hyper::Error) -> TransportError,
) -> Result<Bytes, TransportError> {
    // A length is a hint: whoever lies about it gets no more memory for it than a large answer has.
    let mut bytes = BytesMut::with_capacity(length.unwrap_or(0).min(BODY_HINT_MAX));
    while let Some(frame) = body.frame().await {
        // What is no data is trailers, which say nothing.
        let Ok(data) = frame.map_err(&fault)?.into_data() else { continue };
        if bytes.len() + data.len() > BODY_MAX {
            return Err(TransportError::TooLarge { limit: BODY_MAX });
        }
        bytes.extend_from_slice(&data);
    }
    // What grew by doubling may hold twice of what came.
    let is_roomy = bytes.capacity() > bytes.len() + bytes.len() / 8;
    Ok(if is_roomy { Bytes::copy_from_slice(&bytes) } else { bytes.freeze() })
}

/// What gzip made `packed` of. An empty body is one, whatever it is said to be.
pub(super) fn unzip(packed: &[u8]) -> Result<Bytes, TransportError> {
    if packed.is_empty() {
        return Ok(Bytes::new());
    }
    // How large it was stands at the end, if it is all one piece. A hint again.
    let size = packed.last_chunk().map_or(0, |size| u32::from_le_bytes(*size) as usize);
    let mut bytes = Vec::with_capacity(size.min(BODY_HINT_MAX));
    MultiGzDecoder::new(packed)
        .take(BODY_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| TransportError::Cut(error.to_string()))?;
    if bytes.len() > BODY_MAX {
        return Err(TransportError::TooLarge { limit: BODY_MAX });
    }
    if bytes.capacity() > bytes.len() + bytes.len() / 8 {
        bytes.shrink_to_fit();
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn zip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_zipped_comes_back_in_memory_of_its_size() {
        for length in [0, 1, 3, 4, 5000, BODY_HINT_MAX - 1, BODY_HINT_MAX + 1] {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            assert!(unzip(&zip(&bytes)).unwrap() == bytes, "{length}");
        }
        assert_eq!(unzip(b"").unwrap(), "");
        // Two pieces, of which the last has a size of 1.
        assert_eq!(unzip(&[zip(b"{\"id\": 6"), zip(b"2")].concat()).unwrap(), "{\"id\": 62");
    }

    #[test]
    fn what_is_cut_off_or_altered_or_not_zipped_at_all_is_told() {
        let whole = zip(&b"{\"id\": 62}".repeat(100));
        for length in 1..whole.len() {
            let told = unzip(&whole[..length]).unwrap_err();
            assert!(matches!(told, TransportError::Cut(_)), "{length}: {told}");
        }
        let mut altered = whole.clone();
        let checksum = altered.len() - 8;
        altered[checksum] ^= 1;
        assert!(matches!(unzip(&altered), Err(TransportError::Cut(_))));
        assert!(matches!(unzip(b"{\"id\": 62}"), Err(TransportError::Cut(_))));
    }

    #[test]
    fn a_bomb_is_given_up_at_the_limit() {
        assert_eq!(unzip(&zip(&vec![0; BODY_MAX])).unwrap().len(), BODY_MAX);
        let told = unzip(&zip(&vec![0; BODY_MAX + 1])).unwrap_err();
        assert_eq!(told, TransportError::TooLarge { limit: BODY_MAX });
    }
}
