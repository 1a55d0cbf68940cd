//! Files that are generated from the code and committed.

use std::fs;

use crate::{Result, messages, models, root, truth};

/// What generated pages begin with.
pub(crate) const GENERATED: &str = "<!-- Written by `cargo xtask codegen` from the Rust types: do not edit. -->";
/// Between these lines a page holds a generated table.
const TABLE: [&str; 2] =
    ["<!-- table of the steps: written by `cargo xtask codegen` -->\n", "<!-- end of the table -->\n"];

/// Writes the generated files, or with `check` fails if one is stale.
pub(crate) fn run(check: bool) -> Result {
    for (name, text) in files()? {
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

/// The generated files: where they are from the repository's root, and what they hold.
pub(crate) fn files() -> Result<[(&'static str, String); 8]> {
    let schema = minisim::spec::schema();
    let declared = fs::read_to_string(root().join("crates/minisim-studio/src/messages.rs"))?;
    let concepts = "docs/concepts.md";
    Ok([
        ("schema/spec.schema.json", format!("{schema:#}\n")),
        ("crates/minisim-py/python/minisim/_models.py", models::python(&schema)?),
        ("crates/minisim-py/python/minisim/_exports.py", models::exports(&schema)?),
        ("crates/minisim-py/python/minisim/_truth.py", truth::python()),
        ("docs/reference/spec.md", models::markdown(&schema)?),
        ("docs/reference/truth.md", truth::markdown()),
        ("crates/minisim-studio/web/src/messages.ts", messages::typescript(&declared)?),
        (concepts, with_table(&fs::read_to_string(root().join(concepts))?, &truth::steps_table(&schema)?)?),
    ])
}

/// The page with a new table.
fn with_table(page: &str, table: &str) -> Result<String> {
    let [begin, end] = TABLE;
    let (before, rest) = page.split_once(begin).ok_or("docs/concepts.md has no place for the table of the steps")?;
    let (_, after) = rest.split_once(end).ok_or("docs/concepts.md does not end the table of the steps")?;
    Ok(format!("{before}{begin}\n{table}\n{end}{after}"))
}
