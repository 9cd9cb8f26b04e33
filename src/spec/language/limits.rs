//! The bounds of the language, each once: the decoder enforces them, the schema and the messages tell them.

use std::time::Duration;

/// Most stages of a pipeline: more than a person can follow, and names are searched in a row.
pub(in super::super) const STAGES_MAX: usize = 200;
/// Longest name of a pipeline or stage: both become names of files.
pub(in super::super) const NAME_BYTES_MAX: usize = 64;

/// Most connections: TMDB's CDN is said to allow 20 for an address, another server may allow more.
pub(in super::super) const CONNECTIONS_MAX: u32 = 256;
/// Most sends of one request.
pub(in super::super) const ATTEMPTS_MAX: u32 = 20;
/// Longest time that one request is tried for.
pub(in super::super) const MAX_ELAPSED_MAX: Duration = Duration::from_hours(24);
/// Longest wait for one attempt.
pub(in super::super) const TIMEOUT_MAX: Duration = Duration::from_hours(1);
/// Shortest duration where nothing at all makes no sense.
pub(in super::super) const DURATION_MIN: Duration = Duration::from_millis(1);
/// Longest time that a document may serve: TMDB's terms allow six months.
pub(in super::super) const KEEP_MAX: Duration = Duration::from_hours(24 * 180);
/// Longest time after which an unfinished run is still gone on with: as long as its documents may be kept.
pub(in super::super) const RESUME_MAX: Duration = KEEP_MAX;
/// Largest burst of a rate.
pub(in super::super) const BURST_MAX: u32 = 10_000;

/// Most requests that a stage has in hand at once.
pub(in super::super) const CONCURRENCY_MAX: u32 = 1024;
/// Least memory of a run, in bytes: room for the batches and the open file of one table, and for as many large answers as
/// TMDB's CDN allows connections.
pub(in super::super) const MEMORY_MIN: u64 = 16 << 20;
/// Most memory of a run, in bytes: more than machines have, so that a slip in the unit is told.
pub(in super::super) const MEMORY_MAX: u64 = 1 << 40;
/// Longest channel into a stage.
pub(in super::super) const BUFFER_MAX: u32 = 65_536;
/// Most pages of a list: TMDB's own limit.
pub(in super::super) const PAGES_MAX: u32 = 500;
/// Entries of a page, in every list of TMDB.
pub(in super::super) const PAGE_ENTRIES: u64 = 20;
/// Most names in `append_to_response`: TMDB's own limit.
pub(crate) const APPEND_MAX: usize = 20;

/// Deepest crawl. Six steps connect most of film; the bound keeps a slip from being one.
pub(in super::super) const DEPTH_MAX: u64 = 1_000;
/// Most items that one feedback edge admits.
pub(in super::super) const ITEMS_MAX: u64 = 1_000_000_000;
/// Most items that are taken of one document.
pub(in super::super) const TAKE_MAX: u64 = 1_000_000;

/// Most columns of a table: each has buffers of its own, and readers slow down with their number.
pub(in super::super) const COLUMNS_MAX: usize = 1_000;
/// Longest name of a column.
pub(in super::super) const COLUMN_NAME_BYTES_MAX: usize = 128;
/// Most items that anybody expects of a seed.
pub(in super::super) const ESTIMATE_MAX: u64 = 1_000_000_000;

/// Smallest size at which a file of a folder may end: each costs readers a request and a footer.
pub(in super::super) const FILE_BYTES_MIN: u64 = 1024 * 1024;
/// Largest such size.
pub(in super::super) const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Such a size where nothing is said: a handful of row groups, and few enough files for years of films.
pub(in super::super) const FILE_BYTES: u64 = 128 * 1024 * 1024;

/// Most columns that name folders: each is a level of folders.
pub(in super::super) const PARTITION_COLUMNS_MAX: usize = 4;
/// Most columns of a key: with more of them something else is meant.
pub(in super::super) const KEY_COLUMNS_MAX: usize = 8;
/// Most columns that rows are sorted by.
pub(in super::super) const SORT_COLUMNS_MAX: usize = 16;

/// Shortest age at which a document is fetched again: TMDB itself may serve one for eight hours.
pub(in super::super) const REFRESH_AGE_MIN: Duration = Duration::from_hours(8);
/// Such an age where nothing is said.
pub(in super::super) const REFRESH_AGE: Duration = Duration::from_hours(24 * 30);
/// Items of a run where nothing is said: eight minutes at 40/s, and all films there are in two months of nights.
pub(in super::super) const REFRESH_ITEMS: u64 = 20_000;
