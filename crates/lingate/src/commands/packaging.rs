//! `lingate completions` and `lingate man`: for shells and packagers.

use crate::cli;
use crate::failure::Failure;
use crate::output;
use clap_complete::Shell;
use clap_mangen::Man;

pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "lingate", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

pub(super) fn man(command: Option<&str>) -> Result<(), Failure> {
    let mut root = cli::command();
    root.build();
    let page = match command {
        None => root,
        Some(name) => {
            let found = root.get_subcommands().find(|sub| sub.get_name() == name);
            let found = found.ok_or_else(|| Failure::usage(format!("there is no command `{name}`")))?;
            found.clone()
        }
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(|error| Failure::runtime(format!("cannot make the page: {error}")))?;
    output::print(&String::from_utf8_lossy(&text))
}
