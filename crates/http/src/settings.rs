//! What a module remembers of a level (`http`, `server`, `location`, `if`), and how an inner level
//! takes it over from the outer one.
//!
//! A draft is what was written; a conf is compiled, complete and shared: a level at which nothing
//! of a module was written has its parent's conf, so that 100,000 locations do not cost 100,000
//! copies.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// How a level came to be, which decides what it takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelKind {
    /// `http`, `server` and `location`.
    Named,
    /// `if` and `limit_except`: a location without a name, inside one with a name.
    Unnamed,
}

/// What was written of a module at a level: of most modules nothing, which takes no room.
#[derive(Debug, Clone)]
pub struct Written<D>(Option<Box<D>>);

impl<D> Default for Written<D> {
    fn default() -> Self {
        Self(None)
    }
}

impl<D: Draft> Written<D> {
    /// Compiles the level inside `outer`.
    pub(crate) fn compile(self, outer: &Arc<D::Conf>, kind: LevelKind) -> Arc<D::Conf> {
        D::compile(self.0, outer, kind)
    }
}

impl<D: Draft> Deref for Written<D> {
    type Target = D;

    fn deref(&self) -> &D {
        self.0.as_deref().unwrap_or(D::NOTHING)
    }
}

impl<D: Draft> DerefMut for Written<D> {
    fn deref_mut(&mut self) -> &mut D {
        self.0.get_or_insert_default()
    }
}

/// A module's draft, as [`settings!`] declares it.
pub trait Draft: Default + 'static {
    /// What it compiles to.
    type Conf;

    /// The draft of a level at which nothing was written.
    const NOTHING: &'static Self;

    /// Compiles the level inside `outer`.
    fn compile(
        draft: Option<Box<Self>>,
        outer: &Arc<Self::Conf>,
        kind: LevelKind,
    ) -> Arc<Self::Conf>;
}

/// A value that is not inherited, and by default says that there is nothing.
pub(crate) trait Absent {
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Absent for bool {
    fn is_absent(&self) -> bool {
        !self
    }
}

/// Declares a module's `Draft` and `Conf`.
///
/// Each field is `name: Type = default, how;` where *how* says what a level without it has:
/// `inherit` the outer level's value, `merged` what the type's `within` makes of both, `local` the
/// default, `unnamed` the outer level's value inside an unnamed location and the default elsewhere.
macro_rules! settings {
    ($( $(#[$doc:meta])* $name:ident : $type:ty = $default:expr, $how:ident; )*) => {
        /// What was written at one level.
        #[derive(Debug, Clone, Default)]
        pub struct Draft {
            $( $(#[$doc])* pub $name: Option<$type>, )*
        }

        /// What holds at one level.
        #[derive(Debug, Clone)]
        pub struct Conf {
            $( $(#[$doc])* pub $name: $type, )*
        }

        impl Default for Conf {
            fn default() -> Self {
                Self { $( $name: $default, )* }
            }
        }

        impl $crate::settings::Draft for Draft {
            type Conf = Conf;

            const NOTHING: &'static Self = &Self { $( $name: None, )* };

            fn compile(
                draft: Option<Box<Self>>,
                outer: &std::sync::Arc<Conf>,
                kind: $crate::settings::LevelKind,
            ) -> std::sync::Arc<Conf> {
                let named = kind == $crate::settings::LevelKind::Named;
                let written = draft.as_ref().is_some_and(|draft| {
                    false $( || draft.$name.is_some() )*
                });
                let changes = false
                    $( || $crate::settings::settings!(@changes $how, outer.$name) )*;
                let resets = named
                    && (false $( || $crate::settings::settings!(@resets $how, outer.$name) )*);
                if !written && !changes && !resets {
                    return outer.clone();
                }
                let draft = draft.unwrap_or_default();
                std::sync::Arc::new(Conf {
                    $( $name: $crate::settings::settings!(
                        @value $how, draft.$name, named, outer.$name, $default
                    ), )*
                })
            }
        }
    };
    (@changes merged, $outer:expr) => { $outer.changes_inside() };
    (@changes $how:ident, $outer:expr) => { false };
    (@resets inherit, $outer:expr) => { false };
    (@resets merged, $outer:expr) => { false };
    (@resets $how:ident, $outer:expr) => { !$crate::settings::Absent::is_absent(&$outer) };
    (@value merged, $own:expr, $named:ident, $outer:expr, $default:expr) => {
        $own.unwrap_or_default().within(&$outer)
    };
    (@value $how:ident, $own:expr, $named:ident, $outer:expr, $default:expr) => {
        $own.unwrap_or_else(|| {
            $crate::settings::settings!(@take $how, $named, $outer, $default)
        })
    };
    (@take inherit, $named:ident, $outer:expr, $default:expr) => { $outer.clone() };
    (@take local, $named:ident, $outer:expr, $default:expr) => { $default };
    (@take unnamed, $named:ident, $outer:expr, $default:expr) => {
        if $named { $default } else { $outer.clone() }
    };
}

pub(crate) use settings;
