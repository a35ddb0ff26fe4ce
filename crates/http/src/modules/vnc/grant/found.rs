//! Where a request leads, before anybody is asked whether it may.

use std::sync::Arc;

use net::log::Level;
use vnc::{Asked, NamedBy, Place, Refusal, Target, TargetError};

use super::Subject;
use crate::modules::vnc::Pass;
use crate::modules::vnc::desktops::Desktop;
use crate::modules::vnc::tickets::{self, Terms};
use crate::request::Request;

/// Where a request leads, before anybody is asked whether it may.
pub struct Found {
    /// Where the machine is.
    pub target: Target,
    /// The desktop, if it has a name.
    pub desktop: Option<Arc<Desktop>>,
    /// Who named the target, unless the configuration spells it out.
    pub named_by: Option<NamedBy>,
    /// What the token says that led there.
    pub terms: Option<Terms>,
}

/// Where a request leads, or why it leads nowhere.
pub async fn find(
    request: &Request,
    subject: &Subject,
    token: &[u8],
    asked: Asked,
) -> Result<Found, Refusal> {
    let conf = &request.conf().vnc;
    match (subject, &conf.pass, &conf.source) {
        (Subject::OnWall(desktop), ..) => Ok(desktop.into()),
        (Subject::Missing | Subject::Watched(_), ..) => Err(Refusal::UnknownDesktop),
        (Subject::OfLocation, Some(pass), _) => passed(request, pass),
        (Subject::OfLocation, None, Some(source)) => {
            let terms = tickets::find(request, source, token, asked).await?;
            let named_by = match source.is_local() {
                true => NamedBy::Operator,
                false => NamedBy::Other,
            };
            vouched_for(request, terms, named_by)
        }
        (Subject::OfLocation, None, None) => {
            request.log(
                Level::Error,
                format_args!("\"vnc_token\" without \"vnc_token_source\" or \"vnc_pass\""),
            );
            Err(Refusal::Internal)
        }
    }
}

/// Where a token leads.
fn vouched_for(request: &Request, terms: Terms, named_by: NamedBy) -> Result<Found, Refusal> {
    let found = match &terms.ticket().place {
        Place::Target(target) => Found {
            named_by: Some(named_by),
            ..target.clone().into()
        },
        Place::Desktop(name) => {
            let desktop = request.config().desktops.find(name).ok_or_else(|| {
                let message = format_args!("no desktop \"{name}\", to which a token leads");
                request.log(Level::Error, message);
                Refusal::UnknownDesktop
            })?;
            desktop.into()
        }
    };
    Ok(Found {
        terms: Some(terms),
        ..found
    })
}

/// Where `vnc_pass` leads.
fn passed(request: &Request, pass: &Pass) -> Result<Found, Refusal> {
    let desktops = &request.config().desktops;
    let template = match pass {
        Pass::Static(target) => return Ok(target.clone().into()),
        Pass::Desktop { name, .. } => {
            let desktop = desktops.find(name).ok_or(Refusal::UnknownDesktop)?;
            return Ok(desktop.into());
        }
        Pass::Dynamic(template) => template,
    };
    let value = request.eval(template);
    let failed = |error: &dyn std::fmt::Display| {
        request.log(
            Level::Error,
            format_args!("no target in \"vnc_pass\": {error}"),
        );
        Refusal::UnknownDesktop
    };
    let text = std::str::from_utf8(&value).map_err(|error| failed(&error))?;
    if let Some(desktop) = desktops.find(text) {
        return Ok(desktop.into());
    }
    let target: Target = text.parse().map_err(|error: TargetError| failed(&error))?;
    Ok(Found {
        named_by: Some(NamedBy::Operator),
        ..target.into()
    })
}

impl From<Target> for Found {
    fn from(target: Target) -> Self {
        Self {
            target,
            desktop: None,
            named_by: None,
            terms: None,
        }
    }
}

impl From<&Arc<Desktop>> for Found {
    fn from(desktop: &Arc<Desktop>) -> Self {
        Self {
            target: desktop.target.clone(),
            desktop: Some(desktop.clone()),
            named_by: None,
            terms: None,
        }
    }
}
