//! Where a table goes: below `--out`, or to an object store, which not every build knows.

use std::path::{Path, PathBuf};

use crate::spec::{Faults, Kind, Project, Spec, StoreUrl};

/// `path` below `--out`, if it is relative. An object store is where it is: its address is as absolute as `/srv/films.parquet`.
pub(super) fn rooted(path: &Path, out: Option<&Path>) -> PathBuf {
    match out {
        Some(out) if path.is_relative() && !StoreUrl::is_meant(path) => out.join(path),
        _ => path.to_owned(),
    }
}

/// Tells of object stores where this build, by `known`, has none.
pub(super) fn check_stores(spec: &Spec, known: bool, faults: &mut Faults) {
    for stage in &spec.stages {
        if let Kind::Project(Project { output, .. }) = &stage.kind
            && StoreUrl::is_meant(&output.path.value)
            && !known
        {
            faults
                .error("not-in-this-build", output.path.span, "this program was built without object stores")
                .help("build it with them: `cargo build --release --features cloud`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Source, parse};

    const FILE: &str = "
version: 1
name: small
stages:
  ids: {kind: seed, ids: [1]}
  movies: {kind: fetch, path: '/movie/{id}'}
  t: {kind: project, columns: {id: int64}, output: {path: 's3://bucket/t.parquet'}}
";

    #[test]
    fn object_store_is_a_fault_where_the_build_has_none() {
        let spec = parse(&Source::new("p.yaml", FILE), &[], &|_| None).expect("no fault").spec;
        let told = |known| {
            let mut faults = Faults::default();
            check_stores(&spec, known, &mut faults);
            faults.has_errors()
        };
        assert!(told(false));
        assert!(!told(true));
    }

    #[test]
    fn out_roots_relative_paths_and_no_addresses() {
        let check = |path: &str, expect: &str| {
            assert_eq!(rooted(Path::new(path), Some(Path::new("there"))), Path::new(expect));
        };
        check("out/films.parquet", "there/out/films.parquet");
        check("/srv/films.parquet", "/srv/films.parquet");
        check("s3://bucket/films.parquet", "s3://bucket/films.parquet");
    }
}
