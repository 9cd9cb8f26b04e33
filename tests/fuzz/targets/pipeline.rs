//! Any bytes as a pipeline file: it is refused with faults that can be shown, or its plan can be described.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmdb_etl::plan::{self, Options};
use tmdb_etl::spec::Source;

fuzz_target!(|bytes: &[u8]| {
    let source = match Source::from_bytes("fuzz.yaml", bytes.to_vec()) {
        Ok(source) => source,
        Err(faults) => {
            assert!(faults.has_errors());
            return;
        }
    };
    let variables = |name: &str| (name != "ABSENT").then(|| "1".to_owned());
    match plan::read(&source, &[], &variables, &Options::default()) {
        Ok(compiled) => {
            assert!(!compiled.warnings.has_errors());
            assert!(!plan::describe(&compiled.plan).is_empty());
        }
        Err(faults) => {
            assert!(faults.has_errors());
            assert!(!faults.render(&source).is_empty());
        }
    }
});
