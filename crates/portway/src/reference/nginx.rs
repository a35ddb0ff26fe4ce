//! nginx's directives and variables beside ours: every one with what becomes of it here.
//!
//! `nginx.txt` holds nginx's names by module, as facts; what is said of them comes from our tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use conf::Support;
use http::modules::MODULES;

use super::{Entry, sections};

/// A module of nginx that has directives or variables.
#[derive(Debug, Default)]
struct Module {
    name: &'static str,
    directives: Vec<&'static str>,
    /// One that ends with `*` stands for all names that begin so.
    variables: Vec<&'static str>,
}

/// nginx's modules, in the order of the page.
fn modules() -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    for line in include_str!("nginx.txt").lines() {
        let mut words = line.split(' ');
        match (words.next(), modules.last_mut()) {
            (Some("module"), _) => modules.push(Module {
                name: words.next().unwrap_or_default(),
                ..Module::default()
            }),
            (Some("directives"), Some(module)) => module.directives = words.collect(),
            (Some("variables"), Some(module)) => module.variables = words.collect(),
            _ => assert!(line.starts_with('#'), "{line}"),
        }
    }
    modules
}

/// Whether the directives of a module can be in our tables: those of `stream` and `mail` have the
/// same names as others and mean something else.
fn is_ours_to_judge(module: &str) -> bool {
    !module.starts_with("ngx_stream_") && !module.starts_with("ngx_mail_")
}

/// What becomes of nginx's directives and variables, as tables of the page.
pub(super) fn tables() -> String {
    let known = known();
    let variables = our_variables();
    let mut out = String::from(
        "## Every directive and variable of nginx\n\n\
         *Supported*: as nginx. *Different*, *no effect*, *refused*: with the reason; `portway -t` \
         names those that a file has. *Not yet*: an error that names the place. Nothing is skipped \
         silently.\n",
    );
    for module in modules() {
        let _ = write!(
            out,
            "\n### `{}`\n\n| name | here | why |\n|---|---|---|\n",
            module.name
        );
        for name in module.directives {
            let entry = known.get(name).filter(|_| is_ours_to_judge(module.name));
            let (here, why) = standing(name, entry);
            let _ = writeln!(out, "| `{name}` | {here} | {why} |");
        }
        for name in module.variables {
            let here = is_ours_to_judge(module.name) && stands_for(&variables, name);
            let here = if here { "supported" } else { "not yet" };
            let shown = name.replace('*', "…");
            let _ = writeln!(out, "| `${shown}` | {here} | |");
        }
    }
    out.push_str("\n## Directives and variables of Portway's own\n\n");
    let theirs: BTreeSet<_> = modules()
        .into_iter()
        .flat_map(|module| module.directives)
        .collect();
    let own = known.keys().filter(|name| !theirs.contains(*name));
    let own: Vec<_> = own.map(|name| format!("`{name}`")).collect();
    let theirs: BTreeSet<_> = modules()
        .into_iter()
        .flat_map(|module| module.variables)
        .collect();
    let own_variables = variables
        .iter()
        .filter(|name| !theirs.contains(name.as_str()));
    let own_variables: Vec<_> = own_variables
        .map(|name| format!("`${}`", name.replace('*', "…")))
        .collect();
    let _ = writeln!(out, "{}\n\n{}", own.join(", "), own_variables.join(", "));
    out
}

fn standing(name: &str, entry: Option<&Support>) -> (&'static str, &'static str) {
    match entry {
        // The parser itself expands it.
        None if name == "include" => ("supported", ""),
        None if name == "http" => ("supported", ""),
        None => ("not yet", ""),
        Some(Support::Full) => ("supported", ""),
        Some(Support::Different(how)) => ("different", how),
        Some(Support::Inert(reason)) => ("no effect", reason),
        Some(Support::Unsupported(reason)) => ("refused", reason),
    }
}

/// Our directives by name; of one that stands in several modules, the best that is said.
fn known() -> BTreeMap<&'static str, Support> {
    let mut known: BTreeMap<&'static str, Support> = BTreeMap::new();
    for Entry { name, support, .. } in sections().into_iter().flat_map(|section| section.entries) {
        let kept = known.entry(name).or_insert(support);
        if support == Support::Full {
            *kept = support;
        }
    }
    known
}

/// Our variables, `*` behind those that stand for many.
fn our_variables() -> BTreeSet<String> {
    let rows = MODULES.iter().flat_map(|module| module.variables);
    rows.map(|row| match row.is_prefix() {
        true => format!("{}*", row.name),
        false => row.name.to_owned(),
    })
    .collect()
}

/// Whether a variable is among these by itself or by the beginning of its name.
fn stands_for(variables: &BTreeSet<String>, name: &str) -> bool {
    let begins = |known: &String| {
        known
            .strip_suffix('*')
            .is_some_and(|start| name.starts_with(start))
    };
    variables.contains(name) || variables.iter().any(begins)
}

mod tests {
    use super::*;

    #[test]
    fn a_field_has_its_variable_whether_nginx_lists_it_or_not() {
        for name in ["http_via", "sent_http_link", "cookie_a", "host"] {
            assert!(stands_for(&our_variables(), name), "{name}");
        }
        assert!(!stands_for(&our_variables(), "modern_browser"));
    }

    #[test]
    fn every_directive_of_ours_is_on_the_page_once() {
        let page = tables();
        let (theirs, own) = page
            .split_once("## Directives and variables of Portway's own")
            .unwrap();
        for name in known().keys() {
            let listed = theirs.contains(&format!("| `{name}` | "));
            let is_own = own.contains(&format!("`{name}`"));
            assert!(listed != is_own, "{name}: of nginx {listed}, own {is_own}");
        }
    }

    #[test]
    fn what_has_no_support_is_not_called_supported() {
        for name in ["stream", "mail", "ssl_engine"] {
            assert!(matches!(known()[name], Support::Unsupported(_)), "{name}");
        }
        assert!(tables().contains("| `geo` | supported |"));
    }

    #[test]
    fn nginx_s_names_are_there() {
        let modules = modules();
        let count: usize = modules.iter().map(|module| module.directives.len()).sum();
        assert!(count > 700, "{count}");
    }
}
