//! The directives of desktops.

use conf::{Arity, Directive};
use vnc::Role;

use super::desktops::{LEVELS, vnc_desktop, vnc_group};
use super::journal::vnc_log;
use super::limit::vnc_limit;
use super::links::vnc_links;
use super::login::vnc_login;
use super::probe::vnc_probe;
use super::role::vnc_role;
use super::setters::{
    HERE, clipboard, password_file, quality_max, reach, time_or_off, token_source, view_only,
    vnc_pass, vnc_token,
};
use super::thumbnails::vnc_thumbnail;
use super::wall::vnc_wall;
use crate::module::{ANY, DESKTOP, HTTP, LOCATION_IF, Module, Set, doc, store};
use crate::modules::core::Handler;
use crate::modules::proxy::origins;
use crate::request::{Desktop, Request};
use crate::variable::builtin;

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
                "vnc_pass host:port | unix:path | ws://host:port/path | desktop;",
                "",
                "Shows the desktop of a VNC server: pages of a viewer, and the WebSocket that it needs at any path below the location; or that of a desktop by its name. With ws:// the server is behind another gateway, such as its own websockify. All may have variables.",
            ),
        ),
        Directive::new(
            "vnc_token_source",
            ANY.or(LOCATION_IF),
            Arity::AtLeast(2),
            Set::Level(token_source),
            doc(
                "vnc_token_source file | dir | name-dir path;  vnc_token_source http url [timeout=time] [cache=time] [trusted=file];  vnc_token_source redis host[:port[:database[:password[:namespace]]]] | unix:path [timeout=time] [user=name] [password_file=file];  vnc_token_source jwt file [aud=text] [iss=text] [leeway=time] [once];",
                "",
                "Where tokens are looked up. Files as websockify knows them: one of lines \"token: host:port\", a folder of such files, or a folder in which a file's name is the token and its content the target; read again when they change. http asks a service, with the token in place of %s in the address; https verifies its certificate by the file of authorities, or by those of the system. redis gets the value whose key is the token, behind the namespace and a colon if there is one: host:port or JSON. jwt believes tokens that the keys of the file have signed: a JSON Web Key set, PEM, or a secret in base64url.",
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
            "vnc_desktop",
            HTTP,
            Arity::Exactly(2),
            Set::Main(vnc_desktop),
            doc(
                "vnc_desktop name address;  vnc_desktop name address { … }",
                "",
                "A desktop with a name, for vnc_pass and vnc_wall; the block says what holds for it. Where it and a location disagree, the stricter one counts; its own title and credentials go before the location's.",
            ),
        )
        .or_block(),
        Directive::new(
            "vnc_group",
            DESKTOP,
            Arity::AtLeast(1),
            Set::Level(vnc_group),
            doc(
                "vnc_group name …;",
                "",
                "The groups that the desktop belongs to.",
            ),
        ),
        Directive::new(
            "vnc_wall",
            HERE,
            Arity::AtLeast(1),
            Set::Level(vnc_wall),
            doc(
                "vnc_wall all | group=name …;",
                "",
                "Shows all desktops, or those of these groups: a page with those that the person has a role for, and each desktop in a folder of its name.",
            ),
        ),
        Directive::new(
            "vnc_login",
            ANY.or(LOCATION_IF),
            Arity::Between(1, 3),
            Set::Level(vnc_login),
            doc(
                "vnc_login on [attempts=number] [time=time] | off;",
                "vnc_login off;",
                "In front of desktops, asks for the password of auth_basic with a page of our own in place of the browser's dialog, and gives the cookie of auth_basic_cookie. A user has so many attempts (5) from an address within the time (1m).",
            ),
        ),
        Directive::new(
            "vnc_person",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            store!(optional template vnc.person),
            doc(
                "vnc_person value;",
                "",
                "Who the person is, for roles, limits, the list of sessions and terms of tokens: $ssl_client_s_dn, what auth_request_set has taken from an answer, a claim of a token. Without it, the user that auth_basic or auth_jwt has let in. An empty value is nobody.",
            ),
        ),
        Directive::new(
            "vnc_role",
            LEVELS,
            Arity::Exactly(1),
            Set::Level(vnc_role),
            doc(
                "vnc_role none | view | control | admin | value;",
                "vnc_role control;",
                "What whoever comes is to the desktop: nothing, somebody who watches, who has keys and pointer, or who may also take control from others. A value that is none of these words counts as none.",
            ),
        ),
        Directive::new(
            "vnc_password_file",
            LEVELS,
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
            LEVELS,
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
            LEVELS,
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
            LEVELS,
            Arity::Between(1, 2),
            Set::Level(clipboard),
            doc(
                "vnc_clipboard both | in | out | off [max=size];",
                "vnc_clipboard both;",
                "Which ways the clipboard may go: in to the machine, out to the viewer. What is longer than max passes neither way.",
            ),
        ),
        Directive::new(
            "vnc_resize",
            LEVELS,
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
            LEVELS,
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
            LEVELS,
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
            LEVELS,
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
            LEVELS,
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
            "vnc_cut_hold",
            LEVELS,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let time = time_or_off(item)?;
                item.once(&mut level.drafts.vnc.cut_hold, time)
            }),
            doc(
                "vnc_cut_hold time | off;",
                "vnc_cut_hold 5m;",
                "For how long a user or a token whose session was cut is refused; a session of neither is not held.",
            ),
        ),
        Directive::new(
            "vnc_revoke_grace",
            LEVELS,
            Arity::Exactly(1),
            store!(time vnc.revoke_grace),
            doc(
                "vnc_revoke_grace time;",
                "vnc_revoke_grace 10s;",
                "How long a live session goes on, its person warned, after a reload or a file of tokens took away what it rests on: the desktop, its address, its credential, the token or the role.",
            ),
        ),
        Directive::new(
            "vnc_ping",
            LEVELS,
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
            "vnc_allow",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(reach),
            doc(
                "vnc_allow address | CIDR | unix: | all;",
                "",
                "Machines that a token or a variable may lead to; the first of these lines and those of vnc_deny that fits decides, and without one everything may be reached but: link-local addresses and those of clouds' metadata; and, where a service or a signed token names the machine, this machine itself. Those need a line of their own, which \"all\" is not.",
            ),
        ),
        Directive::new(
            "vnc_deny",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(reach),
            doc(
                "vnc_deny address | CIDR | unix: | all;",
                "",
                "Machines that no token and no variable may lead to.",
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
            "vnc_screenshot",
            LEVELS,
            Arity::Flag,
            Set::Level(|item, level, _| {
                let flag = item.flag()?;
                item.once(&mut level.drafts.vnc.screenshot, Some(flag))
            }),
            doc(
                "vnc_screenshot on | off;",
                "vnc_screenshot off;",
                "Whether api/screenshot below a desktop gives its screen as a PNG to whoever may see the desktop. The gateway looks at the machine itself, with the password that is stored for it. Where desktop and location disagree, it is off.",
            ),
        ),
        Directive::new(
            "vnc_thumbnail",
            LEVELS,
            Arity::Between(1, 2),
            Set::Level(vnc_thumbnail),
            doc(
                "vnc_thumbnail off | live | connect [interval=time];",
                "vnc_thumbnail off;",
                "Where the small picture of a desktop comes from, api/thumbnail below it: from sessions that run anyway, which are decoded for it; or from the gateway itself, which looks when somebody wants to see it and not again within the interval (60s). Where desktop and location disagree, the stricter counts.",
            ),
        ),
        Directive::new(
            "vnc_probe",
            LEVELS,
            Arity::Between(1, 2),
            Set::Level(vnc_probe),
            doc(
                "vnc_probe off | auth [interval=time];",
                "vnc_probe off;",
                "Whether a machine is asked how it does: by logging in to it with the stored password, and not again within the interval (60s). It is asked before a page is told that a session may be opened, so that the person reads why not before anything is tried; and for the state on a wall, while somebody looks at it. A machine without a stored password, or where a session runs, is not asked. Where desktop and location disagree, off and the longer interval count.",
            ),
        ),
        Directive::new(
            "vnc_connect_timeout",
            LEVELS,
            Arity::Exactly(1),
            store!(time vnc.connect_timeout),
            doc(
                "vnc_connect_timeout time;",
                "vnc_connect_timeout 10s;",
                "Time in which a VNC server must be reached.",
            ),
        ),
        Directive::new(
            "vnc_send_timeout",
            LEVELS,
            Arity::Exactly(1),
            store!(time vnc.send_timeout),
            doc(
                "vnc_send_timeout time;",
                "vnc_send_timeout 60s;",
                "Time in which a VNC server must take something of what the viewer sent; after it the session ends. While input waits, nothing more is read from the viewer, so a server that hangs would hold the session otherwise.",
            ),
        ),
        Directive::new(
            "vnc_limit",
            LEVELS,
            Arity::Between(1, 3),
            Set::Level(vnc_limit),
            doc(
                "vnc_limit [user=number] [desktop=number] [all=number] | off;",
                "vnc_limit off;",
                "The most sessions that there may be together with a new one: of the same user, at the same machine, of this server in all; whichever location they came by. With desktop=1 the person reads who is there, and whoever may control may take over. Each part is inherited by itself.",
            ),
        ),
        Directive::new(
            "vnc_links",
            LEVELS,
            Arity::Between(1, 3),
            Set::Level(vnc_links),
            doc(
                "vnc_links off | on [max=time] [access=open|login];",
                "vnc_links off;",
                "Whoever may control a desktop may make links by which guests watch it, for at most the time max (one day, unless given). A link takes the place of a role and of signing in (auth_basic and the like); allow and deny hold for guests too. With access=login guests must sign in besides; where a desktop and its location say different things, they must. A link opens one desktop for watching, without its clipboard; it can be ended, and a restart ends all.",
            ),
        ),
        Directive::new(
            "vnc_log",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(vnc_log),
            doc(
                "vnc_log path | syslog:… | off;",
                "vnc_log off;",
                "Writes a line of JSON when a session starts and one when it is over: who, where, how long, how much, and why it ended. May be given several times. Opened again on USR1, as other logs.",
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
                "A page, JSON and metrics of all live sessions, to which words can be said, and which can be cut. Whoever may come here may do so; where vnc_role says who is what, view looks, control says words, admin does all.",
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
            |request, out| tell(request, out, |desktop| desktop.target.as_deref()),
            "The address of the VNC server that the request leads to.",
        ),
        builtin(
            "vnc_user",
            |request, out| tell(request, out, |desktop| desktop.user.as_deref()),
            "Who asks for a desktop or a page of the gateway, as vnc_person says, or else the user that authenticated; nobody for guests with a link.",
        ),
        builtin(
            "vnc_role",
            |request, out| tell(request, out, |desktop| desktop.role.map(Role::word)),
            "The role that the person has there: none, view, control or admin.",
        ),
        builtin(
            "vnc_reason",
            |_, _| false,
            "Why the desktop session is over, in one word.",
        ),
        builtin(
            "vnc_bytes_sent",
            |_, _| false,
            "Bytes of RFB towards the viewer, once the session is over.",
        ),
        builtin(
            "vnc_bytes_received",
            |_, _| false,
            "Bytes of RFB from the viewer, once the session is over.",
        ),
        builtin(
            "vnc_rtt",
            |_, _| false,
            "The last ping's time to the browser and back, in seconds, once the session is over.",
        ),
        builtin(
            "vnc_desktop",
            |request, out| put(request, out, |desktop| desktop.name.as_deref()),
            "The name of the desktop that the request is for, if it has one.",
        ),
        builtin(
            "vnc_group",
            |request, out| put(request, out, |desktop| desktop.group.as_deref()),
            "The group of that desktop; of several, each in turn for vnc_role, otherwise the first.",
        ),
    ],
};

/// What there is.
fn tell(request: &Request, out: &mut Vec<u8>, of: fn(&Desktop) -> Option<&str>) -> bool {
    let desktop = request.desktop.borrow();
    let text = desktop.as_ref().and_then(|desktop| of(desktop));
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
    text.is_some()
}

fn put(request: &Request, out: &mut Vec<u8>, of: fn(&Desktop) -> Option<&str>) -> bool {
    let desktop = request.desktop.borrow();
    let text = desktop.as_ref().and_then(|desktop| of(desktop));
    // Empty where there is none: values for maps, which are never without one.
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
    true
}
