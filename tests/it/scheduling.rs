//! The examples of `docs/SCHEDULING.md`, run: their command lines against the embedded API, their scripts for every exit
//! code, their YAML parsed; and the Dockerfile, linted.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tmdb_etl::mock::{self, Config, Mock};
use tokio::runtime::Runtime;

use crate::docs::blocks::{Block, blocks};

/// Every exit code that a run may have, and one of a process that was killed.
const CODES: [i32; 8] = [0, 1, 2, 3, 4, 130, 137, 143];

fn page() -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SCHEDULING.md");
    blocks("docs/SCHEDULING.md", &fs::read_to_string(path).unwrap())
}

/// The text of the block of this name.
fn file(name: &str) -> String {
    let found = page().into_iter().find(|block| block.mark("file") == Some(name));
    found.unwrap_or_else(|| panic!("no block is `file={name}`")).text
}

/// The documents of the YAML of one system.
fn yaml(of: &str) -> Vec<Value> {
    let block = page().into_iter().find(|block| block.mark("of") == Some(of)).expect("a block");
    let documents = block.text.split("\n---\n");
    documents
        .map(|text| serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}")))
        .collect()
}

/// A machine with the program, `films.yaml` in `/srv/tmdb`, and an API; the paths of the page lead into it.
struct Machine {
    folder: tempfile::TempDir,
    mock: Option<Mock>,
    runtime: Runtime,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bin", "srv", "pipeline", "data", "elsewhere"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_tmdb-etl"), folder.path().join("bin/tmdb-etl")).unwrap();
        let pipeline = "version: 1\nname: films\nstages:\n  ids: {kind: seed, ids: [1726, 24428]}\n  movies: {kind: fetch, path: '/movie/{id}'}\n  \
                        films: {kind: project, columns: {id: int64}, output: {path: out/films.parquet}}\n";
        fs::write(folder.path().join("srv/films.yaml"), pipeline).unwrap();
        fs::write(folder.path().join("srv/credential"), "export TMDB_TOKEN=any\n").unwrap();
        let runtime = Runtime::new().unwrap();
        let mock = runtime.block_on(mock::start(Config::default())).unwrap();
        Self { folder, mock: Some(mock), runtime }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that ends with `code` instead of ours.
    fn with_code(code: i32) -> Self {
        let machine = Self::new();
        let status = ["complete", "failed", "invalid", "partial", "locked"];
        let status = usize::try_from(code).ok().and_then(|code| status.get(code)).unwrap_or(&"stopped");
        let printed = format!(
            r#"{{"status":"{status}","tables":[{{"name":"films","rows":2}}],"failed":1,"error":{{"message":"the reason"}}}}"#
        );
        let program = machine.path("bin/tmdb-etl");
        fs::remove_file(&program).unwrap();
        fs::write(&program, format!("#!/bin/sh\necho '{printed}'\necho talk >&2\nexit {code}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        machine
    }

    /// A text of the page with its places put into this machine.
    fn placed(&self, text: &str) -> String {
        let place = |name: &str| self.path(name).display().to_string();
        text.replace("/usr/local/bin/", &format!("{}/", place("bin")))
            .replace("/srv/tmdb", &place("srv"))
            .replace("/pipeline", &place("pipeline"))
            .replace("/data", &place("data"))
    }

    fn command(&self, program: &str, folder: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        let mock = self.mock.as_ref().expect("it runs until the end");
        command
            .current_dir(self.path(folder))
            .stdin(Stdio::null())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("TMDB_BASE_URL", mock.base_url())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("TMDB_API_KEY")
            .env_remove("TMDB_TOKEN");
        command
    }

    fn shell(&self, options: &str, script: &str, folder: &str) -> Output {
        self.command("sh", folder).env("TMDB_TOKEN", "any").args([options, script]).output().unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mock) = self.mock.take() {
            self.runtime.block_on(mock.stop());
        }
    }
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}

fn is_complete(json: &[u8]) -> bool {
    serde_json::from_slice::<Value>(json).is_ok_and(|object| object["status"] == "complete")
}

