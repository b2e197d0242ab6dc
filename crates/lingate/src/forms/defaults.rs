//! The user's own folders, by environment.

use lingate_config::Environment;
use std::path::PathBuf;

/// `lingate` in the user's configuration folder; `None` without a home.
pub(super) fn config_folder(env: &dyn Environment) -> Option<PathBuf> {
    folder(env, "XDG_CONFIG_HOME", ".config", "APPDATA")
}

/// `lingate` in the user's cache folder; `None` without a home.
pub(super) fn cache_folder(env: &dyn Environment) -> Option<PathBuf> {
    folder(env, "XDG_CACHE_HOME", ".cache", "LOCALAPPDATA")
}

fn folder(env: &dyn Environment, xdg: &str, below_home: &str, windows: &str) -> Option<PathBuf> {
    // A relative path is none by the XDG specification.
    let absolute = |name: &str| env.var(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        absolute(windows)
    } else {
        absolute(xdg).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
    };
    base.map(|base| base.join("lingate"))
}
