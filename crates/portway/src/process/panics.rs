//! A panic is a fault of this program: it is logged at `alert`, and costs its task only.

use std::sync::{Mutex, PoisonError};

use net::log::{ErrorLog, Level};

static LOG: Mutex<Option<ErrorLog>> = Mutex::new(None);

/// Logs panics in `log` from now on.
pub fn log_to(log: &ErrorLog) {
    let before = LOG
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .replace(log.clone());
    if before.is_none() {
        std::panic::set_hook(Box::new(|info| {
            let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(log) = log.as_ref() {
                let text = info.to_string();
                let text = text.replace('\n', " ");
                log.log(Level::Alert, None, format_args!("{text}"));
            }
        }));
    }
}
