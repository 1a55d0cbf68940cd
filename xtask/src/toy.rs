//! Adding an effect is one new file and one word. Proven in a copy of the repository, to which a small effect is added with just
//! that; everything else must follow.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{Result, cargo, codegen, root};

/// The effect: it varies over the image and in time, has two fields and records one array.
const STEP: &str = include_str!("toy/glare.rs");
const FILE: &str = "crates/minisim/src/steps/glare.rs";
const CHAIN: &str = "crates/minisim/src/steps/mod.rs";
/// The line of the chain that it goes after.
const BEFORE: &str = "    leakage::Leakage,\n";
/// Its own line in the chain.
const WORD: &str = "    glare::Glare,\n";

/// Adds the effect to a copy and checks what became of it.
pub(crate) fn run() -> Result {
    let tree = root().join("target/toy");
    let files = copy(&tree)?;
    fs::write(tree.join(FILE), STEP)?;
    replace(&tree.join(CHAIN), BEFORE, &format!("{BEFORE}{WORD}"))?;
    // Cargo tells packages by name and version: under another version the copy is built beside the original, with the same dependencies.
    replace(&tree.join("Cargo.toml"), "\nversion = \"0.1.0\"\n", "\nversion = \"0.1.999\"\n")?;

    let within = |command: &mut Command| -> Result {
        let shown = crate::show(command);
        let command = command.current_dir(&tree).env("CARGO_TARGET_DIR", root().join("target"));
        let status = command.status()?;
        if status.success() { Ok(()) } else { Err(format!("in target/toy, {shown} failed: {status}").into()) }
    };
    within(&mut cargo(&["run", "--quiet", "--release", "--package", "xtask", "--", "codegen"]))?;
    let tests = ["--test", "laws", "--test", "schema", "--test", "tidy"];
    within(cargo(&["test", "--quiet", "--release", "--package", "minisim"]).args(tests))?;

    derived(&tree)?;
    untouched(&tree, &files)
}

/// Copies all files that belong to the repository; their names.
fn copy(to: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .map_err(|e| format!("could not start git: {e}"))?;
    if !listed.status.success() {
        return Err("git could not list the repository's files".into());
    }
    let names = String::from_utf8(listed.stdout)?;
    let names = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    let files: Vec<PathBuf> = names.filter(|name| root().join(name).is_file()).collect();
    let _ = fs::remove_dir_all(to);
    for name in &files {
        let target = to.join(name);
        fs::create_dir_all(target.parent().ok_or("a file lies in a folder")?)?;
        fs::copy(root().join(name), target)?;
    }
    Ok(files)
}

fn replace(path: &Path, old: &str, new: &str) -> Result {
    let text = fs::read_to_string(path)?;
    if text.matches(old).count() != 1 {
        return Err(format!("{} does not hold {old:?} once", path.display()).into());
    }
    Ok(fs::write(path, text.replace(old, new))?)
}

/// What must be there without another line: schema and slider, Python class and attribute, reference pages.
fn derived(tree: &Path) -> Result {
    let read = |name: &str| fs::read_to_string(tree.join(name));
    let schema: Value = serde_json::from_str(&read("schema/spec.schema.json")?)?;
    let step = &schema["$defs"]["Glare"];
    let python = "crates/minisim-py/python/minisim";
    let (models, truth) = (read(&format!("{python}/_models.py"))?, read(&format!("{python}/_truth.py"))?);
    let checks = [
        ("the step's panel", step["x-ui"]["title"] == "Glare"),
        ("the slider of a field", step["properties"]["level"]["x-ui"]["max"] == 2.0),
        ("the label of a field", step["properties"]["level"]["x-ui"]["label"] == "Glare strength"),
        ("since when the step exists", step["x-since"] == "0.2"),
        ("since when a field exists", step["properties"]["rate_hz"]["x-since"] == "0.2"),
        ("the Python class", models.contains("class Glare(_ext.NewFields, _ext.StepBase):")),
        ("the Python package's export", read(&format!("{python}/_exports.py"))?.contains("    \"Glare\",\n")),
        (
            "the Python attribute with its docstring",
            truth.contains(
                "    glare: Optional[Floats] = None\n    \"\"\"Brightness of the reflex at the bright side in each frame. \
                 Shape (frame,), in fluorescence units. ``None`` without a step glare.\"\"\"\n",
            ),
        ),
        ("the reference of the spec", read("docs/reference/spec.md")?.contains("## Glare (`glare`)")),
        ("the reference of the truth", read("docs/reference/truth.md")?.contains("| `glare` | (frame,) |")),
        ("the table of the steps", read("docs/concepts.md")?.contains("| `glare` | background |")),
    ];
    let missing: Vec<&str> = checks.iter().filter(|(_, there)| !there).map(|(what, _)| *what).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("a new effect lacks {}", missing.join(", ")).into()) }
}

/// Nothing but the new file, the chain and generated files may differ from the original.
fn untouched(tree: &Path, files: &[PathBuf]) -> Result {
    let generated = codegen::files()?;
    let mut may: BTreeSet<&Path> = generated.iter().map(|(name, _)| Path::new(*name)).collect();
    // The version, see above.
    may.extend([CHAIN, "Cargo.toml", "Cargo.lock"].map(Path::new));
    for name in files.iter().filter(|name| !may.contains(name.as_path())) {
        if fs::read(tree.join(name))? != fs::read(root().join(name))? {
            return Err(format!("{} was changed for the new effect", name.display()).into());
        }
    }
    Ok(())
}
