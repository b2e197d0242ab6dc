//! `lingate init`: writes the commented example configuration.

use crate::failure::Failure;
use crate::output;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

pub(super) fn run(file: &Path, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    // Keys end up in this file.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut file| file.write_all(lingate_config::example().as_bytes()));
    let name = file.display();
    match written {
        Ok(()) => output::print(&format!("wrote {name}\nnext: edit it, then `lingate check -c {name}`\n")),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(Failure::runtime(format!("{name} exists and was left alone; --force overwrites it")))
        }
        Err(error) => Err(Failure::runtime(format!("cannot write {name}: {error}"))),
    }
}
