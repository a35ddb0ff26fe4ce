//! `worker_cpu_affinity`: which processors each thread runs on.

use conf::{Diagnostic, Item};

/// The processors of the worker's threads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Affinity {
    /// Any.
    #[default]
    Any,
    /// One each, of these in turn; of all if none are given.
    Auto(Option<Mask>),
    /// A mask for each thread; the last is for all that follow.
    Masks(Vec<Mask>),
}

/// A set of processors, by number.
pub type Mask = Vec<usize>;

/// The most processors that the system's masks hold (`CPU_SETSIZE`).
const PROCESSORS_MAX: usize = 1024;

impl Affinity {
    /// Reads the arguments of the directive.
    pub fn parse(item: &Item) -> Result<Self, Diagnostic> {
        if item.arg(0)?.text == b"auto" {
            return match item.args.len() {
                1 => Ok(Affinity::Auto(None)),
                2 => Ok(Affinity::Auto(Some(mask(item, 1)?))),
                _ => {
                    Err(item
                        .error("invalid number of arguments in \"worker_cpu_affinity\" directive"))
                }
            };
        }
        let masks: Result<_, _> = (0..item.args.len())
            .map(|index| mask(item, index))
            .collect();
        Ok(Affinity::Masks(masks?))
    }

    /// The processors of thread `index` of a machine with `processors`; `None` for any.
    pub fn of_thread(&self, index: usize, processors: usize) -> Option<Mask> {
        match self {
            Affinity::Any => None,
            Affinity::Auto(None) => Some(vec![index % processors.max(1)]),
            Affinity::Auto(Some(mask)) => {
                let turn = index.checked_rem(mask.len())?;
                Some(vec![*mask.get(turn)?])
            }
            Affinity::Masks(masks) => masks.get(index).or(masks.last()).cloned(),
        }
    }
}

/// Reads a mask: binary digits, the last of which is processor 0.
fn mask(item: &Item, index: usize) -> Result<Mask, Diagnostic> {
    let word = item.arg(index)?;
    if word.text.len() > PROCESSORS_MAX {
        let message = format!("\"worker_cpu_affinity\" supports up to {PROCESSORS_MAX} CPUs only");
        return Err(item.error(message).at(word.span));
    }
    let digits = word.text.iter().rev().filter(|&&digit| digit != b' ');
    let mut mask = Mask::new();
    for (processor, &digit) in digits.enumerate() {
        match digit {
            b'0' => {}
            b'1' => mask.push(processor),
            other => {
                let other = char::from(other);
                let message = format!("invalid character \"{other}\" in \"worker_cpu_affinity\"");
                return Err(item.error(message).at(word.span));
            }
        }
    }
    Ok(mask)
}
