//! `init [NAME]`: a commented pipeline to start from.
//!
//! The templates stand beside this file as YAML with the words `NAME` and `FILE` to be filled in. Invariants: what is
//! written has no fault and runs with `--mock` as it stands; a file that is there is not overwritten unasked.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::exit::Exit;
use super::help;
use super::printer::Printer;
use super::problem::{Problem, Verdict, verdict};
use crate::spec::{self, is_pipeline_name};

/// The file that a schema is written to, beside the pipeline.
const SCHEMA_FILE: &str = "tmdb-etl.schema.json";

/// Write a commented starter pipeline.
#[derive(Debug, clap::Args)]
#[command(long_about = help::INIT, after_long_help = help::INIT_EXAMPLES)]
pub(super) struct Arguments {
    /// The pipeline's name: small letters, digits, `_` and `-`; also the name of its file.
    #[arg(value_name = "NAME", default_value = "films")]
    name: String,
    /// What to start from.
    #[arg(short, long, value_name = "TEMPLATE", value_enum, default_value_t = Template::Films)]
    template: Template,
    /// Where to write; `-` is standard output [default: NAME.yaml].
    #[arg(short = 'o', long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Overwrite a file that is there.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Template {
    /// A ranked list, films similar to it, and their directors.
    Films,
    /// People, their roles and the films of those.
    People,
    /// Series, their seasons and episodes.
    Series,
    /// A search by year, votes or language.
    Discover,
}

impl Template {
    fn text(self) -> &'static str {
        match self {
            Self::Films => include_str!("init/films.yaml"),
            Self::People => include_str!("init/people.yaml"),
            Self::Series => include_str!("init/series.yaml"),
            Self::Discover => include_str!("init/discover.yaml"),
        }
    }

    /// The stage whose documents are worth a look first.
    fn first_look(self) -> &'static str {
        match self {
            Self::Films | Self::Discover => "movies",
            Self::People => "people",
            Self::Series => "shows",
        }
    }

    /// The whole file.
    fn filled(self, name: &str, file: &str) -> String {
        self.text().replace("NAME", name).replace("FILE", &quoted(file))
    }
}

/// Why no starter was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum InitError {
    /// The name cannot be a pipeline's.
    #[error("`{name}` is no name of a pipeline: small letters, digits, `_` and `-`, at most 64")]
    Name { name: String, nearest: Option<String>, file: Option<PathBuf> },
    /// The file is there.
    #[error("`{}` is there already", path.display())]
    Exists { path: PathBuf },
    /// The disk refuses.
    #[error("write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl InitError {
    /// What follows from it.
    pub(super) fn verdict(&self) -> Verdict {
        use Exit::{Failed, Invalid};
        match self {
            Self::Name { nearest, file, .. } => {
                let name = nearest.as_deref().unwrap_or("films");
                let file =
                    file.as_ref().map(|file| format!(" --file {}", quoted(&file.display().to_string())));
                let hint = format!("`tmdb-etl init {name}{}`", file.unwrap_or_default());
                Verdict { exit: Invalid, code: "bad-name", hints: vec![hint] }
            }
            Self::Exists { .. } => verdict(
                Invalid,
                "exists",
                &["give it another name, write elsewhere with `--file PATH`, or overwrite it with `--force`"],
            ),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::NotFound => verdict(
                Invalid,
                "not-found",
                &["make its folder first, or write elsewhere with `--file PATH`"],
            ),
            Self::Write { .. } => {
                verdict(Failed, "not-written", &["write elsewhere with `--file PATH`; `--file -` prints it"])
            }
        }
    }
}

/// Writes the starter and says what to do next.
pub(super) fn execute(arguments: &Arguments, printer: &Printer) -> Exit {
    match write(arguments, printer) {
        Ok(()) => Exit::Complete,
        Err(error) => {
            let problem = Problem::from(error);
            printer.talk(&problem.render(printer.is_coloured()));
            problem.verdict().exit
        }
    }
}

fn write(arguments: &Arguments, printer: &Printer) -> Result<(), InitError> {
    let (name, template) = (&arguments.name, arguments.template);
    if !is_pipeline_name(name) {
        return Err(refused(name));
    }
    let path = arguments.file.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.yaml")));
    if path.as_os_str() == "-" {
        printer.data(&template.filled(name, &format!("{name}.yaml")));
        return Ok(());
    }
    // As an argument it must not look like an option.
    let dash = if path.as_os_str().as_encoded_bytes().starts_with(b"-") { "./" } else { "" };
    let file = format!("{dash}{}", path.display());
    create(&path, &template.filled(name, &file), arguments.force)?;
    let (file, look) = (quoted(&file), template.first_look());
    printer.talk(&format!(
        "wrote {file}, and beside it {SCHEMA_FILE} for editors\n\
         next:\n\
         \x20 tmdb-etl run {file} --mock          run it: the embedded API, no account needed\n\
         \x20 tmdb-etl show {file} {look} --mock  see what the API answers, while you write expressions\n\
         \x20 tmdb-etl plan {file}                see what it means, and how many requests it makes\n\
         \x20 tmdb-etl validate {file}            check it after every change\n"
    ));
    Ok(())
}

