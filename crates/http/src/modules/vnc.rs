//! Desktops: `vnc_pass` and what belongs to it. Beyond nginx; the sessions themselves are the
//! business of the crate `vnc`.

use std::sync::Arc;
use std::time::Duration;

use conf::{Arity, Contexts, Diagnostic, Directive, Item, value};
use script::Template;
use script::template::Part;
use vnc::{Password, Target, TokenSource};

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, LOCATION, LOCATION_IF, Module, Set, doc, store};
use crate::modules::core::Handler;
use crate::modules::proxy::{Origins, origins};
use crate::modules::variables::builtin;
use crate::phases::Flow;
use crate::request::Request;
use crate::settings::settings;

mod pages;
mod session;
pub mod status;
mod upgrade;

settings! {
    /// Where the desktop is.
    pass: Option<Pass> = None, unnamed;
    /// What names the desktop among those of the source; `None` is the argument `token`.
    token: Option<Template> = None, inherit;
    /// Where tokens are looked up.
    source: Option<Arc<TokenSource>> = None, inherit;
    /// The password that the gateway shows to the machine.
    password: Option<Password> = None, inherit;
    /// Whether the viewer may only watch.
    view_only: Switch = Switch::Off, inherit;
    /// The desktop's name.
    title: Option<Template> = None, inherit;
    /// What of the clipboard may reach the machine.
    clipboard: Clipboard = Clipboard { inwards: true, bytes_max: None }, inherit;
    /// Whether the viewer may change the screen's size.
    resize: bool = true, inherit;
    /// Whether the viewer may shut down and reset the machine.
    power: bool = true, inherit;
    /// The best JPEG quality that the viewer may ask for.
    quality_max: u8 = 9, inherit;
    /// Ends sessions without keys or pointer for so long.
    idle_timeout: Option<Duration> = None, inherit;
    /// Ends sessions that are so old.
    max_session: Option<Duration> = None, inherit;
    /// How often viewers are pinged; zero is never.
    ping: Duration = Duration::from_secs(20), inherit;
    /// Which pages may open a session.
    origin: Origins = Origins::Same, inherit;
    /// Time to reach the machine.
    connect_timeout: Duration = Duration::from_secs(10), inherit;
}

/// `vnc_pass`
#[derive(Debug, Clone)]
pub enum Pass {
    /// One machine.
    Static(Target),
    /// As the request says.
    Dynamic(Template),
}

/// A switch that may depend on the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// Never.
    Off,
    /// Always.
    On,
    /// As the value says; what is neither yes nor no counts as yes, which is the safe side.
    If(Template),
}

/// `vnc_clipboard`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clipboard {
    /// Whether it may reach the machine.
    pub inwards: bool,
    /// Longer texts do not pass.
    pub bytes_max: Option<u32>,
}

impl Switch {
    /// Whether it is on for this request.
    pub fn is_on(&self, request: &Request) -> bool {
        match self {
            Switch::Off => false,
            Switch::On => true,
            Switch::If(value) => {
                let value = request.eval(value).to_ascii_lowercase();
                !matches!(&value[..], b"" | b"0" | b"off" | b"no" | b"false")
            }
        }
    }
}

