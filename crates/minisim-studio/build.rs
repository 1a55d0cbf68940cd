//! Builds the page with npm and lists its files for embedding.
//!
//! A packaged crate brings `web/dist`; a checkout builds it where Node is there. Without either the crate builds all the same,
//! and the studio says what is missing.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let web = root.join("web");
    let from_sources = web.join("package.json").is_file();
    // Cargo takes a watched path that is missing for one that has changed, and would build each time.
    let watched: &[&str] = if from_sources {
        &["src", "index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json"]
    } else {
        &["dist"]
    };
    for path in watched.iter().map(|name| web.join(name)) {
        // In place of a path that is missing, the nearest folder above it is watched, which changes when the path appears.
        if let Some(there) = path.ancestors().find(|path| path.exists()) {
            println!("cargo:rerun-if-changed={}", there.display());
        }
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=MINISIM_NO_PAGE");
    println!("cargo:rerun-if-env-changed=MINISIM_REQUIRE_PAGE");
    let built = if env::var_os("MINISIM_NO_PAGE").is_some() {
        None
    } else if from_sources {
        build(&web, &out.join("page"))
            .map_err(|why| println!("cargo:warning=the studio's page is not built: {why}"))
            .ok()
    } else {
        Some(web.join("dist")).filter(|dist| dist.join("index.html").is_file())
    };
    // What is handed to users must not lack the page.
    assert!(built.is_some() || env::var_os("MINISIM_REQUIRE_PAGE").is_none(), "the studio's page could not be built");
    let mut list = String::from("&[\n");
    if let Some(dir) = built {
        let mut files = Vec::new();
        if let Err(why) = collect(&dir, &mut files) {
            println!("cargo:warning=the studio's page is not readable: {why}");
            files.clear();
        }
        files.sort();
        for file in files {
            let name = file.strip_prefix(&dir).unwrap_or(&file).to_string_lossy().replace('\\', "/");
            list += &format!("    ({name:?}, include_bytes!({:?})),\n", file.to_string_lossy());
        }
    }
    list += "]\n";
    if let Err(why) = fs::write(out.join("page.rs"), list) {
        println!("cargo:warning=the studio's page cannot be embedded: {why}");
    }
}

/// Builds the page into `to`.
fn build(web: &Path, to: &Path) -> Result<PathBuf, String> {
    let lock = fs::read_to_string(web.join("package-lock.json")).map_err(|e| format!("package-lock.json: {e}"))?;
    // The modules are installed again only when the lock file has changed.
    let stamp = web.join("node_modules/.installed-lock.json");
    if fs::read_to_string(&stamp).ok().as_ref() != Some(&lock) {
        npm(web, &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
        fs::write(&stamp, &lock).map_err(|e| e.to_string())?;
    }
    npm(
        web,
        &["run", "build", "--silent", "--", "--outDir", &to.to_string_lossy(), "--emptyOutDir", "--logLevel", "error"],
    )?;
    Ok(to.to_owned())
}

fn npm(web: &Path, args: &[&str]) -> Result<(), String> {
    let name = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Command::new(name);
    command.args(args).current_dir(web);
    // npm gives up where it cannot write its cache, as in a home that is read-only.
    let home = env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from);
    if env::var_os("npm_config_cache").is_none() && !home.is_some_and(|home| is_writable(&home.join(".npm"))) {
        command.env("npm_config_cache", PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("npm"));
    }
    let output = command.output().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => "npm was not found; install Node 20 or later and build again".to_owned(),
        _ => format!("npm: {e}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    Err(format!("npm {}: {}", args.join(" "), text.trim().replace('\n', " | ")))
}

/// Whether files can be made in a folder, which is made if it is missing.
fn is_writable(dir: &Path) -> bool {
    let probe = dir.join(format!(".minisim-{}", std::process::id()));
    fs::create_dir_all(dir).and_then(|()| fs::write(&probe, "")).and_then(|()| fs::remove_file(&probe)).is_ok()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
