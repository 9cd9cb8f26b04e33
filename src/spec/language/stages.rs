//! The keys of the stages that move items and documents: seed, fetch, expand, filter.

use super::limits::{
    APPEND_MAX, BUFFER_MAX, CONCURRENCY_MAX, DEPTH_MAX, ESTIMATE_MAX, ITEMS_MAX, PAGES_MAX, TAKE_MAX,
};
use super::pipeline::{CAP, TIMEOUT};
use super::refresh::REFRESH;
use super::{Key, List, Names, Object, Rule, Takes, pattern};

/// The sources that a seed can name.
const SEED_SOURCES: [&str; 7] = ["ids", "items", "range", "file", "path", "export", "changes"];
/// Keys that only a seed with a `path` takes.
pub(in super::super) const SEED_NEEDS_PATH: [&str; 6] =
    ["query", "pages", "concurrency", "rate", "buffer", "timeout"];
/// Keys that only an expand with a `path` takes.
pub(in super::super) const EXPAND_NEEDS_PATH: [&str; 5] = ["query", "pages", "fuse", "rate", "timeout"];

pub(in super::super) static SEED: Object = Object {
    rules: &[
        Rule::OneSource(&SEED_SOURCES),
        Rule::Needs(&SEED_NEEDS_PATH, "path"),
        Rule::Needs(&["refresh"], "changes"),
    ],
    ..Object::new(
        "seed",
        "a seed",
        "Starts the flow: hands on items from exactly one source, `ids`, `items`, `range`, `file`, `path`, `export` or \
         `changes`.",
        &[
            Key::new("kind", Takes::Exactly("seed"), "Hands on items from nothing.").required(),
            Key::new(
                "ids",
                Takes::Either(&[
                    Takes::List(&List {
                        of: Takes::Id,
                        least: 0,
                        most: None,
                        distinct: false,
                    }),
                    Takes::Text(&pattern::PARAM),
                ]),
                "The ids to start from: whole numbers or text, or params of either. Each becomes the item `{id: …}`.",
            )
            .examples(&["[1726, 10138, 24428]"]),
            Key::new(
                "items",
                Takes::Either(&[
                    Takes::List(&List {
                        of: Takes::Either(&[Takes::Id, Takes::Names(&ITEM)]),
                        least: 0,
                        most: None,
                        distinct: false,
                    }),
                    Takes::Expression,
                ]),
                "The items to start from, as mappings: `{id}` in a path names a field of them. With a `path`, the \
                 expression (jq) that finds the items in each answer instead; `.results[]` without it.",
            )
            .examples(&[r#"[{"id": 1399, "season": 1}]"#]),
            Key::new("range", Takes::Text(&pattern::RANGE), "Ids in a row, each as the item `{id: …}`.")
                .examples(&["1..1000"]),
            Key::new(
                "file",
                Takes::Either(&[Takes::Object(&FILE), Takes::Text(&pattern::NAMED_FILE)]),
                "A file of items, or its path alone: csv, tsv, jsonl or Parquet, read a row at a time.",
            )
            .examples(&[r#"{"path": "ids.csv", "column": "tmdb_id"}"#, "watchlist.jsonl.gz"]),
            Key::new(
                "path",
                Takes::Text(&pattern::SEED_PATH),
                "A list of the API whose entries are the items: discover, search, popular, the page of a keyword.",
            )
            .examples(&["/discover/movie"]),
            QUERY.takes(Takes::Names(&PAGED_QUERY_NAMES)),
            Key::new(
                "pages",
                PAGES,
                "Pages of the list to read at most, 20 entries each. `all` is as many as TMDB gives: 500, and of `/discover` all there \
                 are, in slices of days.",
            )
            .default("all"),
            Key::new(
                "export",
                Takes::Either(&[EXPORT_KINDS, Takes::Object(&EXPORT)]),
                "A list of TMDB's daily export of ids, or its name alone: one file with a line for each film there is, \
                 without any request of the API's budget.",
            )
            .examples(&["movie", r#"{"kind": "movie", "order": "popularity", "limit": 10000}"#]),
            Key::new(
                "changes",
                Takes::Choice(&[
                    ("movie", "Films that changed."),
                    ("tv", "Series that changed."),
                    ("person", "People that changed."),
                ]),
                "What changed since the last published run, by TMDB's own list of it. Ids that are gone are rows of \
                 `.missing`. The tables that read on from here have to be folders with `mode: append`.",
            ),
            Key::new(
                "refresh",
                Takes::Object(&REFRESH),
                "With `changes`: what else is fetched, under a budget for each run. First what was never fetched, then \
                 what was fetched longest ago.",
            )
            .examples(&[r#"{"never_seen": "export", "older_than": "30d", "limit": 20000}"#]),
            Key::new(
                "estimate",
                Takes::Whole(0, ESTIMATE_MAX),
                "About how many items the seed gives, where nobody knows beforehand: `plan` reckons with it.",
            )
            .examples(&["100000"]),
            WHERE.about("Condition (jq) on each item: only those for which it holds are handed on."),
            CONCURRENCY.default("4"),
            CAP,
            BUFFER,
            TIMEOUT,
        ],
    )
};

const EXPORT_KINDS: Takes = Takes::Choice(&[
    ("movie", "All films."),
    ("tv_series", "All series."),
    ("person", "All people."),
    ("collection", "All collections."),
    ("tv_network", "All networks."),
    ("keyword", "All keywords."),
    ("production_company", "All companies."),
]);

/// `export` of a seed.
pub(in super::super) static EXPORT: Object = Object::new(
    "export",
    "`export`",
    "A list of TMDB's daily export of ids.",
    &[
        Key::new("kind", EXPORT_KINDS, "Which list.").examples(&["movie"]).required(),
        Key::new(
            "date",
            Takes::Either(&[
                Takes::Text(&pattern::DAY),
                Takes::Choice(&[("latest", "The newest there is, up to a week back.")]),
            ]),
            "The day of the file, in UTC. A file is there from 08:00 of its day on, for three months.",
        )
        .default("latest")
        .examples(&["2026-11-24"]),
        Key::new(
            "order",
            Takes::Choice(&[
                ("file", "As they stand in the file, which has no order."),
                ("popularity", "Most popular first; films, series and people have that."),
            ]),
            "In which order the items come.",
        )
        .default("file"),
        Key::new(
            "limit",
            Takes::Whole(1, ESTIMATE_MAX),
            "The first so many in that order, of those for which `where` holds; all without it.",
        )
        .examples(&["10000"]),
    ],
);

/// `file` of a seed.
pub(in super::super) static FILE: Object = Object::new(
    "file",
    "`file`",
    "A file of items.",
    &[
        Key::new(
            "path",
            Takes::Text(&pattern::FILE_PATH),
            "Where it is, relative to the working directory; csv, tsv, jsonl or Parquet by its ending, also with `.gz`.",
        )
        .examples(&["ids.csv"])
        .required(),
        Key::new(
            "column",
            Takes::Prose,
            "The csv column, jsonl field or Parquet column whose values become ids. Without it every row is an item with \
             all of its fields.",
        )
        .examples(&["tmdb_id"]),
        Key::new(
            "format",
            Takes::Choice(&[
                ("csv", "Comma-separated, with a header."),
                ("tsv", "Separated by tabs, with a header."),
                ("jsonl", "A JSON value on each line."),
                ("parquet", "Apache Parquet."),
            ]),
            "How it is written; needed only where the path's ending does not say it.",
        ),
    ],
);

pub(in super::super) static FETCH: Object = Object::new(
    "fetch",
    "a fetch stage",
    "Asks the API for one document for each item. A 404 goes to the port `.missing`, what fails for good to `.failed`.",
    &[
        Key::new("kind", Takes::Exactly("fetch"), "Items in, documents out.").required(),
        FROM.about(
            "What it reads: a seed, or the port `.found` of an expand, or a list of them. Without it the nearest seed above, \
             or the expand above whose `into` names this stage.",
        ),
        PATH.about("What is asked for each item; `{id}` is the item's field `id`.").required(),
        QUERY,
        Key::new(
            "append",
            Takes::List(&List {
                of: Takes::Text(&pattern::APPEND_NAME),
                least: 0,
                most: Some(APPEND_MAX),
                distinct: true,
            }),
            "Sub-requests that the same request brings along (`append_to_response`), each under its name in the document.",
        )
        .default("[]")
        .examples(&[r#"["credits", "keywords"]"#]),
        CONCURRENCY.default("16").examples(&["8", "auto"]),
        CAP,
        BUFFER,
        TIMEOUT,
    ],
);

pub(in super::super) static EXPAND: Object = Object {
    rules: &[
        Rule::Needs(&EXPAND_NEEDS_PATH, "path"),
        Rule::Needs(&["max_depth", "max_items"], "into"),
        Rule::AnyOf(&["path", "items"]),
    ],
    ..Object::new(
        "expand",
        "an expand stage",
        "Hands every document on unchanged, and finds more items: in an answer of its own (`path`) or in the document \
         (`items`). They leave by the port `.found`, and go to the fetch that `into` names.",
        &[
            Key::new("kind", Takes::Exactly("expand"), "Documents in, the same documents and found items out.").required(),
            FROM.about(READS_DOCUMENTS),
            PATH.about(
                "What is asked for each document; `{id}` is the field `id` of the item that the document answers. Without \
                 it nothing is asked, and `items` looks through the document itself.",
            ),
            QUERY.takes(Takes::Names(&PAGED_QUERY_NAMES)),
            Key::new("pages", PAGES, "Pages of the answer to read at most, 20 entries each. `all` is as many as TMDB gives.")
                .default("1"),
            Key::new(
                "fuse",
                Takes::Boolean,
                "Whether the first page may come with the document itself, by `append_to_response`, where TMDB can append it: \
                 that saves a request for each document and makes every document's answer larger. `plan` shows what is fused.",
            )
            .default("true"),
            Key::new(
                "when",
                Takes::Expression,
                "Condition (jq) on the document: is it expanded at all? Without it every one is.",
            )
            .examples(&[".vote_count > 200"]),
            Key::new(
                "items",
                Takes::Expression,
                "Where the items are (jq): every output is one. Required without a `path`, else `.results[]` without it.",
            )
            .examples(&[".credits.cast[]"]),
            WHERE.about("Condition (jq) on each item: only those for which it holds are found."),
            Key::new("take", Takes::Whole(1, TAKE_MAX), "Items of one document to take at most, after `where`; all without it.")
                .examples(&["3"]),
            Key::new(
                "into",
                Takes::Text(&pattern::STAGE_NAME),
                "The fetch stage that asks for what is found. It may stand above: then the loop needs `max_depth` and \
                 `max_items`. Without it the items are only reported, by the port `.found`.",
            )
            .examples(&["movies"]),
            Key::new(
                "max_depth",
                Takes::Whole(0, DEPTH_MAX),
                "How many steps from the seeds documents are still found: seeds have depth 0, and every expand on the way \
                 adds 1. Required where `into` closes a loop.",
            )
            .examples(&["2"]),
            Key::new(
                "max_items",
                Takes::Whole(1, ITEMS_MAX),
                "How many different items this stage may send `into` its fetch. Required where `into` closes a loop.",
            )
            .examples(&["2000"]),
            CONCURRENCY.about(
                "Documents in the hands of this stage at once. Without it 4, or 2 where there is no `path`.",
            ).examples(&["8"]),
            CAP,
            BUFFER,
            TIMEOUT,
        ],
    )
};

pub(in super::super) static FILTER: Object = Object::new(
    "filter",
    "a filter stage",
    "Hands on the documents for which `where` holds, and drops the others.",
    &[
        Key::new("kind", Takes::Exactly("filter"), "Documents in, fewer documents out.").required(),
        FROM.about(READS_DOCUMENTS),
        WHERE
            .about("Condition (jq) on the document: only those for which it holds are handed on.")
            .required(),
        BUFFER,
    ],
);

const READS_DOCUMENTS: &str = "What it reads: a fetch, expand or filter above, or a list of them, one after the other. Without it the nearest.";

const PAGES: Takes = Takes::Either(&[
    Takes::Whole(1, PAGES_MAX as u64),
    Takes::Choice(&[("all", "As many as there are, at most 500.")]),
]);

static ITEM: Names =
    Names { name: None, never: &[], value: Takes::Anything, otherwise: None, least: 0, most: None };

pub(super) const FROM: Key = Key::new("from", FROM_FORMS, "What it reads.").examples(&[
    "movies",
    "similar.found",
    r#"["movies", "series"]"#,
]);

const FROM_FORMS: Takes = Takes::Either(&[Takes::Text(&pattern::PORT), Takes::List(&PORTS)]);

static PORTS: List = List { of: Takes::Text(&pattern::PORT), least: 1, most: None, distinct: true };

const PATH: Key = Key::new("path", Takes::Text(&pattern::PATH), "What is asked for.")
    .examples(&["/movie/{id}", "/tv/{id}/season/{season}"]);

const QUERY: Key = Key::new(
    "query",
    Takes::Names(&QUERY_NAMES),
    "Parameters of the request by name, as TMDB's reference calls them; `{field}` in a value is filled from the item, \
     `{$params.NAME}`, or `$params.NAME` alone, from a param; one that is null is not sent. Pages, sub-requests and the credential have keys and places of their own.",
)
.default("{}")
.examples(&[r#"{"with_keywords": 180547, "sort_by": "popularity.desc"}"#]);

static QUERY_NAMES: Names = Names {
    name: Some(&pattern::QUERY_NAME),
    never: &["append_to_response", "api_key", "apikey", "access_token", "session_id", "guest_session_id"],
    value: Takes::Scalar,
    otherwise: None,
    least: 0,
    most: None,
};

/// Where `pages` says how many of them.
static PAGED_QUERY_NAMES: Names = Names {
    never: &[
        "page",
        "append_to_response",
        "api_key",
        "apikey",
        "access_token",
        "session_id",
        "guest_session_id",
    ],
    name: Some(&pattern::QUERY_NAME),
    value: Takes::Scalar,
    otherwise: None,
    least: 0,
    most: None,
};

const WHERE: Key = Key::new("where", Takes::Expression, "Condition (jq).").examples(&[".vote_count > 200"]);

const CONCURRENCY: Key = Key::new(
    "concurrency",
    Takes::Either(&[
        Takes::Whole(1, CONCURRENCY_MAX as u64),
        Takes::Choice(&[(
            "auto",
            "As many as fill the rate at the measured latency, growing from a few, within `api.connections`.",
        )]),
    ]),
    "Requests of this stage that are under way at once; more than `api.connections` wait for one.",
);

pub(super) const BUFFER: Key = Key::new(
    "buffer",
    Takes::Whole(1, BUFFER_MAX as u64),
    "How many items or documents may wait in front of this stage; when they do, the stage before it waits.",
)
.default("64");
