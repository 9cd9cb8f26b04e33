//! What to do about a table that cannot be staged or published.

use super::super::exit::Exit;
use super::{Verdict, verdict};
use crate::sink::{Action, SinkError, StoreTrouble};
use crate::spec::StoreUrl;

/// The exit code of `error`, its code, and its hints.
pub(in crate::cli) fn of_sink(error: &SinkError) -> Verdict {
    use Exit::{Failed, Invalid, Locked};
    match error {
        SinkError::Full { .. } => {
            verdict(Failed, "disk-full", &["make room, then run the same command again"])
        }
        SinkError::NotPermitted { .. } => verdict(
            Failed,
            "not-permitted",
            &["write elsewhere: `--out DIR` for tables, `--state DIR` for state"],
        ),
        SinkError::Disk { action: Action::Share | Action::Link, .. } => verdict(
            Failed,
            "disk",
            &[
                "a table in a folder needs a file system with links: write it to another one with `--out DIR`, or make it one file",
            ],
        ),
        SinkError::Disk { .. } => verdict(
            Failed,
            "disk",
            &["check the disk and the path, or write elsewhere with `--out DIR` and `--state DIR`"],
        ),
        SinkError::NotAFile { .. } => {
            verdict(Invalid, "not-a-file", &["move it, or give the table another path"])
        }
        SinkError::NotOurs { .. } => verdict(
            Invalid,
            "not-ours",
            &["move it away, or give the table another path; what others made is never replaced"],
        ),
        SinkError::OtherColumns { .. } => verdict(
            Invalid,
            "other-columns",
            &["give the table another path, or write it anew once with `mode: overwrite`"],
        ),
        SinkError::OtherPartitions { .. } => verdict(
            Invalid,
            "other-partitions",
            &["partition it as before, or write it anew once with `mode: overwrite`"],
        ),
        SinkError::NoDelta { path } if StoreUrl::is_meant(path) => verdict(
            Invalid,
            "no-delta",
            &[
                "build tmdb-etl with Delta tables in object stores: `cargo build --release --features cloud,delta`",
            ],
        ),
        SinkError::NoDelta { .. } => verdict(
            Invalid,
            "no-delta",
            &["build tmdb-etl with Delta tables: `cargo build --release --features delta`"],
        ),
        SinkError::OtherDelta { .. } => verdict(
            Invalid,
            "other-delta",
            &[
                "give the table another path, or change the pipeline so that both go together; nothing was changed",
            ],
        ),
        SinkError::Delta { .. } => verdict(
            Failed,
            "delta",
            &[
                "check the disk and the table's `_delta_log`; what readers see is the last version that is whole",
            ],
        ),
        SinkError::DeltaBusy { .. } => {
            verdict(Failed, "delta-busy", &["run it again when fewer others write to this table"])
        }
        SinkError::Incomplete { .. } => verdict(
            Failed,
            "incomplete",
            &["bring the file back, or write the table anew with `mode: overwrite`; nothing was changed"],
        ),
        SinkError::TooManyFiles { .. } => verdict(
            Failed,
            "too-many-files",
            &["write the table anew with `mode: overwrite`, or partition it less"],
        ),
        SinkError::TooManyPartitions { .. } | SinkError::PartitionName { .. } => verdict(
            Invalid,
            "partitions",
            &["partition by a column of few and short values, such as a year or a language"],
        ),
        SinkError::BadPath { .. } => {
            verdict(Invalid, "bad-path", &["a path of a table is like `out/films.parquet`"])
        }
        SinkError::SamePath { .. } => verdict(Invalid, "same-output", &["give each table a path of its own"]),
        SinkError::UnsupportedColumn { .. } => verdict(
            Invalid,
            "unsupported-column",
            &["give the column another `type`, or make it text: `type: json`"],
        ),
        SinkError::SchemaMismatch { .. } => {
            verdict(Failed, "bug", &["this is a bug in tmdb-etl; please report it"])
        }
        SinkError::Encode { .. } => verdict(
            Failed,
            "encode",
            &["check that the disk has room; if it has, this is a bug in tmdb-etl: please report it"],
        ),
        SinkError::Locked { .. } => verdict(
            Locked,
            "locked",
            &[
                "wait for it, or end that process: a lock goes with its process, and its file need not be removed",
                "to run beside it, take another folder for each: `--state DIR` and `--out DIR`",
            ],
        ),
        SinkError::TableLocked { .. } => verdict(
            Locked,
            "table-locked",
            &["run the same command again when that publish is done, or write elsewhere with `--out DIR`"],
        ),
        SinkError::OtherSource { path, .. } if StoreUrl::is_meant(path) => verdict(
            Invalid,
            "other-source",
            &[
                "give the table another address in the file, or remove it with its manifest or its log; data of two sources is never mixed",
            ],
        ),
        SinkError::OtherSource { published, .. } if published == "mock" => verdict(
            Invalid,
            "other-source",
            &[
                "what is there was made up by `--mock`: remove it, or write these tables elsewhere with `--out DIR`",
            ],
        ),
        SinkError::OtherSource { .. } => verdict(
            Invalid,
            "other-source",
            &[
                "write these tables elsewhere with `--out DIR`, or remove them first; data of two sources is never mixed",
            ],
        ),
        SinkError::NoStores { .. } => verdict(
            Invalid,
            "not-in-this-build",
            &["build tmdb-etl with object stores: `cargo build --release --features cloud`"],
        ),
        SinkError::Store { url, trouble, .. } => of_trouble(url, *trouble),
        SinkError::OtherWriter { .. } => verdict(
            Failed,
            "other-writer",
            &[
                "nothing was changed by this run; run the same command again to publish over that load, or give each writer a path of its own",
            ],
        ),
        SinkError::BadRecord { .. } => {
            verdict(Failed, "bad-record", &["it was damaged from outside; move it away to go on"])
        }
        SinkError::RecordVersion { .. } => {
            verdict(Failed, "record-version", &["use the version of tmdb-etl that wrote it, or a newer one"])
        }
        SinkError::Unfinished { source, .. } => {
            let mut hints = of_sink(source).hints;
            hints.push("the next run of this pipeline finishes the publish first".to_owned());
            Verdict { exit: Failed, code: "unfinished", hints }
        }
    }
}

