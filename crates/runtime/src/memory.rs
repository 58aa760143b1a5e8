//! Gives back what was needed for a moment only: a restore, a long answer.
//!
//! glibc keeps an arena for nearly every thread and returns freed memory from the end of an arena only, so that a
//! daemon of many threads stays as large as it has ever been. Both are settings of the C library without a safe way in.
//! Other C libraries need none of this, and get none.

use std::time::Duration;

use crate::Shutdown;

/// How often it is looked whether the process has grown.
const PERIOD: Duration = Duration::from_secs(1);
/// Growth that is worth a search for what can be given back, in KiB.
const GROWTH: u64 = 4 * 1024;
/// Arenas are for threads that allocate at the same moment; more of them cost more than they save.
#[cfg(target_env = "gnu")]
const ARENAS: i32 = 2;

/// Keeps the number of arenas small; to be called before there are threads.
pub fn limit_arenas() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(unsafe_code, reason = "a setting of the C library; it takes two numbers")]
        // SAFETY: the call has no precondition; it is refused by returning 0, and then more memory is used.
        let _accepted = unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
    }
}

/// Gives memory back whenever the process has grown, until the shutdown.
pub async fn keep_small(shutdown: Shutdown) {
    let mut known = resident();
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = shutdown.cancelled() => return,
        }
        if resident() > known + GROWTH {
            // A defect in it costs memory and nothing else.
            tokio::task::spawn_blocking(give_back).await.ok();
            known = resident();
        }
    }
}

fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(unsafe_code, reason = "a request to the C library; it takes a number")]
        // SAFETY: the call has no precondition and touches free memory only.
        let _given = unsafe { libc::malloc_trim(0) };
    }
}

/// The memory of this process that is in use, in KiB; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

#[cfg(all(test, target_env = "gnu", target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_freed_between_what_stays_is_given_back() {
        limit_arenas();
        let pieces: Vec<Vec<u8>> = (0..64 * 1024).map(|_| vec![1; 1024]).collect();
        let mut stays = Vec::new();
        for (index, piece) in pieces.into_iter().enumerate() {
            if index % 64 == 0 {
                stays.push(piece);
            }
        }
        let before = resident();
        give_back();
        let given = before.saturating_sub(resident());
        assert!(given > 32 * 1024, "{given} KiB of {before} KiB were given back");
        assert_eq!(stays.len(), 1024);
    }
}
