//! Writes the cases of the sheets as files, one each, for players that know only those:
//! `cargo run -p lingate-testkit --example expand_sheets -- FOLDER`.

use lingate_testkit::golden::Case;
use serde_json::Value;
use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("name a folder")?);
    fs::create_dir_all(&folder)?;
    for case in Case::load_matrix()? {
        fs::write(folder.join(format!("{}.json", case.name)), format!("{:#}\n", Value::Object(case.members)))?;
    }
    Ok(())
}