/// The values of a key in an ini file.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn the_line_of_cron_starts_the_script_and_it_publishes() {
    let machine = Machine::new();
    let script = machine.path("srv/films.sh");
    fs::write(&script, machine.placed(&file("films.sh"))).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let table = page().into_iter().find(|block| block.language() == "crontab").expect("a crontab").text;
    let lines: Vec<&str> = table.lines().filter(|line| !line.contains('=')).collect();
    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    let words: Vec<&str> = line.splitn(6, ' ').collect();
    let is_time = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit() || b"*,-/".contains(&byte));
    assert!(words.len() == 6 && words[..5].iter().all(is_time) && !words[5].contains('%'), "{line}");
    let output = machine.shell("-c", &machine.placed(words[5]), "elsewhere");
    assert!(output.status.success() && output.stdout.is_empty(), "{}", told(&output));
    assert!(is_complete(&fs::read(machine.path("srv/last.json")).unwrap()));
    assert!(machine.path("srv/out/films.parquet").exists());
}

#[test]
fn the_script_of_cron_speaks_and_fails_as_the_exit_code_asks() {
    for code in CODES {
        let machine = Machine::with_code(code);
        let output = machine.shell("-c", &machine.placed(&file("films.sh")), "elsewhere");
        let expect = if matches!(code, 0 | 3 | 4) { 0 } else { code };
        assert_eq!(output.status.code(), Some(expect), "{code}: {}", told(&output));
        assert_eq!(output.stdout.is_empty(), matches!(code, 0 | 4), "{code}: {}", told(&output));
    }
}

#[test]
fn the_command_of_the_service_publishes_and_systemd_can_read_its_units() {
    let machine = Machine::new();
    let service = file("tmdb-films.service");
    let [start] = values(&service, "ExecStart")[..] else { panic!("one command") };
    assert_eq!(values(&service, "WorkingDirectory"), ["/srv/tmdb"]);
    assert_eq!(values(&service, "SuccessExitStatus"), ["3 4"]);
    let output = machine.shell("-c", &machine.placed(start), "srv");
    assert!(output.status.success() && is_complete(&output.stdout), "{}", told(&output));
    let timer = file("tmdb-films.timer");
    assert_eq!(values(&timer, "OnCalendar"), ["*-*-* 03:15:00"]);

    // Where systemd is installed, it says itself what it thinks of them.
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    };
    assert!(version.status.success());
    let units = [("tmdb-films.service", service), ("tmdb-films.timer", timer)];
    for (name, text) in &units {
        let text = text.replace("User=tmdb\n", "").replace("EnvironmentFile=", "EnvironmentFile=-");
        fs::write(machine.path(name), machine.placed(&text)).unwrap();
    }
    let calendar = Command::new("systemd-analyze").args(["calendar", "*-*-* 03:15:00"]).output().unwrap();
    assert!(calendar.status.success(), "{}", told(&calendar));
    let verify = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(units.map(|(name, _)| machine.path(name)))
        .output()
        .unwrap();
    // Of units of the system it may have something to say, too.
    let words = told(&verify);
    let ours: Vec<&str> = words.lines().filter(|line| line.contains("tmdb-films")).collect();
    assert!(ours.is_empty(), "{words}");
}

