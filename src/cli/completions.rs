//! `completions SHELL`: what makes a shell complete commands, options and pipeline files.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::exit::Exit;
use super::printer::Printer;
use super::{Arguments as Program, help};

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(long_about = help::COMPLETIONS, after_long_help = help::COMPLETIONS_EXAMPLES)]
pub(super) struct Arguments {
    /// The shell.
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(super) fn execute(arguments: &Arguments, printer: &Printer) -> Exit {
    printer.data(&script(arguments.shell));
    Exit::Complete
}

/// Completes a pipeline file in bash: YAML files, and folders on the way to them.
const BASH_FILES: &str = r#"
_tmdb_etl_pipelines() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=( $(compgen -f -X '!*.yaml' -- "$1") $(compgen -f -X '!*.yml' -- "$1") $(compgen -d -- "$1") )
}
"#;

/// What clap writes, with pipeline files where a command takes one: clap itself knows of files, not of their endings.
fn script(shell: Shell) -> String {
    let mut program = Program::command();
    let takers: Vec<String> = program
        .get_subcommands()
        .filter(|command| command.get_positionals().any(takes_pipeline))
        .map(|command| command.get_name().to_owned())
        .collect();
    let mut script = Vec::new();
    // With a hyphen in the name clap's bash asks for a state that it never sets.
    let name = if shell == Shell::Bash { "tmdb_etl" } else { "tmdb-etl" };
    clap_complete::generate(shell, &mut program, name, &mut script);
    let script = String::from_utf8(script).expect("a script is text");
    match shell {
        Shell::Bash => bash(&script, &takers),
        Shell::Zsh => script
            .replace("The pipeline file:_files", "The pipeline file:_files -g \"*.(yaml|yml)\"")
            .replace("The pipeline files:_files", "The pipeline files:_files -g \"*.(yaml|yml)\""),
        Shell::Fish => {
            let takers = takers.join(" ");
            script
                + &format!(
                    "complete -c tmdb-etl -n \"__fish_seen_subcommand_from {takers}\" -k -x -a \"(__fish_complete_suffix .yaml)\"\n"
                )
        }
        _ => script,
    }
}

fn takes_pipeline(argument: &clap::Arg) -> bool {
    argument.get_value_names().is_some_and(|names| names.iter().any(|name| name == "FILE"))
}

/// Offers pipeline files to `takers` where no option is being typed.
fn bash(script: &str, takers: &[String]) -> String {
    const END: &str = "\n            ;;\n";
    const FALLBACK: &str = "COMPREPLY=( $(compgen -W \"${opts}\" -- \"${cur}\") )\n            return 0";
    let label = |taker: &String| format!("        tmdb_etl__subcmd__{taker})\n");
    let sections = script.split(END).map(|section| {
        if takers.iter().any(|taker| section.contains(&label(taker))) {
            section.replace(" || ${COMP_CWORD} -eq 2 ]]", " ]]").replace(
                &format!("\n            {FALLBACK}"),
                "\n            _tmdb_etl_pipelines \"${cur}\"\n            return 0",
            )
        } else {
            section.to_owned()
        }
    });
    let sections: Vec<String> = sections.collect();
    let script = sections.join(END).replace("-o default tmdb_etl", "-o default tmdb-etl");
    format!("{}{script}", BASH_FILES.trim_start())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_knows_every_command() {
        let commands: Vec<String> =
            Program::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for command in &commands {
                assert!(script.contains(command), "{shell}: {command}");
            }
        }
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            assert!(script(shell).contains("yaml"), "{shell}");
        }
    }
}
