//! Desktops: a WebSocket on one side, an RFB server on the other, a policy between them.
//!
//! This crate knows nothing of HTTP. Whoever accepted an upgrade hands over the socket:
//!
//! ```ignore
//! let goal = match source.lookup(token, Asked::ToOpen).await { // or a configured target
//!     Ok(Some(ticket)) => Ok(ticket.place),                     // if its terms are met
//!     Ok(None) => Err(Refusal::UnknownToken),
//!     Err(_) => Err(Refusal::Internal),
//! };
//! let browser = Browser { stream, early, protocol: Subprotocol::of(chosen) };
//! let about = About { client, desktop, token: Some(mask_token(token)), ..About::default() };
//! // In a task of its own:
//! let end = vnc::run(browser, goal, Policy::default(), about, &sessions).await;
//! log(end.to_string());
//! ```
//!
//! A valid upgrade is always completed, also when there is nothing to connect to: the refusal is
//! then told as an RFB failure, which any viewer shows, and in the close frame ([`Refusal`]).
//!
//! - [`Target`]: where a desktop is; [`TokenSource`]: websockify's token files and directories,
//!   services and signed tokens, each of which says a [`Ticket`]; [`Password`]: a stored password,
//!   text or `vncpasswd`'s.
//! - [`run`]: one session from the first byte to its [`SessionEnd`]. Runs on the thread's
//!   `LocalRuntime`; its future is small enough to live for weeks.
//! - [`Machine`]: a machine that the gateway looks at itself, without a viewer.
//! - [`Pictures`]: screenshots of machines, one connection at a time.
//! - [`Probes`]: whether machines let the gateway in, each asked once for all who want to know.
//! - [`Sessions`]: every live session of the process, shared by its threads: listed, cut.

#![forbid(unsafe_code)]

mod asks;
mod attempts;
mod credentials;
mod entrance;
mod fence;
mod forecast;
mod journal;
mod links;
mod outcomes;
mod password;
mod pictures;
mod policy;
mod probes;
mod recorder;
mod refusal;
mod role;
mod scratch;
mod session;
mod sessions;
mod tap;
mod target;
mod tls;
mod tokens;

pub use attempts::LoginLimit;
pub use credentials::{Credential, Credentials, CredentialsError};
pub use fence::{Fence, NamedBy, Reach, Rule};
pub use forecast::{Forecast, forecast};
pub use journal::{LinkEvent, Notes, end_record, link_record, screenshot_record, start_record};
pub use links::{GuestLink, LinkError, LinkTerms, Links, Whose};
pub use outcomes::{Known, Outcome, Outcomes};
pub use password::{Password, PasswordError};
pub use pictures::{Pictures, Shot, THUMBNAIL_SIDE_MAX};
pub use policy::{Allowed, Names, Permissions, Policy};
pub use probes::{Probe, Probes};
pub use recorder::{OnFull, Record};
pub use refusal::Refusal;
pub use role::{Role, UnknownRole};
pub use session::{
    Browser, EndReason, FarSocket, Link, Machine, SealedLink, SessionEnd, Subprotocol, Unreachable,
    run,
};
pub use sessions::view::unix;
pub use sessions::{
    About, Asking, Beside, Holder, Limits, LinkUse, Order, Session, SessionId, Sessions, Watch,
};
pub use tap::{Piece, Pointer, Taken, Tap, TapSource, TapStart};
pub use target::{FarGateway, Target, TargetError};
pub use tls::{Fingerprint, FingerprintError, SourceFile, Tls, TlsNeed, Trust};
#[cfg(feature = "fuzz")]
pub use tokens::fuzz;
pub use tokens::{
    Asked, Bearer, Place, Service, Signed, SpendError, Spending, SpentTokens, Stamp, Store, Ticket,
    TicketError, TokenError, TokenSource, mask_token,
};