#[test]
fn the_arguments_of_the_cronjob_publish_from_a_read_only_root() {
    let machine = Machine::new();
    let documents = yaml("kubernetes");
    let [map, job] = documents.as_slice() else { panic!("a ConfigMap and a CronJob") };
    assert_eq!((&map["kind"], &job["kind"]), (&"ConfigMap".into(), &"CronJob".into()));
    for (name, pipeline) in map["data"].as_object().expect("files") {
        fs::write(machine.path("pipeline").join(name), pipeline.as_str().expect("a text")).unwrap();
    }
    assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
    let spec = &job["spec"]["jobTemplate"]["spec"];
    let codes = &spec["podFailurePolicy"]["rules"][0]["onExitCodes"];
    assert_eq!(codes["values"], serde_json::json!([2, 3, 4]));
    let pod = &spec["template"]["spec"];
    assert_eq!(
        (&pod["restartPolicy"], &pod["securityContext"]["runAsNonRoot"]),
        (&"Never".into(), &true.into())
    );
    let container = &pod["containers"][0];
    assert_eq!(codes["containerName"], container["name"]);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    // Every mount has its volume, and every place of the arguments its mount.
    let names = |list: &Value, key: &str| -> Vec<String> {
        list.as_array()
            .expect("a list")
            .iter()
            .map(|one| one[key].as_str().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(names(&container["volumeMounts"], "name"), names(&pod["volumes"], "name"));
    let mounts = names(&container["volumeMounts"], "mountPath");
    let arguments: Vec<String> = container["args"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|word| word.as_str().expect("a word").to_owned())
        .collect();
    for place in arguments.iter().filter(|word| word.starts_with('/')) {
        assert!(mounts.iter().any(|mount| place.starts_with(mount.as_str())), "{place}");
    }
    let arguments = arguments.iter().map(|word| machine.placed(word));
    let program = machine.path("bin/tmdb-etl");
    let output = machine
        .command(program.to_str().unwrap(), "elsewhere")
        .env("TMDB_TOKEN", "any")
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success() && is_complete(&output.stdout), "{}", told(&output));
    assert!(machine.path("data/out/films.parquet").exists());
    assert!(
        machine.path("data/state/films").exists()
            || machine.path("data/state").read_dir().unwrap().count() > 0
    );
    assert_eq!(machine.path("elsewhere").read_dir().unwrap().count(), 0, "nothing is written to the root");
    assert_eq!(
        machine.path("pipeline").read_dir().unwrap().count(),
        1,
        "nothing is written beside the pipeline"
    );
}

/// As much of Airflow as a DAG needs to be imported.
const STAND_IN: &str = "
import sys, types
exceptions, sdk = types.ModuleType('airflow.sdk.exceptions'), types.ModuleType('airflow.sdk')
for name in ('AirflowException', 'AirflowFailException', 'AirflowSkipException'):
    setattr(exceptions, name, type(name, (Exception,), {}))
sdk.dag = lambda **settings: lambda function: function
sdk.task = lambda function: lambda: None
sys.modules.update({'airflow': types.ModuleType('airflow'), 'airflow.sdk.exceptions': exceptions, 'airflow.sdk': sdk})
import tmdb_films
try:
    print('tables', tmdb_films.run(tmdb_films.COMMAND, tmdb_films.FOLDER))
except Exception as error:
    print(type(error).__name__, error)
";

#[test]
fn the_task_of_airflow_ends_as_the_exit_code_asks() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: python3 is not installed");
        return;
    }
    let run = |machine: &Machine| {
        fs::write(machine.path("srv/tmdb_films.py"), machine.placed(&file("tmdb_films.py"))).unwrap();
        let output = machine
            .command("python3", "srv")
            .env("TMDB_TOKEN", "any")
            .args(["-c", STAND_IN])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", told(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(run(&Machine::new()), "tables {'films': 2}");
    for code in CODES {
        let expect = match code {
            0 | 3 => "tables {'films': 2}".to_owned(),
            4 => "AirflowSkipException another run of this pipeline is under way".to_owned(),
            2 => "AirflowFailException invalid: the reason".to_owned(),
            1 => "AirflowException failed with exit code 1: the reason".to_owned(),
            _ => format!("AirflowException stopped with exit code {code}: the reason"),
        };
        assert_eq!(run(&Machine::with_code(code)), expect);
    }
}

