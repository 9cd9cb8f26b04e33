//! What the process took of the machine, where the system tells (Linux).

use std::time::Duration;

/// Ticks of `/proc/self/stat` in a second: the same on every Linux that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

/// What a process took so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time of all its threads on a processor.
    pub cpu: Option<Duration>,
    /// The most memory that it had since its start, or since [`Usage::reset_memory_max`], in bytes.
    pub memory_max: Option<u64>,
}

impl Usage {
    /// The most memory is looked for anew from now on. Where the system does not allow it, it stays what it was.
    pub fn reset_memory_max() {
        let _ = std::fs::write("/proc/self/clear_refs", "5");
    }

    /// Of this process, up to now.
    pub fn now() -> Self {
        let read = |path| std::fs::read_to_string(path).ok();
        Self {
            cpu: read("/proc/self/stat").as_deref().and_then(cpu),
            memory_max: read("/proc/self/status").as_deref().and_then(memory_max),
        }
    }
}

fn cpu(stat: &str) -> Option<Duration> {
    // The second field is the program's name in brackets, and may hold anything.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 1000 / TICKS_PER_SECOND))
}

fn memory_max(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_system_are_understood() {
        let stat = "7 (a) b) R 1 7 7 0 -1 4194304 1 0 0 0 250 50 0 0 20 0 4 0 1 1 1";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(memory_max("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!((cpu("odd"), memory_max("")), (None, None));
    }
}
