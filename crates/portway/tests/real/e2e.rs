//! End to end: hosts, desktops and a real browser.

mod stage;
mod three_hosts;
