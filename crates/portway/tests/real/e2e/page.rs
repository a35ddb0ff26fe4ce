//! The two viewer pages, as a person uses them: a distribution's noVNC, and ours.

use testkit::browser::Browser;
use testkit::desktop::Desktop;
use testkit::wait_true;

/// A noVNC page of a distribution, with its own names for things.
pub struct StockPage;

impl StockPage {
    /// Waits until the page says that it is connected.
    pub fn wait_connected(browser: &mut Browser) {
        browser.wait("document.querySelector('#noVNC_status')?.textContent.includes('Connected')");
    }

    /// Waits until the line at the top of the page contains `text`.
    pub fn wait_status(browser: &mut Browser, text: &str) {
        browser.wait(&format!(
            "document.querySelector('#noVNC_status')?.textContent.includes({text:?})"
        ));
    }

    /// Enters what the page asks for.
    pub fn log_in(browser: &mut Browser, user: Option<&str>, password: &str) {
        browser.wait(
            "document.querySelector('#noVNC_credentials_dlg').classList.contains('noVNC_open')",
        );
        let shown =
            "!document.querySelector('#noVNC_username_block').classList.contains('noVNC_hidden')";
        assert_eq!(browser.evaluate(shown), user.is_some().to_string());
        if let Some(user) = user {
            browser.fill("#noVNC_username_input", user);
        }
        browser.fill("#noVNC_password_input", password);
        browser.click_on("#noVNC_credentials_button");
    }

    /// Both directions of the clipboard through noVNC's panel.
    pub fn assert_clipboard(browser: &mut Browser, desktop: &Desktop) {
        let panel = "document.querySelector('#noVNC_clipboard_text')";
        let _owner = desktop.copy("from the desktop");
        browser.wait(&format!("{panel}.value === 'from the desktop'"));
        browser.evaluate(&format!(
            "{panel}.value = 'from the browser', {panel}.dispatchEvent(new Event('change'))"
        ));
        wait_clipboard(desktop, "from the browser");
    }
}

/// Our own viewer.
pub struct Viewer;

impl Viewer {
    /// Waits until there is a picture.
    pub fn wait_connected(browser: &mut Browser) {
        browser.wait("pixelAt(0, 0) !== ''");
    }

    /// Both directions of the clipboard through the viewer's panel.
    pub fn assert_clipboard(browser: &mut Browser, desktop: &Desktop) {
        Self::open_panel(browser, "Clipboard");
        let owner = desktop.copy("from the desktop");
        browser.wait("document.querySelector('.sheet textarea')?.value === 'from the desktop'");
        drop(owner);
        browser.fill(".sheet textarea", "from the browser");
        browser.click_on(".sheet button.primary");
        wait_clipboard(desktop, "from the browser");
        browser.press("Escape");
        browser.press("Escape");
    }

    /// Enters a password where the page asks for one.
    pub fn log_in(browser: &mut Browser, password: &str) {
        browser.wait("document.querySelector('input[type=password]')");
        browser.fill("input[type=password]", password);
        browser.press("Enter");
    }

    /// Ends the session by the button for it.
    pub fn disconnect(browser: &mut Browser) {
        Self::open_bar(browser);
        browser.click_on(".bar button[aria-label='Disconnect']");
    }

    /// Opens the bar with the keyboard, unless it has the keyboard already.
    pub fn open_bar(browser: &mut Browser) {
        let focused = "document.querySelector('.bar').contains(document.activeElement)";
        if browser.evaluate(focused) == "false" {
            browser.press("Control+Alt+Shift");
        }
    }

    /// Opens one of the bar's panels.
    pub fn open_panel(browser: &mut Browser, name: &str) {
        Self::open_bar(browser);
        browser.click_on(&format!(".tools button[aria-label^='{name}']"));
        browser.wait("document.querySelector('.sheet:not([hidden])')");
    }
}

fn wait_clipboard(desktop: &Desktop, text: &str) {
    wait_true("the browser's text on the desktop's clipboard", || {
        desktop.clipboard() == text
    });
}
