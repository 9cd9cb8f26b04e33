//! What damage costs: what it hit, and never a wrong document.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::store::segment::{Label, path};

/// A segment in which every document has a block of its own, and where in the file each begins.
struct Written {
    bytes: Vec<u8>,
    index: Vec<u8>,
    starts: Vec<usize>,
}

impl Written {
    fn label_len(&self) -> usize {
        self.starts[0]
    }

    fn end(&self, id: usize) -> usize {
        self.starts.get(id + 1).copied().unwrap_or(self.bytes.len())
    }
}

/// Bodies that do not compress, so that the file is long; some are larger than what is read at once.
fn noise(id: u64) -> Kept {
    let length = if id.is_multiple_of(10) { 9000 } else { 300 + id * 7 };
    let mut body = vec![0; usize::try_from(length).expect("short")];
    fastrand::Rng::with_seed(id).fill(&mut body);
    Kept { body: body.into(), ..film(id) }
}

fn write(documents: u64) -> Written {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("tempdir");
    let file = path(folder.path(), 1);
    let starts = runtime.block_on(async {
        let (store, _) = open(folder.path(), "a");
        let mut starts = Vec::new();
        for id in 0..documents {
            starts.push(usize::try_from(fs::metadata(&file).expect("it is there").len()).expect("short"));
            store.keep(&url(id), noise(id)).await.expect("kept");
        }
        store.close().await.expect("closes");
        starts
    });
    let read = |path: PathBuf| fs::read(path).expect("reads");
    Written { bytes: read(file.clone()), index: read(file.with_extension("idx")), starts }
}

