//! Files that are generated from the code and committed.

use std::fs;

use crate::{Result, root};

/// Writes the generated files, or with `check` fails if one is stale.
pub(crate) fn run(check: bool) -> Result {
    let path = root().join("schema/spec.schema.json");
    let text = format!("{:#}\n", minisim::spec::schema());
    if check {
        if fs::read_to_string(&path).unwrap_or_default() != text {
            return Err(format!("{} is stale; run `cargo xtask codegen`", path.display()).into());
        }
    } else {
        fs::create_dir_all(root().join("schema"))?;
        fs::write(&path, text)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
