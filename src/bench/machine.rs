//! What a trial costs this process, where the system tells (Linux's `/proc`): processor time and peak memory.

use std::fs;

/// Ticks of `/proc/PID/stat` in a second: fixed at 100 for programs, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

/// Processor seconds of this process so far, user and system.
pub(super) fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything but ends at the last bracket.
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// Begins to look for the peak of resident memory anew.
pub(super) fn reset_peak() {
    // Where the system does not allow it, the peak is that of all trials so far.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The peak of resident memory, in bytes.
pub(super) fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
