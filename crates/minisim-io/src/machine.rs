//! What the machine is and has.

use serde::{Deserialize, Serialize};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Memory that can be taken now (bytes), within the limits of a container; `None` where the system does not say.
#[must_use]
pub fn available_memory_bytes() -> Option<f64> {
    let mut system = System::new();
    system.refresh_memory();
    let contained = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    let bytes = system.available_memory().min(contained);
    (bytes > 0).then_some(bytes as f64)
}

/// A machine, as far as measured times depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the processor; empty where the system does not say.
    pub processor: String,
    /// Cores that may be used.
    pub cores: usize,
    /// Memory (bytes).
    pub memory_bytes: u64,
    /// The operating system.
    pub system: String,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let mut system = System::new();
        system.refresh_memory();
        system.refresh_cpu_all();
        Self {
            processor: system.cpus().first().map(|c| c.brand().trim().to_owned()).unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: system.total_memory(),
            system: System::long_os_version().unwrap_or_default(),
        }
    }
}

/// A name of this process that no other one has now, on any machine.
#[must_use]
pub fn process_name() -> String {
    format!("{}-{}", host(), std::process::id())
}

/// Whether a [`process_name`] may be that of a process that still runs: what ran on another machine may.
#[must_use]
pub fn may_be_running(process: &str) -> bool {
    let Some((of, id)) = process.rsplit_once('-') else { return true };
    let Ok(id) = id.parse() else { return true };
    if of != host() {
        return true;
    }
    let mut system = System::new();
    let pid = Pid::from_u32(id);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    system.process(pid).is_some()
}

fn host() -> String {
    System::host_name().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_others_may() {
        assert!(may_be_running(&process_name()));
        assert!(!may_be_running(&format!("{}-4194399", host())));
        assert!(may_be_running("elsewhere-1") && may_be_running("odd"));
    }

    #[test]
    fn the_machine_has_something() {
        let machine = Machine::this();
        assert!(machine.cores > 0 && machine.memory_bytes > 1 << 20, "{machine:?}");
    }
}
