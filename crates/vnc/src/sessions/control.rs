//! Who of those that look at one desktop controls it: everybody who may, or one of them.
//!
//! ```text
//!              take, give, order              leave, release, order
//! everybody ───────────────────▶ one of them ───────────────────────▶ everybody
//!                                  │    ▲
//!                                  └────┘ give; take by an admin
//! ```

use serde::Deserialize;

use super::SessionId;
use crate::Role;

/// What a viewer's page wants, as it says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To be the only one who controls.
    Take,
    /// That everybody who may controls again.
    Release,
    /// That another one controls.
    Give(SessionId),
    /// To be given control.
    Request,
    /// Not to give it to the one who asked.
    Refuse(SessionId),
}

/// What a page says in a text message, as far as it is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Something about control.
    Wish(Wish),
    /// "I am still here".
    Here,
}

/// The longest text message of a page that is looked at.
pub(crate) const SAID_LEN_MAX: usize = 512;

#[derive(Deserialize)]
struct Frame<'t> {
    #[serde(rename = "type")]
    kind: &'t str,
    #[serde(rename = "do")]
    wish: Option<&'t str>,
    to: Option<&'t str>,
}

impl Said {
    /// Reads a text message. What is not known is nothing: the page may be newer than we are.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let frame: Frame<'_> = serde_json::from_slice(text).ok()?;
        let to = || frame.to?.parse().ok();
        match (frame.kind, frame.wish) {
            ("here", _) => Some(Self::Here),
            ("control", Some(wish)) => Some(Self::Wish(match wish {
                "take" => Wish::Take,
                "release" => Wish::Release,
                "give" => Wish::Give(to()?),
                "request" => Wish::Request,
                "refuse" => Wish::Refuse(to()?),
                _ => return None,
            })),
            _ => None,
        }
    }
}

/// What an operator orders from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// This session alone controls its desktop.
    Take,
    /// Everybody who may controls the desktop.
    Free,
}

impl Wish {
    /// The word for the journal.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Take | Self::Request => "take",
            Self::Release => "release",
            Self::Give(_) => "give",
            Self::Refuse(_) => "refuse",
        }
    }
}

impl Order {
    /// The word for the journal.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Free => "free",
        }
    }
}

/// What comes of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Somebody else controls now.
    Changed,
    /// It is as it was.
    Unchanged,
    /// The controller is to be asked.
    Ask(SessionId),
    /// The one who asked is to hear a no.
    TellNo(SessionId),
}

/// Why a wish is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Who wishes may only watch.
    WatchesOnly,
    /// Somebody controls, and only an admin may take that away.
    Held,
    /// Only who controls may do that.
    NotController,
    /// The other one is not there, or may only watch.
    NobodyToGiveTo,
}

impl Denied {
    /// The sentence for the person.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::WatchesOnly => "You may only watch this desktop.",
            Self::Held => "Somebody else controls this desktop.",
            Self::NotController => "You do not control this desktop.",
            Self::NobodyToGiveTo => "That person cannot control this desktop.",
        }
    }
}

/// What one of those who look may do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing but watching.
    Watches,
    /// Using the machine, with this role.
    May(Role),
}

/// Who looks at a desktop, and who controls it. The controller is among those who look, and may.
#[derive(Debug, Default)]
pub(crate) struct Control {
    there: Vec<(SessionId, Standing)>,
    controller: Option<SessionId>,
}

impl Control {
    /// Somebody comes.
    pub(crate) fn join(&mut self, id: SessionId, standing: Standing) {
        self.there.push((id, standing));
    }

    /// Somebody goes; what was asked for control is free then.
    pub(crate) fn leave(&mut self, id: SessionId) -> Outcome {
        self.there.retain(|(there, _)| *there != id);
        match self.controller == Some(id) {
            true => self.set(None),
            false => Outcome::Unchanged,
        }
    }

    /// What somebody may at most: who may no longer control does not. Whether that is new.
    pub(crate) fn set_standing(&mut self, id: SessionId, standing: Standing) -> bool {
        let known = self.there.iter_mut().find(|(there, _)| *there == id);
        let is_new = known.is_some_and(|(_, known)| std::mem::replace(known, standing) != standing);
        if self.controller == Some(id) && standing == Standing::Watches {
            self.controller = None;
        }
        is_new
    }

