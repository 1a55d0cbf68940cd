//! Files that are generated from the code and committed.

use std::fs;

use crate::{Result, messages, models, root};

/// Writes the generated files, or with `check` fails if one is stale.
pub(crate) fn run(check: bool) -> Result {
    let schema = minisim::spec::schema();
    let declared = fs::read_to_string(root().join("crates/minisim-studio/src/messages.rs"))?;
    let files = [
        ("schema/spec.schema.json", format!("{schema:#}\n")),
        ("crates/minisim-py/python/minisim/_models.py", models::python(&schema)?),
        ("docs/reference/spec.md", models::markdown(&schema)?),
        ("crates/minisim-studio/web/src/messages.ts", messages::typescript(&declared)?),
    ];
    for (name, text) in files {
        let path = root().join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if check {
            return Err(format!("{name} is stale; run `cargo xtask codegen`").into());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)?;
        println!("wrote {name}");
    }
    Ok(())
}