/// The module.
pub const MODULE: Module = Module {
    name: "portway_vnc_module",
    directives: &[
        Directive::new(
            "vnc_pass",
            HERE,
            Arity::Exactly(1),
            Set::Level(vnc_pass),
            doc(
                "vnc_pass host:port | unix:path;",
                "",
                "Shows the desktop of a VNC server: pages of a viewer, and the WebSocket that it needs at any path below the location. The address may have variables.",
            ),
        ),
        Directive::new(
            "vnc_token_source",
            ANY.or(LOCATION_IF),
            Arity::Exactly(2),
            Set::Level(token_source),
            doc(
                "vnc_token_source file | dir | name-dir path;",
                "",
                "Shows the desktops that websockify's token files name: one file of lines \"token: host:port\", a folder of such files, or a folder in which a file's name is the token. Read again when they change.",
            ),
        ),
        Directive::new(
            "vnc_token",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(vnc_token),
            doc(
                "vnc_token value;",
                "vnc_token $arg_token;",
                "The token that vnc_token_source is asked about. Logs show it masked.",
            ),
        ),
        Directive::new(
            "vnc_password_file",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(password_file),
            doc(
                "vnc_password_file path | off;",
                "vnc_password_file off;",
                "The password that is shown to the VNC server, as text or as vncpasswd writes it, so that viewers need none. Relative to the configuration; others may have no right to the file.",
            ),
        ),
        Directive::new(
            "vnc_view_only",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(view_only),
            doc(
                "vnc_view_only on | off | value;",
                "vnc_view_only off;",
                "Whether viewers may only watch: enforced here, not in the page.",
            ),
        ),
        Directive::new(
            "vnc_title",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            store!(optional template vnc.title),
            doc(
                "vnc_title text;",
                "",
                "The desktop's name, in place of the one that the VNC server tells.",
            ),
        ),
        Directive::new(
            "vnc_clipboard",
            ANY.or(LOCATION_IF),
            Arity::Between(1, 2),
            Set::Level(clipboard),
            doc(
                "vnc_clipboard both | out [max=size];",
                "vnc_clipboard both;",
                "Whether the viewer's clipboard may reach the machine, and how much of it.",
            ),
        ),
        Directive::new(
            "vnc_resize",
            ANY.or(LOCATION_IF),
            Arity::Flag,
            store!(flag vnc.resize),
            doc(
                "vnc_resize on | off;",
                "vnc_resize on;",
                "Whether viewers may change the size of the screen.",
            ),
        ),
        Directive::new(
            "vnc_power",
            ANY.or(LOCATION_IF),
            Arity::Flag,
            store!(flag vnc.power),
            doc(
                "vnc_power on | off;",
                "vnc_power on;",
                "Whether viewers may shut down and reset machines that can be.",
            ),
        ),
        Directive::new(
            "vnc_quality_max",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(quality_max),
            doc(
                "vnc_quality_max number;",
                "vnc_quality_max 9;",
                "The best picture quality that viewers may ask for, from 0 to 9.",
            ),
        ),
        Directive::new(
            "vnc_idle_timeout",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let time = time_or_off(item)?;
                item.once(&mut level.drafts.vnc.idle_timeout, time)
            }),
            doc(
                "vnc_idle_timeout time | off;",
                "vnc_idle_timeout off;",
                "Ends sessions without a key or a click for so long.",
            ),
        ),
        Directive::new(
            "vnc_max_session",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let time = time_or_off(item)?;
                item.once(&mut level.drafts.vnc.max_session, time)
            }),
            doc(
                "vnc_max_session time | off;",
                "vnc_max_session off;",
                "Ends sessions that are so old.",
            ),
        ),
        Directive::new(
            "vnc_ping",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let time = time_or_off(item)?.unwrap_or_default();
                item.once(&mut level.drafts.vnc.ping, time)
            }),
            doc(
                "vnc_ping time | off;",
                "vnc_ping 20s;",
                "How often viewers are pinged; one that is silent for two periods is gone.",
            ),
        ),
        Directive::new(
            "vnc_origin",
            ANY.or(LOCATION_IF),
            Arity::AtLeast(1),
            Set::Level(|item, level, _| {
                let value = origins(item)?;
                item.once(&mut level.drafts.vnc.origin, value)
            }),
            doc(
                "vnc_origin same | any | host …;",
                "vnc_origin same;",
                "Pages of which hosts may open sessions; others get 403.",
            ),
        ),
        Directive::new(
            "vnc_connect_timeout",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            store!(time vnc.connect_timeout),
            doc(
                "vnc_connect_timeout time;",
                "vnc_connect_timeout 10s;",
                "Time in which a VNC server must be reached.",
            ),
        ),
        Directive::new(
            "vnc_status",
            HERE,
            Arity::Exactly(0),
            Set::Level(|_, level, _| {
                level.drafts.core.handler = Some(Handler::VncStatus);
                Ok(())
            }),
            doc(
                "vnc_status;",
                "",
                "A page, and JSON, of all live sessions, each of which can be cut. Says who may see it: whoever may come here.",
            ),
        ),
    ],
    variables: &[
        builtin(
            "vnc_session",
            |request, out| {
                let desktop = request.desktop.borrow();
                let session = desktop.as_ref().and_then(|desktop| desktop.session);
                session.is_some_and(|id| {
                    out.extend_from_slice(id.to_string().as_bytes());
                    true
                })
            },
            "The name of the desktop session that the request began.",
        ),
        builtin(
            "vnc_target",
            |request, out| {
                let desktop = request.desktop.borrow();
                let target = desktop
                    .as_ref()
                    .and_then(|desktop| desktop.target.as_deref());
                target.is_some_and(|target| {
                    out.extend_from_slice(target.as_bytes());
                    true
                })
            },
            "The address of the VNC server that the request leads to.",
        ),
    ],
};

/// Where a location becomes one of desktops.
const HERE: Contexts = LOCATION.or(LOCATION_IF);

fn vnc_pass(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if level.drafts.vnc.source.is_some() {
        return Err(one_way_only(item));
    }
    let text = item.text(0)?;
    let pass = match text.contains('$') {
        true => {
            let template = cx.template(item, 0)?;
            warn_of_browsers_choice(item, &template, cx);
            Pass::Dynamic(template)
        }
        false => {
            let target = text.parse();
            let invalid =
                |error: vnc::TargetError| item.error(error.to_string()).at(item.args[0].span);
            Pass::Static(target.map_err(invalid)?)
        }
    };
    level.drafts.core.handler = Some(Handler::Vnc);
    item.once(&mut level.drafts.vnc.pass, Some(pass))
}

