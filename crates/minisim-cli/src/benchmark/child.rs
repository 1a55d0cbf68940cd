//! One run of somebody's program: its time, its memory, and an end in any case.

use std::{
    fs::File,
    io,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use minisim::Cancel;
use wait4::Wait4;

/// How often a running program is looked at; well within the time that an interrupted command has to stop.
const GLANCE: Duration = Duration::from_millis(10);
/// How long a program that is told to end may take before it is ended.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(2);

/// Programs that run at this moment.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// It was stopped because it took longer than it may.
    TimeLimit,
    /// It was stopped because the user stopped everything.
    Cancelled,
}

/// What a run was.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    pub(super) end: End,
    pub(super) wall_s: f64,
    /// Processor time of the program and all that it waited for; `None` where the system does not say.
    pub(super) cpu_s: Option<f64>,
    /// Memory of the largest of its processes (bytes); `None` where the system does not say.
    pub(super) peak_bytes: Option<u64>,
}

/// Runs the program until it ends, with what it prints in `log`. All that it started is gone afterwards (on Unix; elsewhere only
/// the program itself is ended).
pub(super) fn run(command: &mut Command, log: &Path, limit: Duration, cancel: &Cancel) -> io::Result<Ran> {
    let out = File::create(log)?;
    command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
    // A group of its own, so that its workers can be ended with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let start = Instant::now();
    let mut child = {
        // Held over the start, so that no program is running that an interrupt does not know of.
        let mut running = lock();
        let child = command.spawn()?;
        running.push(child.id());
        child
    };
    let mut stopped = None;
    while !has_ended(&mut child)? {
        if cancel.is_cancelled() {
            stopped = Some(End::Cancelled);
            break;
        }
        if start.elapsed() >= limit {
            stopped = Some(End::TimeLimit);
            break;
        }
        std::thread::sleep(GLANCE);
    }
    let wall_s = start.elapsed().as_secs_f64();
    end(&mut child, stopped == Some(End::TimeLimit))?;
    let used = {
        // After this its number may become another process's.
        let mut running = lock();
        running.retain(|id| *id != child.id());
        child.wait4()?
    };
    let cpu = used.rusage.utime + used.rusage.stime;
    Ok(Ran {
        end: stopped.unwrap_or(End::Exited(used.status)),
        wall_s,
        cpu_s: Some(cpu.as_secs_f64()).filter(|s| *s > 0.0),
        peak_bytes: Some(used.rusage.maxrss).filter(|b| *b > 0),
    })
}

/// Ends all programs that are running. For the moment before a process ends early.
pub(super) fn end_all() {
    for id in lock().iter() {
        kill_group(*id);
    }
}

fn lock() -> std::sync::MutexGuard<'static, Vec<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether it has ended; it is not yet waited for, so its number stays its own.
#[cfg(unix)]
fn has_ended(child: &mut Child) -> io::Result<bool> {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    Ok(waitid(WaitId::Pid(number(child.id())?), options)?.is_some())
}

#[cfg(not(unix))]
fn has_ended(child: &mut Child) -> io::Result<bool> {
    Ok(child.try_wait()?.is_some())
}

#[cfg(unix)]
fn number(id: u32) -> io::Result<rustix::process::Pid> {
    i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Ends the program and whatever it has started; gently at first if there is time.
#[cfg(unix)]
fn end(child: &mut Child, gently: bool) -> io::Result<()> {
    use rustix::process::{Signal, kill_process_group};
    if gently {
        // A group that is gone needs no signal.
        let _ = kill_process_group(number(child.id())?, Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < GRACE && !has_ended(child)? {
            std::thread::sleep(GLANCE);
        }
    }
    kill_group(child.id());
    Ok(())
}

#[cfg(unix)]
fn kill_group(id: u32) {
    use rustix::process::{Signal, kill_process_group};
    if let Ok(group) = number(id) {
        // Nothing can be done about a failure, and a group that is gone is no failure.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn end(child: &mut Child, _gently: bool) -> io::Result<()> {
    match child.try_wait()? {
        Some(_) => Ok(()),
        None => child.kill(),
    }
}

/// There are no groups here; the system ends a program whose parent takes it along, or it ends by itself.
#[cfg(not(unix))]
fn kill_group(_id: u32) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn time_memory_and_words_are_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = dir.path().join("log");
        let limit = Duration::from_secs(60);
        let ran = run(&mut sh("echo hello; echo trouble >&2; exit 3"), &log, limit, &Cancel::new()).expect("it starts");
        assert!(matches!(ran.end, End::Exited(status) if status.code() == Some(3)));
        assert!(ran.peak_bytes.is_some_and(|b| b > 100_000), "{:?}", ran.peak_bytes);
        let words = std::fs::read_to_string(&log).expect("readable");
        assert!(words.contains("hello") && words.contains("trouble"));
        assert!(run(&mut Command::new("no-such-program-here"), &log, limit, &Cancel::new()).is_err());
    }

    #[test]
    fn what_hangs_is_ended_with_all_that_it_started() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| dir.path().join(name);
        let script = format!("sleep 600 & echo $! > '{0}'; trap '' TERM; sleep 600; sleep 600", path("pid").display());
        let ran = run(&mut sh(&script), &path("log"), Duration::from_millis(300), &Cancel::new()).expect("it starts");
        assert_eq!(ran.end, End::TimeLimit);
        let worker: u32 = std::fs::read_to_string(path("pid")).expect("written").trim().parse().expect("a number");
        // Its parent is gone: it is there no more, or about to be taken away.
        let alive = || std::fs::read_to_string(format!("/proc/{worker}/stat")).is_ok_and(|s| !s.contains(") Z"));
        for _ in 0..500 {
            if !alive() {
                break;
            }
            std::thread::sleep(GLANCE);
        }
        assert!(!alive());
    }
}
