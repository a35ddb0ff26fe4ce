//! `vnc_links`: links by which guests watch one desktop for a while.
//!
//! A link stands in the query (`?link=…`) of every request for the desktop's folder. What it opens
//! is found out as for the person who made it; it takes the place of a role, and, unless
//! `access=login`, of whatever else asks who somebody is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conf::{Item, value};
use net::log::Level as LogLevel;
use net::{Addr, clock};
use proto::h1::{Method, argument};
use vnc::{
    GuestLink, LinkError, LinkEvent, LinkTerms, LinkUse, Policy, Refusal, Role, Target, Whose,
};

use super::form::Form;
use super::grant::{self, Goal, Subject};
use super::journal::note;
use super::pages::{error, json, reads};
use super::session::about;
use super::{Pass, upgrade};
use crate::draft::Level;
use crate::module::{Cx, Done};
use crate::modules::core::Handler;
use crate::phases::Flow;
use crate::request::Request;

/// How long a link may be open if nothing is said.
const MAX: Duration = Duration::from_secs(24 * 3600);

/// What links may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The longest that one is open.
    max: Duration,
    /// Guests sign in as everybody does.
    behind_login: bool,
}

impl Allowed {
    /// The longest that one is open.
    pub fn max(self) -> Duration {
        self.max
    }
}

/// `vnc_links`
pub fn vnc_links(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut allowed = Allowed {
        max: MAX,
        behind_login: false,
    };
    for word in item.args.iter().skip(1) {
        let mut halves = word.text.splitn(2, |&byte| byte == b'=');
        match (halves.next().unwrap_or_default(), halves.next()) {
            (b"max", Some(time)) => {
                let time = value::time(time).filter(|time| !time.is_zero());
                allowed.max = time.ok_or_else(|| item.invalid_parameter(word))?;
            }
            (b"access", Some(b"open")) => allowed.behind_login = false,
            (b"access", Some(b"login")) => allowed.behind_login = true,
            _ => return Err(item.invalid_parameter(word)),
        }
    }
    let links = match item.text(0)? {
        "on" => Some(allowed),
        "off" if item.args.len() == 1 => None,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.vnc.links, links)
}

/// What a link says about a request.
#[derive(Debug)]
pub struct Guest {
    link: Arc<GuestLink>,
    /// Whether it stood in place of signing in.
    is_in_place_of_login: bool,
    /// The query of the request itself.
    own_args: Bytes,
}

/// Whether and how a request comes by a link. If it does, it has the query of the link's maker from
/// here on, so that everything leads where it led the maker, until [`Guest::leave`].
pub fn come(request: &Request) -> Result<Option<Guest>, Refusal> {
    let args = request.args();
    let Some(secret) = argument(&args, b"link") else {
        return Ok(None);
    };
    let link = find(request, secret).ok_or(Refusal::UnknownToken)?;
    let is_in_place_of_login = opens(request);
    let maker = Bytes::copy_from_slice(&link.terms.args);
    let own_args = request.args.replace(maker);
    Ok(Some(Guest {
        link,
        is_in_place_of_login,
        own_args,
    }))
}

/// The link with that secret, if it is one for the folder that the request is in.
fn find(request: &Request, secret: &[u8]) -> Option<Arc<GuestLink>> {
    let links = &request.generation.thread.shared.links;
    let link = links.find(secret, clock::wall())?;
    let is_here =
        link.terms.server == server_of(request) && request.uri().starts_with(&link.terms.folder);
    is_here.then_some(link)
}

/// What a server is known by, also after a reload: its name and the port. Not the address, for it
/// may listen at one of IPv4 and one of IPv6.
fn server_of(request: &Request) -> Box<[u8]> {
    let port = match &request.conn.listener_conf().listen.addr {
        Addr::Ip(addr) => addr.port(),
        Addr::Unix(_) => 0,
    };
    let mut known = request.server().name.to_vec();
    known.extend(format!(":{port}").bytes());
    known.into()
}

