//! End to end: hosts, desktops and a real browser.

mod desktops;
mod errors;
mod jobs;
mod logins;
mod page;
mod pages;
mod recordings;
mod reload;
mod sign_in;
pub mod stage;
mod three_hosts;
