//! Where a table goes: below `--out`, or to an object store; and whether this build knows such a place and such a table.

use std::path::{Path, PathBuf};

use crate::spec::{Faults, Kind, Layout, Project, Spec, StoreUrl};

/// `path` below `--out`, if it is relative. An object store is where it is: its address is as absolute as `/srv/films.parquet`.
pub(super) fn rooted(path: &Path, out: Option<&Path>) -> PathBuf {
    match out {
        Some(out) if path.is_relative() && !StoreUrl::is_meant(path) => out.join(path),
        _ => path.to_owned(),
    }
}

/// Tells of tables that need what this build has not: object stores, Delta tables, or both.
pub(super) fn check_build(spec: &Spec, stores: bool, delta_tables: bool, faults: &mut Faults) {
    for stage in &spec.stages {
        let Kind::Project(Project { output, .. }) = &stage.kind else { continue };
        let is_delta = matches!(output.layout, Layout::Delta(_));
        let in_store = StoreUrl::is_meant(&output.path.value);
        let format_at = output.format_at.unwrap_or(output.path.span);
        let (what, span) = match (in_store && !stores, is_delta && !delta_tables) {
            (true, true) => ("object stores and Delta tables", output.path.span),
            (true, false) => ("object stores", output.path.span),
            (false, true) => ("Delta tables", format_at),
            (false, false) => continue,
        };
        // The command names all that the table needs, as it takes the place of the build that is there.
        let features = match (in_store, is_delta) {
            (true, true) => "cloud,delta",
            (true, false) => "cloud",
            (false, _) => "delta",
        };
        faults
            .error("not-in-this-build", span, format!("this program was built without {what}"))
            .help(format!("build it with them: `cargo build --release --features {features}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Fault, Source, parse};

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
            check_build(&spec, known, false, &mut faults);
            faults.has_errors()
        };
        assert!(told(false));
        assert!(!told(true));
    }

    #[test]
    fn delta_table_in_a_store_needs_both_and_the_command_names_both() {
        let file = FILE.replace("t.parquet'", "t', format: delta");
        let spec = parse(&Source::new("p.yaml", file.as_str()), &[], &|_| None).expect("no fault").spec;
        let told = |stores, delta_tables| {
            let mut faults = Faults::default();
            check_build(&spec, stores, delta_tables, &mut faults);
            let text = |fault: &Fault| format!("{}; {}", fault.message(), fault.hint().unwrap_or_default());
            faults.iter().map(text).collect::<String>()
        };
        let build = "build it with them: `cargo build --release --features cloud,delta`";
        for (stores, delta_tables, what) in [
            (false, false, "object stores and Delta tables"),
            (false, true, "object stores"),
            (true, false, "Delta tables"),
        ] {
            let expect = format!("this program was built without {what}; {build}");
            assert_eq!(told(stores, delta_tables), expect);
        }
        assert_eq!(told(true, true), "");
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
