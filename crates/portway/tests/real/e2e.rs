//! End to end: hosts, desktops and a real browser.

mod desktops;
mod errors;
mod first_paint;
mod guests;
mod identity;
mod jobs;
mod logins;
mod page;
mod pages;
mod phone;
mod recordings;
mod reload;
mod rules;
mod sign_in;
pub mod stage;
mod three_hosts;
