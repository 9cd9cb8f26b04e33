//! The keys of `refresh` of a seed: what is fetched beside what changed.

use super::limits::{ESTIMATE_MAX, KEEP_MAX, REFRESH_AGE_MIN};
use super::{Key, Object, Takes};

/// `refresh` of a seed.
pub(in super::super) static REFRESH: Object = Object::new(
    "refresh",
    "`refresh`",
    "What is fetched beside what changed.",
    &[
        Key::new(
            "never_seen",
            Takes::Choice(&[("export", "The latest daily export of the same kind.")]),
            "Where the ids stand of which some were never fetched.",
        )
        .examples(&["export"])
        .required(),
        Key::new(
            "older_than",
            Takes::Time(REFRESH_AGE_MIN, KEEP_MAX),
            "The age from which on a document is fetched again. Documents must be kept for longer: `api.keep`.",
        )
        .default("30d")
        .examples(&["60d"]),
        Key::new(
            "limit",
            Takes::Whole(1, ESTIMATE_MAX),
            "Items of one run, those that changed among them. What changed comes whatever this says.",
        )
        .default("20000"),
    ],
);
