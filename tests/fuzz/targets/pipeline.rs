//! Any bytes as a pipeline file: it is refused with faults that can be shown, or its plan can be described.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmdb_etl::plan::{self, Options, Outlook};
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
            let outlook = Outlook::default();
            assert!(!plan::describe(&compiled.plan, &outlook).is_empty());
            assert!(plan::to_json(&compiled.plan, &outlook).is_object());
            assert!(plan::to_mermaid(&compiled.plan).starts_with("flowchart"));
        }
        Err(faults) => {
            assert!(faults.has_errors());
            assert!(!faults.render(&source).is_empty());
        }
    }
});
