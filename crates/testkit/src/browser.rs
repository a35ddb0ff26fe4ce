//! Chromium, driven through `tests/e2e/driver.mjs`.
//!
//! The driver reads one command per line and answers each with one line: `ok` or `error`, a tab,
//! and a value. Words are separated by tabs and percent-encoded, so any text fits.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::CommandExt;

use crate::Scratch;
use crate::netns::Host;
use crate::wait::poll_for;

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    _profile: Scratch,
}

impl Browser {
    /// Starts Chromium on this machine, or on a host in a box. `root` is the repository.
    ///
    /// # Panics
    /// When `tests/e2e` has not been installed (`npm ci`) or Chromium does not start.
    #[must_use]
    pub fn start(root: &Path, host: Option<&Host>) -> Self {
        Self::start_as("desktop", root, host)
    }

    /// Starts it as on a phone: a small page that is touched.
    #[must_use]
    pub fn start_phone(root: &Path) -> Self {
        Self::start_as("phone", root, None)
    }

    fn start_as(device: &str, root: &Path, host: Option<&Host>) -> Self {
        let directory = root.join("tests/e2e");
        assert!(
            directory.join("node_modules").exists(),
            "run `npm ci` in {}",
            directory.display()
        );
        let profile = Scratch::new("chromium");
        let mut command = host.map_or_else(|| Command::new("node"), |host| host.command("node"));
        command
            .arg(directory.join("driver.mjs"))
            .arg(profile.path())
            .arg(device);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().expect("node starts");
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let mut browser = Self {
            child,
            commands,
            answers,
            _profile: profile,
        };
        browser.ask("hello", &[]);
        browser
    }

    /// Opens an address; returns when the page has loaded.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        self.ask("open", &[url]);
    }

    /// Evaluates a JavaScript expression in the page; text comes as it is, all else as JSON.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> String {
        self.ask("evaluate", &[expression])
    }

    /// Waits until a JavaScript expression in the page is true, and returns its value.
    #[track_caller]
    pub fn wait(&mut self, expression: &str) -> String {
        self.ask("wait", &[expression])
    }

    /// Waits until a noVNC canvas shows `colour` (red, green, blue) at a place of the desktop.
    #[track_caller]
    pub fn wait_pixel(&mut self, x: u32, y: u32, colour: [u8; 3]) {
        let [red, green, blue] = colour;
        self.wait(&format!("pixelAt({x}, {y}) === '{red},{green},{blue}'"));
    }

    /// Waits until the page shows `text` somewhere, and returns all the text that it shows.
    #[track_caller]
    pub fn wait_text(&mut self, text: &str) -> String {
        self.wait(&format!(
            "visibleText().includes({text:?}) && visibleText()"
        ))
    }

    /// Waits until the page has told `text` in a note, which may be gone again by now.
    #[track_caller]
    pub fn wait_told(&mut self, text: &str) {
        self.wait(&format!("told.some((note) => note.includes({text:?}))"));
    }

    /// Moves to a place of the desktop and clicks with the left button.
    #[track_caller]
    pub fn click(&mut self, x: u32, y: u32) {
        self.ask("click", &[&x.to_string(), &y.to_string()]);
    }

    /// Clicks the first element that matches a CSS selector.
    #[track_caller]
    pub fn click_on(&mut self, selector: &str) {
        self.ask("click-on", &[selector]);
    }

    /// Clicks an element, on a phone taps it, once the JavaScript expression `ready` is true, which
    /// may prepare the click; does both again where the page changed in between.
    #[track_caller]
    pub fn click_when(&mut self, ready: &str, selector: &str) {
        self.ask("click-when", &[ready, selector]);
    }

    /// Clicks an element that opens another tab, and goes on there; returns its address.
    #[track_caller]
    pub fn follow(&mut self, selector: &str) -> String {
        self.ask("follow", &[selector])
    }

    /// Touches a place of the desktop.
    #[track_caller]
    pub fn tap(&mut self, x: u32, y: u32) {
        self.ask("tap", &[&x.to_string(), &y.to_string()]);
    }

    /// Touches the first element that matches a selector.
    #[track_caller]
    pub fn tap_on(&mut self, selector: &str) {
        self.ask("tap-on", &[selector]);
    }

    /// Puts two fingers on the desktop and moves them by so many pixels of the page, down or up.
    #[track_caller]
    pub fn drag_two_fingers(&mut self, x: u32, y: u32, by: i32) {
        let words = [x.to_string(), y.to_string(), by.to_string()];
        self.ask("two-fingers", &words.each_ref().map(String::as_str));
    }

    /// Puts text into an input field and says so to the page.
    #[track_caller]
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.ask("fill", &[selector, text]);
    }

    /// Types text key by key.
    #[track_caller]
    pub fn type_text(&mut self, text: &str) {
        self.ask("type", &[text]);
    }

    /// Presses a key or combination such as `Enter` or `Control+a`.
    #[track_caller]
    pub fn press(&mut self, key: &str) {
        self.ask("press", &[key]);
    }

    /// Gives the page another size.
    #[track_caller]
    pub fn resize(&mut self, width: u32, height: u32) {
        self.ask("size", &[&width.to_string(), &height.to_string()]);
    }

    /// Lets the device prefer the `dark` or the `light` theme.
    #[track_caller]
    pub fn prefer(&mut self, theme: &str) {
        self.ask("theme", &[theme]);
    }

    /// Fails if axe-core finds something serious or critical in the page as it is now.
    #[track_caller]
    pub fn assert_accessible(&mut self) {
        let found = self.ask("axe", &[]);
        assert!(found.is_empty(), "not accessible:\n{found}");
    }

    /// Writes a picture of the page.
    #[track_caller]
    pub fn screenshot(&mut self, file: &Path) {
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).expect("directory created");
        }
        self.ask("screenshot", &[&file.display().to_string()]);
    }

    /// What the page's console and failed requests have said since the last time, line by line.
    #[track_caller]
    pub fn console(&mut self) -> String {
        self.ask("console", &[])
    }

    #[track_caller]
    fn ask(&mut self, verb: &str, words: &[&str]) -> String {
        let mut line = verb.to_owned();
        for word in words {
            line.push('\t');
            line.push_str(&encode(word));
        }
        line.push('\n');
        let commands = self.commands.as_mut().expect("open until dropped");
        commands
            .write_all(line.as_bytes())
            .expect("the driver reads");
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("the driver answers");
        match answer.trim_end_matches('\n').split_once('\t') {
            Some(("ok", value)) => decode(value),
            Some((_, error)) => panic!("{verb} {words:?}: {}", decode(error)),
            None => panic!("{verb} {words:?}: the driver ended"),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The end of its input is the driver's sign to close Chromium.
        self.commands = None;
        let limit = Duration::from_secs(10);
        let ended = poll_for(limit, || self.child.try_wait().ok().flatten());
        if ended.is_none() {
            let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
            let _ = self.child.wait();
        }
    }
}

/// Where tests leave pictures for people to look at.
#[must_use]
pub fn artifacts(root: &Path) -> PathBuf {
    std::env::var_os("PORTWAY_ARTIFACTS").map_or_else(|| root.join("target/e2e"), PathBuf::from)
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_the_line_protocol() {
        let text = "50% of\ta\nline: 中文 %41";
        let encoded = encode(text);
        assert!(!encoded.contains(['\t', '\n']));
        assert_eq!(decode(&encoded), text);
    }
}
