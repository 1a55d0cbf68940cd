//! What the machine has.

/// Memory that can be taken now (bytes), within the limits of a container; `None` where the system does not say.
#[must_use]
pub fn available_memory_bytes() -> Option<f64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let contained = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    let bytes = system.available_memory().min(contained);
    (bytes > 0).then_some(bytes as f64)
}