/// Writes the file, and beside it the schema that its first line names.
fn create(path: &Path, text: &str, force: bool) -> Result<(), InitError> {
    let failed = |path: &Path, source: io::Error| match source.kind() {
        ErrorKind::AlreadyExists => InitError::Exists { path: path.to_owned() },
        _ => InitError::Write { path: path.to_owned(), source },
    };
    // Not "is it there?" and then "write it": in between somebody else may have written it.
    let mut options = OpenOptions::new();
    let options = if force { options.create(true).truncate(true) } else { options.create_new(true) };
    let mut file = options.write(true).open(path).map_err(|error| failed(path, error))?;
    let whole = format!("# yaml-language-server: $schema={SCHEMA_FILE}\n{text}");
    file.write_all(whole.as_bytes()).map_err(|error| failed(path, error))?;
    // It is the same for every pipeline and belongs to this version of the program, so it may be replaced.
    let beside = path.with_file_name(SCHEMA_FILE);
    fs::write(&beside, spec::schema()).map_err(|source| InitError::Write { path: beside, source })
}

/// What is wrong with a name, and what may have been meant: often the name of a file.
fn refused(name: &str) -> InitError {
    let path = Path::new(name);
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_file =
        name.contains(['/', '\\']) || ["yaml", "yml"].contains(&extension.to_ascii_lowercase().as_str());
    let stem =
        if is_file { path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default() } else { name };
    let letters: String =
        stem.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c.to_ascii_lowercase() } else { '_' }
            })
            .take(64)
            .collect();
    let nearest = Some(letters.trim_matches('_').to_owned()).filter(|name| is_pipeline_name(name));
    InitError::Name { name: name.to_owned(), nearest, file: is_file.then(|| path.to_owned()) }
}

/// `path` as a shell reads it as one word.
pub(super) fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '\\' | ':' | '+' | '~');
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Options, read};
    use crate::spec::Source;

    #[test]
    fn every_template_is_a_pipeline_without_a_fault() {
        for template in Template::value_variants() {
            let text = template.filled("my-films_2", "my-films_2.yaml");
            let source = Source::new("my-films_2.yaml", &*text);
            match read(&source, &[], &|_| None, &Options::default()) {
                Ok(compiled) => {
                    assert!(compiled.warnings.is_empty(), "{}", compiled.warnings.render(&source));
                    assert_eq!(compiled.plan.name, "my-films_2");
                    assert!(compiled.plan.point(template.first_look()).is_ok());
                }
                Err(faults) => panic!("{}", faults.render(&source)),
            }
            assert!(!text.contains("NAME") && !text.contains("FILE"), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{template:?}");
        }
    }

    #[test]
    fn a_name_that_is_none_has_a_suggestion() {
        let check = |name: &str, expect: Option<&str>, file: bool| {
            let InitError::Name { nearest, file: found, .. } = refused(name) else { panic!("refused") };
            assert_eq!((nearest.as_deref(), found.is_some()), (expect, file), "{name}");
        };
        check("My Films", Some("my_films"), false);
        check("films.yaml", Some("films"), true);
        check("pipelines/Films.YML", Some("films"), true);
        check("1:2", Some("1_2"), false);
        check("映画", None, false);
        check("", None, false);
        check("..", None, false);
        check(&"x".repeat(99), Some(&"x".repeat(64)), false);
    }

    #[test]
    fn schema_goes_beside_and_is_named_in_the_first_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("films.yaml");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("read");
        create(&path, "version: 1\n", false).expect("written");
        let first = "# yaml-language-server: $schema=tmdb-etl.schema.json\n";
        assert_eq!(read("films.yaml"), format!("{first}version: 1\n"));
        assert_eq!(read(SCHEMA_FILE), spec::schema());
        assert!(matches!(create(&path, "", false), Err(InitError::Exists { .. })));
        create(&path, "x", true).expect("overwritten");
        assert_eq!(read("films.yaml"), format!("{first}x"));
    }
}
