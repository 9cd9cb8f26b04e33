//! The text of a pipeline file and how it is read.
//!
//! Belongs here: bytes to text, with the limits on size and encoding. Does not belong here: what the
//! text means. Invariant: a [`Source`] is UTF-8 and at most [`SOURCE_BYTES_MAX`] long.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::fault::Faults;
use super::model::Span;
use super::nearest::nearest;

/// Largest pipeline file. The longest useful ones list some ten thousand ids; at 1 MiB a slip (a dataset
/// given in place of a pipeline) is refused before any parsing.
pub const SOURCE_BYTES_MAX: usize = 1024 * 1024;

/// A pipeline file: its name for messages, and its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The path as it was given.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A source with this name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// A source that could not be read: to render the faults of [`read`] with.
    pub fn unread(path: &Path) -> Self {
        Self::new(path.display().to_string(), "")
    }

    /// Checks size and encoding of `bytes`.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, Faults> {
        let name = name.into();
        if bytes.len() > SOURCE_BYTES_MAX {
            return Err(too_large(&name));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text }),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let bytes = error.as_bytes();
                let line = bytes[..valid].split(|&byte| byte == b'\n').count();
                let mut faults = Faults::default();
                if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                    faults
                        .error_without_place("not-utf8", format!("`{name}` is UTF-16"))
                        .help("save the file as UTF-8; PowerShell's `>` writes UTF-16");
                    return Err(faults);
                }
                faults
                    .error_without_place(
                        "not-utf8",
                        format!("`{name}` is not UTF-8: line {line} has the byte 0x{:02x}", bytes[valid]),
                    )
                    .help("save the file as UTF-8");
                Err(faults)
            }
        }
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let (line, start) = self.line_start(byte);
        let column = self.text.get(start..byte.min(self.text.len())).map_or(0, |text| text.chars().count());
        (line, column + 1)
    }

    /// Number (from 1) and first byte of the line that holds `byte`.
    pub(super) fn line_start(&self, byte: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..byte.min(self.text.len())];
        let line = before.split(|&byte| byte == b'\n').count();
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        (line, start)
    }

    /// `span` moved into the text, onto character boundaries, and cut at the end of its first line.
    pub(super) fn on_one_line(&self, span: Span) -> Span {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = span.end.clamp(start, self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        let line_end = self.text[start..end].find(['\n', '\r']).map_or(end, |at| start + at);
        Span { start, end: line_end }
    }
}

/// Reads a pipeline file. The size is checked before and while reading, so that a device or a growing
/// file ends as well.
pub fn read(path: &Path) -> Result<Source, Faults> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        let mut faults = Faults::default();
        let fault = faults.error_without_place("is-directory", format!("`{name}` is a directory"));
        match pipelines_in(path).first() {
            Some(first) => fault.help(format!("name a file in it, such as `{}`", path.join(first).display())),
            None => fault.help("name the pipeline file; there is no `.yaml` file in it"),
        };
        return Err(faults);
    }
    if metadata.len() > SOURCE_BYTES_MAX as u64 {
        return Err(too_large(&name));
    }
    read_from(name, file).map_err(|error| unreadable(path, &error))?
}

/// Reads a pipeline called `name` to its end, or to one byte more than it may have.
///
/// # Errors
/// The outer one is of the reader, the inner one of what was read.
pub fn read_from(name: impl Into<String>, reader: impl Read) -> io::Result<Result<Source, Faults>> {
    let mut bytes = Vec::new();
    reader.take(SOURCE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Source::from_bytes(name, bytes))
}

/// Names of the YAML files of a folder, sorted.
fn pipelines_in(folder: &Path) -> Vec<String> {
    /// Entries of a folder that are looked at.
    const ENTRIES_MAX: usize = 1_000;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(ENTRIES_MAX).flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names
        .filter(|name| name.rsplit_once('.').is_some_and(|(_, end)| ["yaml", "yml"].contains(&end)))
        .collect();
    names.sort();
    names
}

fn too_large(name: &str) -> Faults {
    let mut faults = Faults::default();
    faults
        .error_without_place("too-large", format!("`{name}` is larger than {SOURCE_BYTES_MAX} bytes"))
        .help("a pipeline file describes the flow; long lists of ids belong in a file of their own");
    faults
}

fn unreadable(path: &Path, error: &io::Error) -> Faults {
    let name = path.display();
    let mut faults = Faults::default();
    if error.kind() == io::ErrorKind::NotFound {
        let fault = faults.error_without_place("not-found", format!("there is no file `{name}`"));
        let folder = path.parent().unwrap_or(Path::new(""));
        let wanted = path.file_stem().unwrap_or_default().to_string_lossy();
        let known = pipelines_in(folder);
        let stem = |name: &str| name.rsplit_once('.').map_or(String::new(), |(stem, _)| stem.to_owned());
        let stems: Vec<String> = known.iter().map(|name| stem(name)).collect();
        let near = nearest(&wanted, stems.iter().map(String::as_str));
        let near = near.and_then(|near| known.iter().find(|name| stem(name) == near));
        match near {
            Some(near) => fault.help(format!("did you mean `{}`?", folder.join(near).display())),
            None => fault.help(
                "paths start in the working directory; `tmdb-etl init` writes a pipeline to start from",
            ),
        };
    } else {
        faults
            .error_without_place("unreadable", format!("`{name}` cannot be read: {error}"))
            .help("a pipeline is a file that this user may read; `-` reads standard input");
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(result: Result<Source, Faults>, code: &str) {
        let faults = result.expect_err("a fault");
        assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), [code]);
    }

    #[test]
    fn what_cannot_be_a_pipeline_is_a_fault_before_parsing() {
        let folder = tempfile::tempdir().expect("a folder");
        let large = folder.path().join("large.yaml");
        std::fs::write(&large, vec![b'#'; SOURCE_BYTES_MAX + 1]).expect("written");
        check(read(&folder.path().join("none.yaml")), "not-found");
        check(read(folder.path()), "is-directory");
        check(read(&large), "too-large");
        check(Source::from_bytes("x", vec![b'#'; SOURCE_BYTES_MAX + 1]), "too-large");
        check(Source::from_bytes("x", b"name: caf\xe9\n".to_vec()), "not-utf8");
    }

    #[test]
    fn a_file_of_exactly_the_limit_is_read() {
        let source = Source::from_bytes("x", vec![b'#'; SOURCE_BYTES_MAX]).expect("within the limit");
        assert_eq!(source.text.len(), SOURCE_BYTES_MAX);
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::new("x", "a: 1\nü: é\n");
        assert_eq!(source.line_column(source.text.find('é').expect("there")), (2, 4));
    }
}