#[test]
fn airflow_imports_the_dag() {
    let Ok(python) = std::env::var("AIRFLOW_PYTHON") else {
        eprintln!("skipped: AIRFLOW_PYTHON names no Python that has Airflow");
        return;
    };
    let machine = Machine::new();
    fs::write(machine.path("srv/tmdb_films.py"), file("tmdb_films.py")).unwrap();
    let script = "import tmdb_films; dag = tmdb_films.tmdb_films(); print(dag.dag_id, list(dag.task_ids))";
    let home = machine.path("elsewhere");
    let output =
        machine.command(&python, "srv").env("AIRFLOW_HOME", home).args(["-c", script]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("tmdb_films ['load']"), "{}", told(&output));
}

#[test]
fn the_step_of_the_workflow_publishes_and_fails_as_the_exit_code_asks() {
    let documents = yaml("github");
    let job = &documents[0]["jobs"]["films"];
    assert_eq!(documents[0]["concurrency"]["cancel-in-progress"], false);
    let steps = job["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["name"] == "Run").expect("the step");
    let script = step["run"].as_str().expect("a script");
    let machine = Machine::new();
    let output = machine.shell("-ec", script, "srv");
    assert!(output.status.success(), "{}", told(&output));
    assert!(is_complete(&fs::read(machine.path("srv/run.json")).unwrap()));
    // What is kept and what is uploaded are where a run leaves them.
    for place in [&steps[1]["with"]["path"], &steps.last().expect("a step")["with"]["path"]] {
        assert!(machine.path("srv").join(place.as_str().expect("a path")).exists(), "{place}");
    }
    for code in CODES {
        let output = Machine::with_code(code).shell("-ec", script, "srv");
        let expect = if code == 3 { 0 } else { code };
        assert_eq!(output.status.code(), Some(expect), "{code}: {}", told(&output));
    }
}

#[test]
fn every_exit_code_is_on_the_page() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SCHEDULING.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ") && line.contains('`')).collect();
    for (code, status) in [
        ("0", "complete"),
        ("1", "failed"),
        ("2", "invalid"),
        ("3", "partial"),
        ("4", "locked"),
        ("130, 143", "stopped"),
    ] {
        let row = format!("| {code} | `{status}` |");
        assert!(rows.iter().any(|line| line.starts_with(&row)), "{row}");
    }
}

/// What a linter would say of the Dockerfile (the rules are hadolint's), and that it builds what is here.
#[test]
fn the_dockerfile_is_small_reproducible_and_without_rights() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("Dockerfile")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let of = |word: &str| -> Vec<&str> {
        lines.iter().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
    };
    let known = ["FROM", "WORKDIR", "COPY", "ARG", "RUN", "USER", "ENTRYPOINT", "CMD"];
    for line in &lines {
        assert!(known.contains(&line.split(' ').next().unwrap_or_default()), "{line}");
    }
    let [build, run] = of("FROM")[..] else { panic!("two stages") };
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let rust = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .expect("a version")
        .trim_matches('"');
    assert!(build.starts_with(&format!("rust:{rust}-")) && build.ends_with(" AS build"), "{build}");
    // Each base has its tag, and both are the same Debian.
    assert!(run.starts_with("debian:") && run.ends_with("-slim") && !run.contains("latest"), "{run}");
    assert_eq!(build.split(['-', ' ']).nth(1), run.split([':', '-']).nth(1));
    assert!(of("RUN").iter().all(|run| run.contains("--locked") && !run.contains("apt-get")));
    assert!(of("WORKDIR").iter().all(|folder| folder.starts_with('/')));
    let user = of("USER").pop().expect("a user");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    let at = |word: &str| lines.iter().rposition(|line| line.starts_with(word)).expect("a line");
    assert!(at("USER") > at("FROM") && at("USER") < at("ENTRYPOINT"));
    for list in of("ENTRYPOINT").into_iter().chain(of("CMD")) {
        serde_json::from_str::<Vec<String>>(list).expect("the form that starts no shell");
    }
    let ignored = fs::read_to_string(root.join(".dockerignore")).unwrap();
    for name in [".git", "target", "out", ".tmdb-etl"] {
        assert!(ignored.lines().any(|line| line == name), "{name}");
    }
    assert!(ignored.lines().all(|line| !["src", "benches", "Cargo.lock", "docs"].contains(&line)));
}
