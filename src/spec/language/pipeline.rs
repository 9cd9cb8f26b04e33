//! The keys of a pipeline and of `api`: what holds for the whole run.

use std::time::Duration;

use super::limits::{
    ATTEMPTS_MAX, BURST_MAX, CONNECTIONS_MAX, DURATION_MIN, KEEP_MAX, MAX_ELAPSED_MAX, RESUME_MAX,
    STAGES_MAX, TIMEOUT_MAX,
};
use super::{Key, Names, Object, Rule, Takes, pattern};

pub(in super::super) static PIPELINE: Object = Object {
    extensions: true,
    ..Object::new(
        "pipeline",
        "a pipeline",
        "A dataflow: what is asked of the TMDB API, what is looked for in the answers, and which tables are left.",
        &[
            Key::new("version", Takes::Exactly("1"), "The version of this language: the number 1.").required(),
            Key::new(
                "name",
                Takes::Text(&pattern::PIPELINE_NAME),
                "Names the pipeline, its state folder and its lock: two runs of one name exclude each other.",
            )
            .examples(&["marvel"])
            .required(),
            Key::new("description", Takes::Prose, "What the pipeline is for, in a sentence; for people only.")
                .examples(&["Marvel films and what TMDB finds similar to them."]),
            Key::new(
                "params",
                Takes::Names(&Names {
                    name: Some(&pattern::IDENTIFIER),
                    never: &[],
                    value: Takes::Anything,
                    otherwise: None,
                    least: 0,
                    most: None,
                }),
                "Values that the command line may change by `--set NAME=VALUE`, each with its default, whose type the \
                 new value must have. Expressions read them as `$params.NAME`.",
            )
            .default("{}")
            .examples(&[r#"{"min_votes": 200}"#]),
            Key::new(
                "api",
                Takes::Object(&API),
                "Which API is asked, and the one budget for the whole run. Everything in it has a default.",
            ),
            Key::new(
                "max_failures",
                Takes::Either(&[Takes::Whole(0, i64::MAX as u64), Takes::Text(&pattern::PERCENT)]),
                "How many failed items a run bears and still publishes: a count, which ends the run early when it is \
                 passed, or a percentage of the finished items.",
            )
            .default("0")
            .examples(&["1%", "25"]),
            Key::new(
                "memory",
                Takes::Text(&pattern::SIZE),
                "What bodies, batches and open files of the run may hold together. When it is full, less is asked for until \
                 something is written. From `16MiB` to `1024GiB`.",
            )
            .default("256MiB")
            .examples(&["64MiB", "1GiB"]),
            Key::new(
                "stages",
                Takes::Names(&Names {
                    name: Some(&pattern::STAGE_NAME),
                    never: &[],
                    value: Takes::Stage,
                    otherwise: None,
                    least: 1,
                    most: Some(STAGES_MAX),
                }),
                "The stages by name, in the order in which documents pass them: a stage without `from` reads the nearest \
                 one above that fits.",
            )
            .examples(&[r#"{"start": {"kind": "seed", "ids": [1726]}}"#])
            .required(),
        ],
    )
};

pub(in super::super) static API: Object = Object::new(
    "api",
    "`api`",
    "Which API is asked, and the one budget for the whole run.",
    &[
        Key::new(
            "base_url",
            Takes::Text(&pattern::BASE_URL),
            "Where requests go. `TMDB_BASE_URL` in the environment overrides it, and `--mock` overrides both.",
        )
        .default("https://api.themoviedb.org/3"),
        Key::new(
            "language",
            Takes::Text(&pattern::LANGUAGE),
            "The language of the answers, sent with every request unless a stage's `query` names another.",
        )
        .default("en-US")
        .examples(&["de", "no"]),
        Key::new(
            "rate",
            RATE_FORMS,
            "Requests that all stages together send at most in a unit of time. TMDB answers more than some 40 in a \
             second with 429; `auto` finds what the API bears, `none` is no limit.",
        )
        .default("40/s")
        .examples(&[r#"{"limit": "40/s", "burst": 10}"#]),
        Key::new(
            "connections",
            Takes::Whole(1, CONNECTIONS_MAX as u64),
            "Requests of all stages together that are under way at once. TMDB's CDN is said to allow 20 for an address.",
        )
        .default("20"),
        TIMEOUT.about("How long one attempt may take, from the connection to the body's last byte.").default("10s"),
        Key::new("retry", Takes::Object(&RETRY), "When to give a request up. Retries end by count and by clock.")
            .examples(&[r#"{"attempts": 3, "max_elapsed": "30s"}"#]),
        Key::new(
            "keep",
            Takes::Either(&[
                Takes::Time(Duration::ZERO, KEEP_MAX),
                Takes::Choice(&[("none", "No document is kept: a run that is stopped or killed starts afresh.")]),
            ]),
            "How long a fetched document may serve later runs, from when it was fetched. With `0s` no later run uses any, \
             but a run that was stopped or killed still goes on where it was.",
        )
        .default("8h")
        .examples(&["30d", "none"]),
        Key::new(
            "resume_within",
            Takes::Time(Duration::ZERO, RESUME_MAX),
            "How long after its start an unfinished run is gone on with. An older one is abandoned.",
        )
        .default("24h")
        .examples(&["7d"]),
    ],
);

pub(in super::super) static RETRY: Object = Object::new(
    "retry",
    "`retry`",
    "When to give a request up: whichever comes first.",
    &[
        Key::new(
            "attempts",
            Takes::Whole(1, ATTEMPTS_MAX as u64),
            "How often one request is sent at most, the first time included. Waiting for a 429 uses none of them.",
        )
        .default("5"),
        Key::new(
            "max_elapsed",
            Takes::Time(DURATION_MIN, MAX_ELAPSED_MAX),
            "How long one request is tried for, from the first send, without the time that a 429 makes it wait.",
        )
        .default("2m"),
    ],
);

pub(in super::super) static RATE: Object = Object::new(
    "rate",
    "a rate",
    "A rate with the burst that it allows.",
    &[
        Key::new("limit", Takes::Text(&pattern::RATE), "Requests in a unit of time.").examples(&["40/s"]).required(),
        Key::new(
            "burst",
            Takes::Whole(1, BURST_MAX as u64),
            "Requests that may be sent at once after a pause. Without it what the rate gives in 2 ms, but at least one.",
        )
        .examples(&["10"]),
    ],
);

const RATE_FORMS: Takes = Takes::Either(&[
    Takes::Text(&pattern::RATE),
    Takes::Choice(&[
        ("none", "No limit."),
        ("auto", "Found by trying, between 1 and 200 in a second: from where the API answers with 429."),
    ]),
    Takes::Object(&RATE),
]);

pub(in super::super) static STAGE_RATE: Object = Object {
    rules: &[Rule::AnyOf(&["limit", "share"]), Rule::Needs(&["burst"], "limit")],
    ..Object::new(
        "stage_rate",
        "the rate of a stage",
        "What a stage may have of the run's rate: at most, and at least.",
        &[
            Key::new("limit", Takes::Text(&pattern::RATE), "Requests of this stage in a unit of time, at most: a cap.")
                .examples(&["10/s"]),
            Key::new(
                "burst",
                Takes::Whole(1, BURST_MAX as u64),
                "Requests that may be sent at once after a pause, within `limit`. Without it what the limit gives in 2 ms, \
                 but at least one.",
            )
            .examples(&["5"]),
            Key::new(
                "share",
                Takes::Text(&pattern::SHARE),
                "What of the run's `api.rate` is kept for this stage while it has work; what it does not use goes to the \
                 others. Above `0%`, and at most `100%` for all stages together.",
            )
            .examples(&["25%"]),
        ],
    )
};

const CAP_FORMS: Takes = Takes::Either(&[
    Takes::Text(&pattern::RATE),
    Takes::Choice(&[("none", "No cap of its own.")]),
    Takes::Object(&STAGE_RATE),
]);

pub(super) const CAP: Key = Key::new(
    "rate",
    CAP_FORMS,
    "Requests that this stage sends at most in a unit of time, a cap below the run's `api.rate`, which holds as well; or, by \
     `share`, what of that is kept for it.",
)
.examples(&["10/s", r#"{"share": "25%"}"#]);

pub(super) const TIMEOUT: Key = Key::new(
    "timeout",
    Takes::Time(DURATION_MIN, TIMEOUT_MAX),
    "How long one attempt of this stage may take, instead of `api.timeout`.",
)
.examples(&["30s"]);