/// A folder that holds just these.
fn folder_of(segment: &[u8], index: Option<&[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("tempdir");
    let file = path(folder.path(), 1);
    fs::write(&file, segment).expect("writes");
    if let Some(index) = index {
        fs::write(file.with_extension("idx"), index).expect("writes");
    }
    folder
}

/// Documents that can be read; each is as it was kept. Opens twice, as the first opening may write an index.
fn readable(folder: &Path, documents: u64) -> (Vec<u64>, Opened) {
    let (store, opened) = open(folder, "a");
    let read = |store: &Store| -> Vec<u64> {
        let read = |id: &u64| match store.get(&url(*id)).expect("damage is no error") {
            Some(kept) => {
                assert_eq!(kept, noise(*id), "document {id}");
                true
            }
            None => false,
        };
        (0..documents).filter(read).collect()
    };
    let first = read(&store);
    drop(store);
    let (store, _) = open(folder, "b");
    assert_eq!(read(&store), first, "the second opening differs");
    (first, opened)
}

#[test]
fn a_store_cut_off_anywhere_is_a_shorter_store() {
    const DOCUMENTS: u64 = 60;
    let written = write(DOCUMENTS);
    let boundaries = (0..written.bytes.len()).step_by(4096);
    let borders =
        written.starts.iter().flat_map(|&start| [start - 1, start, start + 1, start + 39, start + 40]);
    for cut in boundaries.chain(borders) {
        let whole: Vec<u64> =
            (0..DOCUMENTS).filter(|&id| written.end(usize::try_from(id).expect("small")) <= cut).collect();
        for index in [None, Some(&*written.index)] {
            let folder = folder_of(&written.bytes[..cut], index);
            let (read, opened) = readable(folder.path(), DOCUMENTS);
            assert_eq!(read, whole, "cut at {cut}");
            let torn = cut - whole.last().map_or(0, |&id| written.end(usize::try_from(id).expect("small")));
            let torn =
                if whole.is_empty() && cut >= written.label_len() { cut - written.label_len() } else { torn };
            let lost: u64 = opened.losses.iter().map(|loss| loss.lost.torn_bytes).sum();
            assert_eq!(lost, torn as u64, "cut at {cut}");
            assert_eq!(
                opened.losses.iter().map(|loss| loss.lost.damaged_bytes).sum::<u64>(),
                0,
                "cut at {cut}"
            );
        }
    }
}

#[test]
fn a_flipped_bit_costs_the_block_that_it_is_in() {
    const DOCUMENTS: u64 = 12;
    let written = write(DOCUMENTS);
    proptest!(ProptestConfig::with_cases(300), |(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
        indexed in any::<bool>(),
    )| {
        let mut bytes = written.bytes.clone();
        let mut hit = Vec::new();
        for (place, mask) in &flips {
            let place = place.index(bytes.len());
            bytes[place] ^= mask;
            hit.push(place);
        }
        let folder = folder_of(&bytes, indexed.then_some(&*written.index));
        let (read, opened) = readable(folder.path(), DOCUMENTS);
        let changed = |range: std::ops::Range<usize>| bytes[range.clone()] != written.bytes[range];
        let label = changed(0..written.label_len());
        let damaged = |id: &u64| {
            let id = usize::try_from(*id).expect("small");
            changed(written.starts[id]..written.end(id))
        };
        // Without a label nobody knows the checks' seed; the index has a copy of it.
        let expected: Vec<u64> = (0..DOCUMENTS).filter(|id| !damaged(id) && (indexed || !label)).collect();
        prop_assert_eq!(&read, &expected);
        if !indexed && expected.len() < usize::try_from(DOCUMENTS).expect("small") {
            prop_assert!(!opened.losses.is_empty(), "damage is said");
        }
    });
}

#[test]
fn an_index_that_was_changed_is_made_again() {
    const DOCUMENTS: u64 = 12;
    let written = write(DOCUMENTS);
    let all: Vec<u64> = (0..DOCUMENTS).collect();
    proptest!(ProptestConfig::with_cases(100), |(
        place in any::<prop::sample::Index>(), mask in 1_u8.., cut in any::<Option<prop::sample::Index>>(),
    )| {
        let mut index = written.index.clone();
        let place = place.index(index.len());
        index[place] ^= mask;
        if let Some(cut) = cut {
            index.truncate(cut.index(index.len()));
        }
        let folder = folder_of(&written.bytes, Some(&index));
        let (read, opened) = readable(folder.path(), DOCUMENTS);
        prop_assert_eq!(read, all.clone());
        prop_assert_eq!(opened.losses, Vec::new());
        prop_assert_eq!(fs::read(path(folder.path(), 1).with_extension("idx")).expect("reads"), written.index.clone());
    });
}

#[test]
fn any_bytes_in_the_place_of_a_segment_are_no_documents() {
    proptest!(ProptestConfig::with_cases(100), |(bytes in prop::collection::vec(any::<u8>(), 0..300))| {
        let folder = folder_of(&bytes, Some(&bytes));
        let (read, opened) = readable(folder.path(), 3);
        prop_assert!(read.is_empty());
        prop_assert_eq!(opened.segments, 1);
    });
}

#[test]
fn what_is_lost_between_blocks_is_counted_and_passed() {
    let written = write(8);
    // A piece of the file goes missing: two blocks and the start of a third.
    let mut bytes = written.bytes.clone();
    bytes.drain(written.starts[2]..written.starts[4] + 10);
    let folder = folder_of(&bytes, None);
    let (read, opened) = readable(folder.path(), 8);
    assert_eq!(read, [0, 1, 5, 6, 7]);
    let lost = opened.losses[0].lost;
    assert_eq!(lost.damaged_bytes, (written.end(4) - written.starts[4] - 10) as u64);
    assert_eq!((lost.torn_bytes, lost.documents), (0, 0));

    // A payload of which the head is whole says how many documents it had.
    let mut bytes = written.bytes.clone();
    bytes[written.starts[3] + 50] ^= 1;
    let folder = folder_of(&bytes, None);
    let (read, opened) = readable(folder.path(), 8);
    assert_eq!(read, [0, 1, 2, 4, 5, 6, 7]);
    assert_eq!(opened.losses[0].lost.documents, 1);
}

#[test]
fn a_block_of_another_segment_is_not_taken_for_one_of_this() {
    let (written, other) = (write(4), write(4));
    let mut bytes = written.bytes[..written.starts[2]].to_vec();
    bytes.extend_from_slice(&other.bytes[other.starts[2]..]);
    let folder = folder_of(&bytes, None);
    assert_eq!(readable(folder.path(), 4).0, [0, 1]);
}

#[test]
fn the_length_of_a_label_is_not_believed() {
    let written = write(2);
    let mut bytes = written.bytes.clone();
    bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    let folder = folder_of(&bytes, None);
    let (read, opened) = readable(folder.path(), 2);
    assert!(read.is_empty());
    assert_eq!(opened.losses[0].lost.damaged_bytes, bytes.len() as u64);
}

#[test]
fn a_later_format_is_an_error_and_stays() {
    let written = write(2);
    let mut bytes = written.bytes.clone();
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let end = written.label_len() - 8;
    let check = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
    bytes[end..end + 8].copy_from_slice(&check.to_le_bytes());
    let folder = folder_of(&bytes, Some(&written.index));
    let error = Store::open(folder.path(), serving("a", Timestamp::MIN)).expect_err("it is newer");
    assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(error.hint().contains("store clear"));
    for refused in [stats(folder.path()).map(drop), trim(folder.path(), Timestamp::MAX, None).map(drop)] {
        assert!(matches!(refused, Err(StoreError::Newer { .. })));
    }
    assert_eq!(fs::read(path(folder.path(), 1)).expect("it is there"), bytes);
    // Who asks for everything to go is obeyed.
    clear(folder.path()).expect("clears");
    assert!(!folder.path().exists());
}

#[test]
fn a_label_without_a_known_shape_is_damage() {
    let label = Label { run: "a".to_owned(), id: 1, created_at: 0 };
    let mut bytes = label.write();
    let text = b"{\"run\":5}";
    bytes.truncate(12);
    bytes.extend_from_slice(&u32::try_from(text.len()).expect("short").to_le_bytes());
    bytes.extend_from_slice(text);
    let check = xxhash_rust::xxh3::xxh3_64(&bytes);
    bytes.extend_from_slice(&check.to_le_bytes());
    let folder = folder_of(&bytes, None);
    assert_eq!(readable(folder.path(), 1).0, Vec::<u64>::new());
}
