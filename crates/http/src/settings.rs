//! What a module remembers of a level (`http`, `server`, `location`, `if`), and how an inner level
//! takes it over from the outer one.
//!
//! A draft is what was written; a conf is compiled, complete and shared: a level at which nothing
//! of a module was written has its parent's conf, so that 100,000 locations do not cost 100,000
//! copies.

/// How a level came to be, which decides what it takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelKind {
    /// `http`, `server` and `location`.
    Named,
    /// `if` and `limit_except`: a location without a name, inside one with a name.
    Unnamed,
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

        impl Draft {
            /// Compiles the level inside `outer`.
            pub(crate) fn compile(
                self,
                outer: &std::sync::Arc<Conf>,
                kind: $crate::settings::LevelKind,
            ) -> std::sync::Arc<Conf> {
                let written = false
                    $( || self.$name.is_some() )*
                    $( || $crate::settings::settings!(@changes $how, outer.$name) )*;
                let named = kind == $crate::settings::LevelKind::Named;
                let resets = named && (false $( || $crate::settings::settings!(@resets $how) )*);
                if !written && !resets {
                    return outer.clone();
                }
                std::sync::Arc::new(Conf {
                    $( $name: $crate::settings::settings!(
                        @value $how, self.$name, named, outer.$name, $default
                    ), )*
                })
            }
        }
    };
    (@changes merged, $outer:expr) => { $outer.changes_inside() };
    (@changes $how:ident, $outer:expr) => { false };
    (@value merged, $own:expr, $named:ident, $outer:expr, $default:expr) => {
        $own.unwrap_or_default().within(&$outer)
    };
    (@value $how:ident, $own:expr, $named:ident, $outer:expr, $default:expr) => {
        $own.unwrap_or_else(|| {
            $crate::settings::settings!(@take $how, $named, $outer, $default)
        })
    };
    (@resets inherit) => { false };
    (@resets merged) => { false };
    (@resets $how:ident) => { true };
    (@take inherit, $named:ident, $outer:expr, $default:expr) => { $outer.clone() };
    (@take local, $named:ident, $outer:expr, $default:expr) => { $default };
    (@take unnamed, $named:ident, $outer:expr, $default:expr) => {
        if $named { $default } else { $outer.clone() }
    };
}

pub(crate) use settings;
