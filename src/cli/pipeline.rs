//! From a file's path to its plan, or to all of its faults; and how those are told.

use std::path::Path;

use serde_json::{Value, json};

use super::last_run;
use super::printer::Printer;
use super::problem::Problem;
use crate::plan::{self, Options, Plan, SeedItems, SeedPlan, StageKind};
use crate::spec::{self, Faults, Severity, Source};

/// What was found in a file beside its plan.
#[derive(Debug)]
pub(super) struct Findings {
    source: Source,
    faults: Faults,
}

/// Reads and compiles the pipeline at `path`. The plan is `None` if the findings hold an error.
pub(super) fn load(
    path: &Path,
    overrides: &[(String, String)],
    options: &Options,
) -> (Option<Plan>, Findings) {
    let source = match source(path) {
        Ok(source) => source,
        Err(faults) => return (None, Findings { source: Source::unread(path), faults }),
    };
    let (plan, faults) = match plan::read(&source, overrides, &|name| std::env::var(name).ok(), options) {
        Ok(compiled) => {
            let mut warnings = compiled.warnings;
            last_run::warn(&compiled.plan, &mut warnings);
            (Some(compiled.plan), warnings)
        }
        Err(faults) => (None, faults),
    };
    (plan, Findings { source, faults })
}

/// The file at `path`, or standard input for `-`.
pub(super) fn source(path: &Path) -> Result<Source, Faults> {
    if path.as_os_str() != "-" {
        return spec::read(path);
    }
    spec::read_from("<stdin>", std::io::stdin().lock()).unwrap_or_else(|error| {
        let mut faults = Faults::default();
        faults
            .error_without_place("unreadable", format!("standard input cannot be read: {error}"))
            .help("name a file instead of `-`");
        Err(faults)
    })
}

impl Findings {
    /// What is wrong with what was not loaded as a file.
    pub(super) fn new(source: Source, faults: Faults) -> Self {
        Self { source, faults }
    }

    /// Warns of files of seeds that are not there: a run may come later, or elsewhere.
    pub(super) fn look_for_files(&mut self, plan: Option<&Plan>) {
        for stage in plan.into_iter().flat_map(|plan| &plan.stages) {
            let StageKind::Seed(SeedPlan { source: SeedItems::File(file), .. }) = &stage.kind else {
                continue;
            };
            let (path, span) = (&file.path.value, file.path.span);
            if !path.exists() {
                self.faults
                    .warning("no-such-file", span, format!("there is no file `{}`", path.display()))
                    .help("a run looks for it from the folder in which it is started");
            }
        }
    }

    /// How many errors, and how many warnings.
    pub(super) fn counts(&self) -> (usize, usize) {
        let warnings = self.faults.iter().filter(|fault| fault.severity == Severity::Warning).count();
        (self.faults.errors(), warnings)
    }

    /// The name of the file.
    pub(super) fn file(&self) -> &str {
        &self.source.name
    }

    /// Tells all of them at once.
    pub(super) fn tell(&self, printer: &Printer) {
        if self.faults.is_empty() {
            return;
        }
        let text = if printer.is_coloured() {
            self.faults.render_styled(&self.source)
        } else {
            self.faults.render(&self.source)
        };
        printer.talk(&format!("{text}\n"));
    }

    /// As the problem that keeps a command from going on.
    pub(super) fn problem(&self) -> Problem {
        Problem::Faults { file: self.source.name.clone(), count: self.faults.errors() }
    }

    /// Errors and warnings for a machine, in the order of the file.
    pub(super) fn to_json(&self) -> Value {
        let faults = self.faults.iter().map(|fault| {
            let place = fault.span.map(|span| self.source.line_column(span.start));
            json!({
                "severity": match fault.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                },
                "code": fault.code,
                "file": self.source.name,
                "line": place.map(|(line, _)| line),
                "column": place.map(|(_, column)| column),
                "message": fault.message(),
                "help": fault.hint(),
            })
        });
        faults.collect()
    }
}

/// `--set NAME=VALUE` as typed.
pub(super) fn parse_set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("it is like `min_votes=500`".to_owned()),
    }
}