/// What to do about an object store.
fn of_trouble(url: &str, trouble: StoreTrouble) -> Verdict {
    use Exit::{Failed, Invalid};
    let (scheme, rest) = url.split_once("://").unwrap_or(("s3", url));
    let bucket = rest.split('/').next().unwrap_or_default();
    let (from, region, endpoint) = match scheme {
        "gs" => (
            "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
            "GOOGLE_BUCKET_LOCATION",
            "the network",
        ),
        "az" => (
            "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_STORAGE_SAS_KEY, AZURE_CLIENT_ID …)",
            "AZURE_STORAGE_ACCOUNT_NAME",
            "AZURE_STORAGE_ENDPOINT and the network",
        ),
        _ => (
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN where there is one)",
            "AWS_REGION",
            "AWS_ENDPOINT_URL and the network",
        ),
    };
    let (exit, code, hint) = match trouble {
        StoreTrouble::NoCredentials => (
            Invalid,
            "store-credentials",
            format!("set {from} for bucket `{bucket}`, or run where the machine has a role"),
        ),
        StoreTrouble::BadCredentials => {
            (Invalid, "store-credentials", format!("check {from}: bucket `{bucket}` does not take them"))
        }
        StoreTrouble::NotPermitted => (
            Invalid,
            "store-not-permitted",
            format!(
                "give the credentials the right to read, write and list objects of bucket `{bucket}`, and to abort uploads to it"
            ),
        ),
        StoreTrouble::NoBucket => (
            Invalid,
            "no-bucket",
            format!("make bucket `{bucket}`, or name one that is there; the program makes none"),
        ),
        StoreTrouble::Region => {
            (Invalid, "store-region", format!("set {region} to that of bucket `{bucket}`"))
        }
        StoreTrouble::Clock => (
            Failed,
            "store-clock",
            "set the clock of this machine, as by NTP: requests are signed with the time".to_owned(),
        ),
        StoreTrouble::Setup => (
            Invalid,
            "store-setup",
            format!("check {from}; {endpoint}; plain http needs AWS_ALLOW_HTTP=true"),
        ),
        StoreTrouble::NoConditions => (
            Invalid,
            "store-conditions",
            format!(
                "bucket `{bucket}` must take `If-Match` and `If-None-Match`: without them two writers could mix; use another store"
            ),
        ),
        StoreTrouble::Unreachable | StoreTrouble::TimedOut => {
            (Failed, "store-unreachable", format!("check {endpoint}, then run the same command again"))
        }
        StoreTrouble::Busy | StoreTrouble::UploadGone | StoreTrouble::Other => (
            Failed,
            "store",
            format!("run the same command again; if it stays so, ask whoever runs bucket `{bucket}`"),
        ),
    };
    Verdict { exit, code, hints: vec![hint] }
}
