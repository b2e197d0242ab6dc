//! The session on disk: always on its way to what is in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use lingate_store::SealedCache;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::token::Issued;

/// The token in use, in memory and, a moment later, on disk.
///
/// One task at a time writes, and it writes what memory holds when its turn comes. So however sign-ins and refusals
/// follow each other, a refused token never comes back to disk and a new one is not removed in place of an old one.
pub(super) struct Keeper {
    current: ArcSwapOption<Issued>,
    cache: SealedCache,
    name: String,
    disk: Mutex<Disk>,
    /// Whether the disk is behind.
    behind: watch::Sender<bool>,
}

#[derive(Default)]
struct Disk {
    /// A task is writing.
    writing: bool,
    /// Memory has changed since that task looked.
    stale: bool,
}

impl Keeper {
    pub(super) fn new(cache: SealedCache, name: String) -> Self {
        let current = ArcSwapOption::empty();
        Self { current, cache, name, disk: Mutex::default(), behind: watch::Sender::new(false) }
    }

    /// The token in use; waits for nothing.
    pub(super) fn current(&self) -> Option<Arc<Issued>> {
        self.current.load_full()
    }

    /// What an earlier process left, if it can still be used at `now` (unix seconds).
    pub(super) async fn restore(&self, now: u64) -> Option<Issued> {
        let (expires_at_ms, bytes) = self.cache.get(&self.name).await?;
        let bytes = zeroize::Zeroizing::new(bytes);
        Issued::from_bytes(&bytes, expires_at_ms / 1000).filter(|issued| issued.usable(now))
    }

    /// Takes into use what [`restore`](Self::restore) found.
    pub(super) fn take_up(&self, issued: Arc<Issued>) {
        self.current.store(Some(issued));
    }

    /// Puts a new token in the old one's place.
    pub(super) fn replace(self: &Arc<Self>, issued: Arc<Issued>) {
        self.current.store(Some(issued));
        self.write_behind();
    }

    /// Drops the token if it is still the one in use; says whether it was.
    pub(super) fn drop_if_current(self: &Arc<Self>, issued: &Arc<Issued>) -> bool {
        let before = self.current.compare_and_swap(issued, None);
        let was_current = before.as_ref().is_some_and(|before| Arc::ptr_eq(before, issued));
        if was_current {
            self.write_behind();
        }
        was_current
    }

    /// Returns when the disk holds what memory holds.
    pub(super) async fn flushed(&self) {
        // The sender lives in self, so this cannot fail.
        let _ = self.behind.subscribe().wait_for(|behind| !behind).await;
    }

    fn write_behind(self: &Arc<Self>) {
        let mut disk = self.lock();
        disk.stale = true;
        if disk.writing {
            return;
        }
        // Without a runtime there is nobody to write; the next change will.
        let Ok(runtime) = Handle::try_current() else { return };
        disk.writing = true;
        self.behind.send_replace(true);
        let keeper = Arc::clone(self);
        runtime.spawn(async move { while keeper.write_once().await {} });
    }

    /// Writes what memory holds; false when there is nothing more to write.
    async fn write_once(&self) -> bool {
        {
            let mut disk = self.lock();
            if !disk.stale {
                disk.writing = false;
                self.behind.send_replace(false);
                return false;
            }
            disk.stale = false;
        }
        let written = match self.current() {
            Some(issued) => self.cache.put(&self.name, issued.expires_at_ms(), issued.to_bytes()).await,
            None => self.cache.remove(&self.name).await,
        };
        if let Err(error) = written {
            tracing::warn!(%error, "could not keep the Open WebUI session on disk");
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
