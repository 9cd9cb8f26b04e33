//! Where the program is run, and its output without what differs from run to run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The pipeline that every place has.
pub const SMALL: &str = "\
version: 1
name: small
params: {least: 0}
api: {rate: 1000/s}
stages:
  ids: {kind: seed, ids: [1726, 24428, 299536], where: .id > $params.least}
  movies: {kind: fetch, path: '/movie/{id}'}
  films:
    kind: project
    columns:
      id: {type: int64, required: true}
      title: string
      year: {type: int32, value: .release_date}
    output: {path: out/films.parquet}
";

/// A folder to work in, with a small pipeline.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("small.yaml", SMALL);
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub fn command(&self, arguments: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tmdb-etl"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for name in
            ["TMDB_TOKEN", "TMDB_API_KEY", "TMDB_BASE_URL", "NO_COLOR", "CI", "SSL_CERT_FILE", "SSL_CERT_DIR"]
        {
            command.env_remove(name);
        }
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_ascii_lowercase());
        }
        command.envs(env.iter().copied());
        command
    }

    pub fn run(&self, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        self.command(arguments, env).output().unwrap()
    }

    /// Exit code, stdout and stderr as one text, without what differs from run to run.
    pub fn shown(&self, output: &Output) -> String {
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let code = output.status.code().expect("it ended by itself");
        let shown = format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}");
        shown.lines().map(|line| self.masked(line) + "\n").collect()
    }

    pub fn check(&self, arguments: &[&str], env: &[(&str, &str)]) -> String {
        self.shown(&self.run(arguments, env))
    }

    pub fn masked(&self, line: &str) -> String {
        let line = line.replace(&self.path().display().to_string(), "[folder]");
        let line = masked_after(&line, "127.0.0.1:", "[port]", |c| c.is_ascii_digit());
        let line = masked_after(&line, "held by ", "[holder]", |c| c != '"');
        if line.starts_with("{\"status\"") {
            return pretty(&line);
        }
        if line.contains(" limited this run") {
            return "[verdict]".to_owned();
        }
        if line.starts_with("report: ") && line.ends_with("/report.html") {
            return "report: [report]".to_owned();
        }
        let mut words: Vec<&str> = line.trim_start().split(' ').filter(|word| !word.is_empty()).collect();
        // Widths of columns follow from what is masked.
        let mut differs = ["table", "stage"].contains(words.first().unwrap_or(&""));
        for index in 0..words.len() {
            let is_number = words[index].trim_start_matches('(').starts_with(|c: char| c.is_ascii_digit());
            let unit = words.get(index + 1).map(|unit| unit.trim_end_matches([',', ')', ':']));
            if is_run_id(words[index]) {
                (words[index], differs) = ("[run]", true);
            } else if is_number && unit.is_some_and(|unit| ["ms", "s", "B", "KiB"].contains(&unit)) {
                (words[index], differs) = ("#", true);
            }
        }
        let indent = " ".repeat(line.len() - line.trim_start().len());
        if differs { indent + &words.join(" ") } else { line }
    }

    /// Every file below the folder.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut open = vec![self.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { open.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn masked_after(line: &str, mark: &str, shown: &str, hides: fn(char) -> bool) -> String {
    let Some(at) = line.find(mark).map(|at| at + mark.len()) else { return line.to_owned() };
    let end = line[at..].find(|c| !hides(c)).map_or(line.len(), |end| at + end);
    format!("{}{shown}{}", &line[..at], &line[end..])
}

/// `20261122T195012Z-4f3a9c01`
fn is_run_id(word: &str) -> bool {
    word.len() == 25 && word.as_bytes()[8] == b'T' && &word[15..17] == "Z-"
}

/// The object of `--output json`, its times, sizes and ids replaced by their kinds.
pub fn pretty(object: &str) -> String {
    let mut object: Value = serde_json::from_str(object).expect("one JSON object in a line");
    assert!(object["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0));
    object["seconds"] = json!("[seconds]");
    if let Some(run) = object["run"].as_str() {
        assert!(is_run_id(run));
        object["run"] = json!("[run]");
    }
    if let Some(words) = object["verdict"]["words"].as_str() {
        assert!(words.contains(" limited this run"), "{words}");
        object["verdict"] = json!("[verdict]");
    }
    if let Some(report) = object["report"].as_str() {
        assert!(report.ends_with("/report.html"), "{report}");
        object["report"] = json!("[report]");
    }
    for table in object["tables"].as_array_mut().expect("a list") {
        assert!(table["bytes"].as_u64().is_some_and(|bytes| bytes > 0));
        table["bytes"] = json!("[bytes]");
    }
    serde_json::to_string_pretty(&object).unwrap()
}
