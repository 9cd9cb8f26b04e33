//! Work that may be busy for as long as it likes: decoding, jq, compression, files. It runs on threads of its own and never
//! holds up the network.

/// Runs `job` on a thread that may be busy for as long as it likes.
///
/// # Panics
/// If `job` panics.
///
/// # Cancel safety
/// Dropped, the job runs to its end and its result is lost.
#[expect(clippy::disallowed_methods, reason = "the one place that starts a thread's job, and awaits it")]
pub async fn on_thread<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => result,
        Err(gone) => match gone.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels a thread's job, and with it whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}
