//! What checks need besides the Rust toolchain: what is there, what can be fetched, and what cannot be had.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Result, root, run};

/// A program that some checks need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(crate) name: &'static str,
    /// What to do where it cannot be had.
    pub(crate) remedy: &'static str,
    state: fn() -> State,
}

/// Whether a program can be used.
enum State {
    /// It is there.
    There,
    /// It is not there, and this is how it will be fetched.
    Fetched(&'static str),
    Lacking,
}

/// CPython with virtual environments, whose packages come from PyPI.
pub(crate) const PYTHON: Need = Need {
    name: "Python 3.10 or later with venv",
    remedy: "install it (Debian: apt-get install python3-venv)",
    state: || {
        let has = |code: &str| quietly(Command::new("python3").args(["-c", code]));
        if !has("import sys; assert sys.version_info >= (3, 10)") {
            State::Lacking
        } else if has("import venv, ensurepip") {
            State::There
        } else if by_apt() {
            State::Fetched("python3-venv, by apt-get")
        } else {
            State::Lacking
        }
    },
};

/// npm, which builds the studio's page.
pub(crate) const NPM: Need = Need {
    name: "npm",
    remedy: "install Node.js 20 or later from https://nodejs.org",
    state: || if quietly(Command::new("npm").arg("--version")) { State::There } else { State::Lacking },
};

/// A browser to look at the page with.
pub(crate) const BROWSER: Need = Need {
    name: "Chromium",
    remedy: "install Chromium or Chrome, or name one in MINISIM_CHROMIUM",
    state: || {
        if installed_browser().is_some() {
            State::There
        } else if by_apt() {
            State::Fetched("chromium, by apt-get")
        } else if packaged_browser_runs() {
            State::Fetched("@sparticuz/chromium, by npm")
        } else {
            State::Lacking
        }
    },
};

/// 64-bit ARM with Linux, as Rust names it.
pub(crate) const ARM_TARGET: &str = "aarch64-unknown-linux-gnu";

/// Windows, with the GNU tools, for which nothing of Microsoft's is needed.
pub(crate) const WINDOWS_TARGET: &str = "x86_64-pc-windows-gnu";

/// Rust's standard library for ARM.
pub(crate) const ARM_STD: Need = Need {
    name: "Rust's standard library for aarch64-unknown-linux-gnu",
    remedy: "rustup target add aarch64-unknown-linux-gnu",
    state: || target_state(ARM_TARGET),
};

/// Rust's standard library for Windows.
pub(crate) const WINDOWS_STD: Need = Need {
    name: "Rust's standard library for x86_64-pc-windows-gnu",
    remedy: "rustup target add x86_64-pc-windows-gnu",
    state: || target_state(WINDOWS_TARGET),
};

/// What links programs for ARM.
pub(crate) const ARM_LINKER: Need = Need {
    name: "aarch64-linux-gnu-gcc",
    remedy: "install a cross compiler for 64-bit ARM (Debian: apt-get install gcc-aarch64-linux-gnu)",
    state: || tool_state("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu, by apt-get"),
};

/// What runs programs of ARM.
pub(crate) const ARM_EMULATOR: Need = Need {
    name: "qemu-aarch64",
    remedy: "install QEMU's user mode (Debian: apt-get install qemu-user)",
    state: || tool_state("qemu-aarch64", "qemu-user, by apt-get"),
};

/// Says what there is, what will be fetched and what cannot be had; the last of these.
pub(crate) fn announce(needs: &[Need]) -> Vec<Need> {
    let mut lacking = Vec::new();
    for need in needs {
        match (need.state)() {
            State::There => println!("{}: found", need.name),
            State::Fetched(from) => println!("{}: will be fetched ({from})", need.name),
            State::Lacking => {
                println!("{}: not there, so some checks will be skipped; {}", need.name, need.remedy);
                lacking.push(*need);
            }
        }
    }
    if needs.iter().any(|need| need.name == PYTHON.name) {
        println!("the programs that our files are for will be fetched from PyPI into target/python, once");
    }
    lacking
}

/// Makes virtual environments possible, where a package of the system is missing for them.
pub(crate) fn venv() -> Result {
    if quietly(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        return Ok(());
    }
    apt("python3-venv")
}

/// Rust's standard library for another target, fetched if it is not there.
pub(crate) fn target(target: &str) -> Result {
    if has_target(target) { Ok(()) } else { run(Command::new("rustup").args(["target", "add", target])) }
}

/// What links and runs programs of 64-bit ARM, fetched if it is not there.
pub(crate) fn arm_tools() -> Result {
    for (program, package) in [("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"), ("qemu-aarch64", "qemu-user")] {
        if !quietly(Command::new(program).arg("--version")) {
            apt(package)?;
        }
    }
    // The linker's package may come without the libraries that programs of ARM load.
    if !Path::new("/usr/aarch64-linux-gnu/lib/libc.so.6").exists() {
        apt("libc6-dev-arm64-cross")?;
    }
    Ok(())
}

/// Whether the toolchain in use has the standard library for a target.
fn has_target(target: &str) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc).args(["--print", "target-libdir", "--target", target]).output();
    asked.is_ok_and(|out| out.status.success() && Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_dir())
}

