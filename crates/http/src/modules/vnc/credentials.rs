//! What the gateway itself shows to machines: passwords and users. Certificates are in `tls.rs`.

use std::sync::Arc;

use conf::{Arity, Directive, Item, value};
use vnc::{Credentials, LoginLimit, Policy, Refusal, Target};

use super::desktops::LEVELS;
use super::tls::tls;
use super::{Conf, lossy};
use crate::draft::Level;
use crate::module::{Cx, Done, Module, Set, doc, store};
use crate::request::Request;
use crate::secret_file::{Kind, SecretFile};

/// The module's part about logging in to machines.
pub const MODULE: Module = Module {
    name: "portway_vnc_module",
    directives: DIRECTIVES,
    variables: &[],
};

/// What credentials are looked up for.
pub struct Machine<'a> {
    /// The token; empty if there is none.
    pub token: &'a str,
    /// The desktop's name, if it has one.
    pub desktop: Option<&'a str>,
    /// Where it is.
    pub target: &'a Target,
}

impl Conf {
    /// Whether the gateway has anything that opens a machine.
    pub fn has_credentials(&self) -> bool {
        self.password.is_some() || self.credentials.is_some() || self.ssl_certificate.is_some()
    }
}

/// Puts into a policy what the settings, and the files that they name, have for a machine.
pub fn equip(
    request: &Request,
    conf: &Conf,
    machine: &Machine<'_>,
    policy: &mut Policy,
) -> Result<(), Refusal> {
    policy.plain_login = conf.plain_login;
    policy.login_limit = conf.login_limit;
    policy.password = conf.password.clone();
    let user = conf.user.as_ref();
    let user = user.map(|user| lossy(&request.eval(user)));
    policy.user = user.filter(|user| !user.is_empty());
    let credentials = conf.credentials.as_ref();
    let own = credentials.and_then(|all| all.find(machine.token, machine.desktop, machine.target));
    if let Some(own) = own {
        policy.password = Some(own.password.clone());
        policy.user = own.user.clone().or(policy.user.take());
    }
    policy.tls = tls(request, conf)?;
    Ok(())
}

const ONE: Arity = Arity::Exactly(1);

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    directive!("vnc_user", ONE, store!(optional template vnc.user), "name", "", "The user name that goes with the stored password, for VNC servers that want one (VeNCrypt's X509Plain and Plain). May have variables."),
    directive!("vnc_credentials_file", ONE, Set::Level(credentials_file), "path | off", "vnc_credentials_file off;", "Passwords of many machines in one file of lines such as \"desktop:office password=secret\", \"192.168.204.21:5901 user=ann password=\"two words\"\" or \"token:8f14e45f password=secret\". The token's counts before the desktop's, that before the address's, and each of them before vnc_password_file. Read with the configuration; others may have no right to the file."),
    directive!("vnc_plain_login", Arity::Flag, store!(flag vnc.plain_login), "on | off", "vnc_plain_login off;", "Whether a stored user and password may go to a VNC server in the clear, if that has no better way (VeNCrypt's Plain), or so that only listeners do not learn them, as macOS wants it (Apple's Diffie-Hellman)."),
    directive!("vnc_login_limit", Arity::Between(1, 2), Set::Level(login_limit), "number [wait=time] | off", "vnc_login_limit 3 wait=30s;", "So many wrong passwords a person may type for a machine; then there is a wait before the machine is asked again, which each further failure doubles. Keeps VNC servers from blocking the gateway's address. A stored password that a machine refused rests in the same way, whatever stands here."),
];

fn credentials_file(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if item.arg(0)?.text == b"off" {
        return item.once(&mut level.drafts.vnc.credentials, None);
    }
    let kind = Kind {
        what: "file of credentials",
        len_max: Credentials::FILE_LEN_MAX,
    };
    let file = SecretFile::open(item, 0, cx, kind)?;
    let credentials = Credentials::from_file(&file.text);
    let credentials = credentials.map_err(|error| file.wrong(item, error))?;
    item.once(
        &mut level.drafts.vnc.credentials,
        Some(Arc::new(credentials)),
    )
}

fn login_limit(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut limit = LoginLimit::default();
    let limit = match (item.text(0)?, item.args.get(1)) {
        ("off", None) => None,
        ("off", Some(word)) => return Err(item.invalid_parameter(word)),
        (number, wait) => {
            let failures = number.parse().ok().filter(|number| *number > 0);
            limit.failures = failures.ok_or_else(|| item.invalid(&item.args[0]))?;
            if let Some(word) = wait {
                let time = word.text.strip_prefix(b"wait=").and_then(value::time);
                let time = time.filter(|time| !time.is_zero());
                limit.wait = time.ok_or_else(|| item.invalid_parameter(word))?;
            }
            Some(limit)
        }
    };
    item.once(&mut level.drafts.vnc.login_limit, limit)
}
