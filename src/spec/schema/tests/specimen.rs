//! What schema and decoder are tried on. Invariant: both take it as it is.

use serde_json::{Value, json};

/// A pipeline in which every mapping of the language stands.
pub(super) fn specimen() -> Value {
    json!({
        "version": 1,
        "name": "p",
        "params": { "votes": 1 },
        "api": { "rate": { "limit": "40/s", "burst": 1 }, "retry": {}, "keep": "180d" },
        "stages": {
            "ids": { "kind": "seed", "ids": [1] },
            "list": { "kind": "seed", "path": "/discover/movie" },
            "more": { "kind": "seed", "file": { "path": "ids.csv" } },
            "listed": { "kind": "seed", "export": { "kind": "movie" } },
            "news": { "kind": "seed", "changes": "movie", "refresh": { "never_seen": "export" } },
            "renewed": { "kind": "fetch", "from": "news", "path": "/movie/{id}" },
            "movies": { "kind": "fetch", "from": "ids", "path": "/movie/{id}", "rate": { "limit": "9/s", "share": "5%" } },
            "series": { "kind": "fetch", "from": ["list", "more", "listed"], "path": "/tv/{id}" },
            "similar": {
                "kind": "expand", "from": "movies", "path": "/movie/{id}/similar",
                "into": "movies", "max_depth": 1, "max_items": 10
            },
            "cast": { "kind": "expand", "from": "series", "items": ".cast[]" },
            "some": { "kind": "filter", "from": "series", "where": ".id" },
            "films": {
                "kind": "project", "from": "movies",
                "columns": { "id": { "type": "int64" } },
                "output": { "path": "films.parquet" }
            },
            "others": {
                "kind": "project", "from": ["some", "cast"],
                "columns": {
                    "id": "int64", "title": "string", "language": "string", "year": "int32", "popularity": "float64"
                },
                "output": { "path": "others", "sort_by": [{ "column": "id" }] }
            },
            "newest": {
                "kind": "project", "from": "renewed", "columns": { "id": "int64" },
                "output": { "path": "newest", "mode": "append" }
            },
            "current": {
                "kind": "project", "from": "movies",
                "columns": {
                    "id": { "type": "int64", "required": true }, "movie_id": { "type": "int64", "required": true },
                    "credit_id": { "type": "string", "required": true }, "deleted_at": "timestamp"
                },
                "output": {
                    "path": "current", "format": "delta", "mode": "upsert", "key": ["id"],
                    "gone": { "set": "deleted_at" }
                }
            },
            "found": {
                "kind": "project", "from": "cast.found", "columns": { "id": "int64" },
                "output": { "path": "found.parquet" }
            }
        }
    })
}