    /// Nobody looks any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.there.is_empty()
    }

    /// The only one who controls; `None` is everybody who may.
    pub(crate) fn controller(&self) -> Option<SessionId> {
        self.controller
    }

    /// Whether somebody's keys reach the machine.
    pub(crate) fn controls(&self, id: SessionId) -> bool {
        let may = matches!(self.standing(id), Some(Standing::May(_)));
        may && self.controller.is_none_or(|controller| controller == id)
    }

    /// Whether another one has taken control.
    pub(crate) fn is_held_from(&self, id: SessionId) -> bool {
        self.controller.is_some_and(|controller| controller != id)
    }

    /// One of those who look wishes something.
    pub(crate) fn wish(&mut self, by: SessionId, wish: Wish) -> Result<Outcome, Denied> {
        let Some(Standing::May(role)) = self.standing(by) else {
            return Err(Denied::WatchesOnly);
        };
        let decides = role == Role::Admin || self.controller == Some(by);
        match (wish, self.controller) {
            (Wish::Take, None) => Ok(self.set(Some(by))),
            (Wish::Take, _) if decides => Ok(self.set(Some(by))),
            (Wish::Take, _) => Err(Denied::Held),
            (Wish::Release, None) => Ok(Outcome::Unchanged),
            (Wish::Release, _) if decides => Ok(self.set(None)),
            (Wish::Give(to), None) => self.give(to),
            (Wish::Give(to), _) if decides => self.give(to),
            (Wish::Request, None) => Ok(self.set(Some(by))),
            (Wish::Request, Some(controller)) if controller == by => Ok(Outcome::Unchanged),
            (Wish::Request, Some(controller)) => Ok(Outcome::Ask(controller)),
            (Wish::Refuse(to), _) if decides && self.standing(to).is_some() => {
                Ok(Outcome::TellNo(to))
            }
            (Wish::Refuse(_), _) if decides => Ok(Outcome::Unchanged),
            (Wish::Release | Wish::Give(_) | Wish::Refuse(_), _) => Err(Denied::NotController),
        }
    }

    /// An operator orders something about one of those who look.
    pub(crate) fn order(&mut self, id: SessionId, order: Order) -> Result<Outcome, Denied> {
        match order {
            Order::Take => self.give(id),
            Order::Free => Ok(self.set(None)),
        }
    }

    fn give(&mut self, to: SessionId) -> Result<Outcome, Denied> {
        match self.standing(to) {
            Some(Standing::May(_)) => Ok(self.set(Some(to))),
            Some(Standing::Watches) | None => Err(Denied::NobodyToGiveTo),
        }
    }

    fn standing(&self, id: SessionId) -> Option<Standing> {
        let known = self.there.iter().find(|(there, _)| *there == id);
        known.map(|(_, standing)| *standing)
    }

    fn set(&mut self, controller: Option<SessionId>) -> Outcome {
        match std::mem::replace(&mut self.controller, controller) == controller {
            true => Outcome::Unchanged,
            false => Outcome::Changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: SessionId = SessionId(1);
    const BOB: SessionId = SessionId(2);
    const EVE: SessionId = SessionId(3);
    const ROOT: SessionId = SessionId(4);

    /// Two who control, one who watches, one who decides.
    fn control() -> Control {
        let mut control = Control::default();
        for id in [ANN, BOB] {
            control.join(id, Standing::May(Role::Control));
        }
        control.join(EVE, Standing::Watches);
        control.join(ROOT, Standing::May(Role::Admin));
        control
    }

    fn controlling(control: &Control) -> Vec<SessionId> {
        let all = [ANN, BOB, EVE, ROOT].into_iter();
        all.filter(|id| control.controls(*id)).collect()
    }

    #[test]
    fn everybody_who_may_controls_until_one_takes_it() {
        let mut control = control();
        assert_eq!(controlling(&control), [ANN, BOB, ROOT]);
        assert_eq!(control.wish(ANN, Wish::Take), Ok(Outcome::Changed));
        assert_eq!(controlling(&control), [ANN]);
        assert_eq!(control.wish(ANN, Wish::Take), Ok(Outcome::Unchanged));
        assert_eq!(control.wish(BOB, Wish::Take), Err(Denied::Held));
        assert_eq!(control.wish(BOB, Wish::Release), Err(Denied::NotController));
        assert_eq!(control.wish(ROOT, Wish::Take), Ok(Outcome::Changed));
        assert_eq!(controlling(&control), [ROOT]);
        assert_eq!(control.wish(ROOT, Wish::Release), Ok(Outcome::Changed));
        assert_eq!(controlling(&control), [ANN, BOB, ROOT]);
    }

    #[test]
    fn who_only_watches_is_never_given_control() {
        let mut control = control();
        for wish in [
            Wish::Take,
            Wish::Request,
            Wish::Release,
            Wish::Give(EVE),
            Wish::Refuse(ANN),
        ] {
            assert_eq!(control.wish(EVE, wish), Err(Denied::WatchesOnly));
        }
        let nobody = Err(Denied::NobodyToGiveTo);
        assert_eq!(control.wish(ANN, Wish::Give(EVE)), nobody);
        assert_eq!(control.order(EVE, Order::Take), nobody);
        assert_eq!(control.wish(ANN, Wish::Give(SessionId(9))), nobody);
        assert_eq!(control.controller(), None);
    }

    #[test]
    fn a_wish_is_asked_of_the_controller_who_gives_or_refuses() {
        let mut control = control();
        control.wish(ANN, Wish::Take).unwrap();
        assert_eq!(control.wish(BOB, Wish::Request), Ok(Outcome::Ask(ANN)));
        assert_eq!(control.wish(ANN, Wish::Request), Ok(Outcome::Unchanged));
        assert_eq!(
            control.wish(ANN, Wish::Refuse(BOB)),
            Ok(Outcome::TellNo(BOB))
        );
        assert_eq!(
            control.wish(BOB, Wish::Refuse(ANN)),
            Err(Denied::NotController)
        );
        assert_eq!(control.wish(ANN, Wish::Give(BOB)), Ok(Outcome::Changed));
        assert_eq!(controlling(&control), [BOB]);
        let not_his = Err(Denied::NotController);
        assert_eq!(control.wish(ANN, Wish::Give(ANN)), not_his);
    }

    #[test]
    fn control_is_free_when_who_had_it_leaves_or_may_no_more() {
        let mut control = control();
        control.wish(ANN, Wish::Take).unwrap();
        assert_eq!(control.leave(BOB), Outcome::Unchanged);
        assert_eq!(control.leave(ANN), Outcome::Changed);
        assert_eq!(controlling(&control), [ROOT]);
        control.order(ROOT, Order::Take).unwrap();
        assert!(control.set_standing(ROOT, Standing::Watches));
        assert!(!control.set_standing(ROOT, Standing::Watches));
        assert_eq!(
            (control.controller(), control.controls(ROOT)),
            (None, false)
        );
        control.leave(EVE);
        control.leave(ROOT);
        assert!(control.is_empty());
    }

    #[test]
    fn an_operator_decides_over_all() {
        let mut control = control();
        control.wish(ROOT, Wish::Take).unwrap();
        assert_eq!(control.order(BOB, Order::Take), Ok(Outcome::Changed));
        assert!(control.is_held_from(ROOT) && !control.is_held_from(BOB));
        assert_eq!(control.order(ANN, Order::Free), Ok(Outcome::Changed));
        assert_eq!(controlling(&control), [ANN, BOB, ROOT]);
    }

    #[test]
    fn what_a_page_says_is_understood_or_nothing() {
        let id = "000000000000000000000000000000ff";
        let give = format!("{{\"type\":\"control\",\"do\":\"give\",\"to\":\"{id}\",\"new\":[1]}}");
        assert_eq!(
            Said::read(give.as_bytes()),
            Some(Said::Wish(Wish::Give(SessionId(255))))
        );
        let take = Some(Said::Wish(Wish::Take));
        assert_eq!(Said::read(br#"{"type":"control","do":"take"}"#), take);
        assert_eq!(Said::read(br#"{"type":"here"}"#), Some(Said::Here));
        for odd in [
            &b""[..],
            b"take",
            b"[]",
            br#"{"type":"control"}"#,
            br#"{"type":"control","do":"give"}"#,
            br#"{"type":"control","do":"give","to":"ann"}"#,
            br#"{"type":"control","do":7}"#,
            br#"{"type":"control","do":"fly"}"#,
            br#"{"type":"control","do":"take"} "#.split_at(20).0,
            b"\xff",
        ] {
            assert_eq!(Said::read(odd), None, "{odd:?}");
        }
    }
}