fn one_way_only(item: &Item) -> Diagnostic {
    item.error("\"vnc_pass\" and \"vnc_token_source\" exclude each other in one location")
        .help("with a token source, the token says which machine it is")
}

/// Whoever can choose the target can reach every machine that this one can.
fn warn_of_browsers_choice(item: &Item, template: &Template, cx: &mut Cx<'_>) {
    const CHOSEN: [&str; 5] = ["arg_", "http_", "cookie_", "args", "query_string"];
    for part in template.parts() {
        let Part::Variable(id) = part else { continue };
        let name = cx.names.name(*id).to_owned();
        if CHOSEN.iter().any(|chosen| name.starts_with(chosen)) && name != "http_host" {
            let message = format!("\"vnc_pass\" with ${name} lets the browser choose any machine");
            let remedy = "look it up with \"map\" or \"vnc_token_source\"";
            cx.diagnostics
                .push(Diagnostic::warn(message).at(item.span()).help(remedy));
        }
    }
}

fn token_source(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if matches!(level.drafts.vnc.pass, Some(Some(_))) {
        return Err(one_way_only(item));
    }
    let path = cx.bundle.conf_path(&item.arg(1)?.text);
    let source = match item.text(0)? {
        "file" => TokenSource::file(path),
        "dir" => TokenSource::dir(path),
        "name-dir" => TokenSource::name_dir(path),
        kind @ ("http" | "jwt" | "redis") => {
            let message = format!("token source \"{kind}\" is not supported yet");
            return Err(item.error(message).at(item.args[0].span));
        }
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.vnc.source, Some(Arc::new(source)))?;
    // Inside `if`, the location's own address does not hold any more.
    level.drafts.vnc.pass = Some(None);
    becomes_desktops(level, cx);
    Ok(())
}

fn vnc_token(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let token = cx.template(item, 0)?;
    item.once(&mut level.drafts.vnc.token, Some(token))?;
    becomes_desktops(level, cx);
    Ok(())
}

/// A location that says something about tokens is one of desktops, unless it says otherwise.
fn becomes_desktops(level: &mut Level, cx: &Cx<'_>) {
    if HERE.meets(cx.context) {
        level.drafts.core.handler.get_or_insert(Handler::Vnc);
    }
}

fn password_file(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    if word.text == b"off" {
        return item.once(&mut level.drafts.vnc.password, None);
    }
    let path = cx.bundle.conf_path(&word.text);
    let shown = path.display();
    let file = cx.bundle.file(&path).map_err(|failure| {
        item.error(format!("open() \"{shown}\" failed ({failure})"))
            .at(word.span)
    })?;
    let password = Password::from_file(&file.text, file.mode).map_err(|error| {
        let wrong = item.error(format!("\"{shown}\": {error}")).at(word.span);
        match error {
            vnc::PasswordError::OpenToAll(_) => wrong.help(format!("chmod o= {shown}")),
            _ => wrong,
        }
    })?;
    item.once(&mut level.drafts.vnc.password, Some(password))
}

fn view_only(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    let switch = match value::flag(&word.text) {
        Some(true) => Switch::On,
        Some(false) => Switch::Off,
        None if word.text.contains(&b'$') => Switch::If(cx.template(item, 0)?),
        None => return Err(item.invalid(word)),
    };
    item.once(&mut level.drafts.vnc.view_only, switch)
}

fn clipboard(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let inwards = match item.text(0)? {
        "both" => true,
        "out" => false,
        ways @ ("in" | "off") => {
            let message = format!(
                "\"vnc_clipboard {ways}\" is not supported yet: the machine's clipboard always passes"
            );
            return Err(item.error(message).at(item.args[0].span));
        }
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    let bytes_max = match item.args.get(1) {
        None => None,
        Some(word) => {
            let size = word.text.strip_prefix(b"max=").and_then(value::size);
            let size = size.and_then(|size| u32::try_from(size).ok());
            Some(size.ok_or_else(|| item.invalid_parameter(word))?)
        }
    };
    item.once(
        &mut level.drafts.vnc.clipboard,
        Clipboard { inwards, bytes_max },
    )
}

fn quality_max(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    match item.number(0)? {
        quality @ 0..=9 => item.once(&mut level.drafts.vnc.quality_max, quality as u8),
        _ => Err(item.invalid(item.arg(0)?)),
    }
}

fn time_or_off(item: &Item) -> Result<Option<Duration>, Diagnostic> {
    match item.text(0)? {
        "off" => Ok(None),
        _ => item
            .time(0)
            .map(|time| Some(time).filter(|time| !time.is_zero())),
    }
}

/// The handler of a location of desktops: a WebSocket whatever its path, otherwise the pages.
pub fn run(request: &std::rc::Rc<Request>) -> Flow {
    session::hide_token(request);
    match upgrade::is_asked_for(request) {
        true => upgrade::run(request),
        false => pages::viewer(request),
    }
}