/// What links may be made for a desktop whose settings are `special` at a location: what its own
/// say, but never without signing in where either wants that.
pub fn allowed(location: &super::Conf, special: &super::Conf) -> Option<Allowed> {
    let here = location.links.is_some_and(|links| links.behind_login);
    special.links.map(|links| Allowed {
        behind_login: links.behind_login || here,
        ..links
    })
}

impl Guest {
    /// Gives the request its own query back.
    pub fn leave(&self, request: &Request) {
        request.args.replace(self.own_args.clone());
    }

    /// What a guest is to the machine that was found, if the link is for it, and if there may be
    /// links there at all.
    pub fn role(&self, machine: &Target, allowed: Option<Allowed>) -> Result<Role, Refusal> {
        let allowed = allowed.ok_or(Refusal::UnknownToken)?;
        // Which desktop a token leads to is not known before; only now it says that guests sign in.
        let owes_login = allowed.behind_login && self.is_in_place_of_login;
        match !owes_login && self.link.terms.machine == *machine {
            true => Ok(Role::View),
            false => Err(Refusal::UnknownToken),
        }
    }

    /// What guests may do, whatever the desktop allows: look, until the link's time is over.
    pub fn restrict(&self, policy: Policy) -> Policy {
        let expires = self.link.terms.expires;
        Policy {
            view_only: true,
            clipboard_in: false,
            clipboard_out: false,
            resize: false,
            power: false,
            until: Some(policy.until.map_or(expires, |until| until.min(expires))),
            ..policy
        }
    }

    /// The link's name.
    pub fn id(&self) -> &str {
        &self.link.id
    }

    /// How the session is known to have come.
    pub fn link_use(&self) -> LinkUse {
        LinkUse {
            id: self.link.id.clone(),
            by: self.link.terms.by.clone(),
        }
    }

    /// Counts a session.
    pub fn note_use(&self) {
        self.link.note_use();
    }
}

/// Whether a link stands in place of signing in: for the folder of its desktop, and for the files
/// of the pages, which are the same for everybody.
pub fn opens(request: &Request) -> bool {
    let conf = request.conf();
    if conf.core.handler != Handler::Vnc {
        return false;
    }
    // Whoever is refused is logged too.
    grant::hide_token(request);
    let args = request.args();
    match argument(&args, b"link") {
        Some(secret) => are_open(request) && find(request, secret).is_some(),
        // On a wall the answer does not tell which desktops there are.
        None => {
            (conf.vnc.wall.is_some() && conf.vnc.may_have_links() || are_open(request))
                && is_file_of_page(request)
        }
    }
}

/// Whether guests of the one desktop that the request is for need not sign in, as far as that is
/// known before a token is looked up; false where it is for none, or for many.
fn are_open(request: &Request) -> bool {
    let conf = &request.conf().vnc;
    let desktop = match super::subject(request) {
        Some(Subject::OnWall(desktop)) => Some(desktop),
        Some(Subject::OfLocation) => match &conf.pass {
            Some(Pass::Desktop { name, .. }) => request.config().desktops.find(name).cloned(),
            _ => None,
        },
        Some(Subject::Missing | Subject::Watched(_)) | None => return false,
    };
    let links = match desktop {
        Some(desktop) => allowed(conf, &desktop.over(conf)),
        None => conf.links,
    };
    links.is_some_and(|links| !links.behind_login)
}

fn is_file_of_page(request: &Request) -> bool {
    if upgrade::is_asked_for(request) || !reads(request) {
        return false;
    }
    let uri = request.uri();
    let pages = &request.generation.thread.shared.pages;
    let path = std::str::from_utf8(&uri).unwrap_or_default();
    let file = path.rfind("/assets/").map(|at| &path[at + 1..]);
    file.is_some_and(|file| (pages.find)(file).is_some())
}

impl super::Conf {
    /// Whether guests may come here without signing in: by what the location says or, on a wall,
    /// perhaps a desktop; which one decides is seen when the link leads somewhere.
    fn may_have_links(&self) -> bool {
        match (self.links, &self.wall) {
            (Some(links), _) => !links.behind_login,
            (None, wall) => wall.is_some(),
        }
    }
}