fn target_state(target: &str) -> State {
    if has_target(target) {
        State::There
    } else if quietly(Command::new("rustup").arg("--version")) {
        State::Fetched("by rustup")
    } else {
        State::Lacking
    }
}

/// Of a program that a package of the system has.
fn tool_state(program: &str, fetched: &'static str) -> State {
    if quietly(Command::new(program).arg("--version")) {
        State::There
    } else if by_apt() {
        State::Fetched(fetched)
    } else {
        State::Lacking
    }
}

/// A browser, and where it finds its shared libraries if not in the system.
#[derive(Debug)]
pub(crate) struct Browser {
    path: PathBuf,
    libraries: Option<PathBuf>,
    /// Its own fonts, where the system has none.
    fonts: Option<PathBuf>,
}

impl Browser {
    /// Lets a command use the browser.
    pub(crate) fn give(&self, command: &mut Command) {
        command.env("MINISIM_CHROMIUM", &self.path);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if let Some(fonts) = &self.fonts {
            command.env("FONTCONFIG_PATH", fonts);
        }
    }
}

/// A browser, fetched if none is there.
pub(crate) fn browser() -> Result<Browser> {
    let installed = || installed_browser().map(|path| Browser { path, libraries: None, fonts: None });
    if let Some(browser) = installed() {
        return Ok(browser);
    }
    // Where the packages of the system cannot be reached, npm's may be.
    if by_apt()
        && apt("chromium").is_ok()
        && let Some(browser) = installed()
    {
        return Ok(browser);
    }
    packaged_browser()
}

/// The one that was named, or the first one that is installed.
fn installed_browser() -> Option<PathBuf> {
    let named = std::env::var_os("MINISIM_CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let usual = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let found = usual.iter().flat_map(|name| dirs.iter().map(move |dir| dir.join(name))).find(|path| path.is_file());
    named.filter(|path| path.is_file()).or(found)
}

/// An npm package ships a browser for Linux on x86-64, packed; its module unpacks it and says where it is.
fn packaged_browser() -> Result<Browser> {
    let dir = root().join("target/browser");
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("package.json"), "{\"private\": true}\n")?;
    // It is unpacked into the folder for temporary files, where that of another user may lie.
    let unpack = |libraries: bool| -> Result<Browser> {
        let script =
            "import('@sparticuz/chromium').then(async (m) => process.stdout.write(await m.default.executablePath()))";
        let mut node = Command::new("node");
        node.args(["-e", script]).current_dir(&dir).stderr(Stdio::inherit()).env("TMPDIR", &dir);
        if libraries {
            // Under this name of the place that the package is made for, it unpacks the libraries too.
            node.env("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs22.x");
        }
        let path = PathBuf::from(String::from_utf8(node.output()?.stdout)?);
        let fonts = (!Path::new("/etc/fonts/fonts.conf").is_file()).then(|| dir.join("fonts"));
        let browser = Browser { path, libraries: libraries.then(|| dir.join("al2023/lib")), fonts };
        let mut version = Command::new(&browser.path);
        browser.give(version.arg("--version"));
        if quietly(&mut version) {
            Ok(browser)
        } else {
            Err("the browser of @sparticuz/chromium does not start".into())
        }
    };
    if !dir.join("node_modules/@sparticuz/chromium/package.json").is_file() {
        let options = ["install", "--no-audit", "--no-fund", "--loglevel=error", "@sparticuz/chromium"];
        run(Command::new("npm").arg("--prefix").arg(&dir).args(options))?;
    }
    unpack(false).or_else(|_| {
        // The module leaves the libraries packed where the browser is unpacked already.
        let _ = std::fs::remove_file(dir.join("chromium"));
        unpack(true)
    })
}

fn packaged_browser_runs() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64")) && quietly(Command::new("npm").arg("--version"))
}

/// Whether packages of the system can be installed without asking anybody.
fn by_apt() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    root && Path::new("/usr/bin/apt-get").is_file()
}

fn apt(package: &str) -> Result {
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends", package]))
}

/// Whether a command can be run and says yes.
fn quietly(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