/// The addresses below `api/links` of a desktop's folder.
pub async fn run(request: &Request, path: &str, subject: &Subject) -> Flow {
    let uri = request.uri();
    let folder = uri.strip_suffix(path.as_bytes()).unwrap_or(&uri);
    let goal = grant::goal(request, subject).await;
    let grant = match &goal.grant {
        Ok(grant) if goal.guest.is_none() && grant.role >= Role::Control => grant,
        Ok(_) => return error(403, "Your role does not allow that."),
        Err(refusal) => return error(403, &refusal.sentence()),
    };
    let Some(allowed) = grant.links else {
        return error(404, "There are no links for this desktop.");
    };
    let by = grant::user(request);
    let whose = match grant.role {
        Role::Admin => Whose::All,
        _ => Whose::Of(by.as_deref()),
    };
    let links = &request.generation.thread.shared.links;
    let now = clock::wall();
    match (path, request.method.get()) {
        ("api/links", Method::Get) => json(links.to_json(&grant.target, whose, now)),
        ("api/links", Method::Post) => {
            let form = match Form::of(request).await {
                Ok(form) => form,
                Err(flow) => return flow,
            };
            let terms = LinkTerms {
                server: server_of(request),
                folder: folder.into(),
                args: request.args()[..].into(),
                machine: grant.target.clone(),
                by: by.clone(),
                expires: now,
            };
            make(request, &goal, allowed, &form, terms)
        }
        ("api/links/revoke", Method::Post) => {
            let form = match Form::of(request).await {
                Ok(form) => form,
                Err(flow) => return flow,
            };
            revoke(request, &goal, &form, &grant.target, whose)
        }
        _ => Flow::Status(405),
    }
}

fn make(
    request: &Request,
    goal: &Goal,
    allowed: Allowed,
    form: &Form,
    mut terms: LinkTerms,
) -> Flow {
    let life = form
        .read::<u64>("minutes")
        .map(|minutes| minutes.saturating_mul(60));
    let life = life.map(Duration::from_secs).filter(|life| !life.is_zero());
    let Some(life) = life else {
        return error(400, "A link is for a number of minutes.");
    };
    if life > allowed.max {
        let most = allowed.max.as_secs() / 60;
        return error(
            400,
            &format!("A link may be open for {most} minutes at most."),
        );
    }
    let now = clock::wall();
    terms.expires = now + life;
    match request.generation.thread.shared.links.make(terms, now) {
        Ok((secret, link)) => {
            let (id, minutes) = (&link.id, life.as_secs() / 60);
            request.log(
                LogLevel::Notice,
                format_args!("link {id} for a desktop was made, for {minutes} minutes"),
            );
            note(request, || {
                vnc::link_record(&about(request, goal), id, Some(&link), LinkEvent::Made)
            });
            let expires = vnc::unix(link.terms.expires);
            let made = serde_json::json!({
                "id": id, "url": format!("?link={secret}"), "expires": expires,
            });
            json(made.to_string())
        }
        Err(failure) => {
            let status = match failure {
                LinkError::NoRandom => 500,
                LinkError::TooMany | LinkError::TooManyOfYours => 429,
            };
            error(status, &failure.to_string())
        }
    }
}

fn revoke(request: &Request, goal: &Goal, form: &Form, machine: &Target, whose: Whose<'_>) -> Flow {
    let id = form.text("id");
    let shared = &request.generation.thread.shared;
    if !shared.links.revoke(&id, machine, whose, clock::wall()) {
        return error(404, "There is no such link.");
    }
    let of_link = |session: &vnc::Session| {
        let link = session.about.link.as_ref();
        link.is_some_and(|link| link.id == id)
    };
    let cut = shared.sessions.cut_matching(&Refusal::LinkEnded, of_link);
    request.log(
        LogLevel::Notice,
        format_args!("link {id} for a desktop was ended, and {cut} sessions with it"),
    );
    note(request, || {
        vnc::link_record(&about(request, goal), &id, None, LinkEvent::Ended(cut))
    });
    json(format!("{{\"status\":\"ok\",\"cut\":{cut}}}"))
}
