//! The reference under `docs/`, rendered from the tables of directives and variables.
//!
//! The files are kept in the repository so that they can be read without building anything. A test
//! compares them with what the tables say; `UPDATE_DOCS=1 cargo test -p portway reference` writes
//! them anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use conf::{Contexts, Directive, Doc, Support};
use http::module::CONTEXT_NAMES;
use http::modules::MODULES;

use crate::cli::version;
use crate::core::{DIRECTIVES, EVENTS, MAIN};

mod nginx;

/// A directive without its setter, whose kind depends on where it belongs.
struct Entry {
    name: &'static str,
    contexts: Contexts,
    support: Support,
    doc: Doc,
}

/// A heading of the reference and what stands below it.
struct Section {
    title: String,
    entries: Vec<Entry>,
}

const GENERATED: &str = "<!-- Generated from the source by `UPDATE_DOCS=1 cargo test -p portway \
                         reference`. Do not edit. -->\n";

/// Where the generated part of the compatibility page begins and ends.
const COMPAT_MARKS: [&str; 2] = ["<!-- generated: begin -->\n", "<!-- generated: end -->\n"];

fn entry<S>(directive: &Directive<S>) -> Entry {
    Entry {
        name: directive.name,
        contexts: directive.contexts,
        support: directive.support,
        doc: directive.doc,
    }
}

fn sections() -> Vec<Section> {
    let main = Section {
        title: "Main context and `events`".to_owned(),
        entries: DIRECTIVES.iter().map(entry).collect(),
    };
    let modules = MODULES.iter().map(|module| Section {
        title: format!("`{}`", module.name),
        entries: module.directives.iter().map(entry).collect(),
    });
    let all = std::iter::once(main).chain(modules);
    all.filter(|section| !section.entries.is_empty()).collect()
}

fn context_names(contexts: Contexts) -> String {
    let ours = [(MAIN, "main"), (EVENTS, "events")];
    let named = ours.into_iter().chain(CONTEXT_NAMES);
    let names: Vec<_> = named
        .filter(|(bit, _)| contexts.meets(*bit))
        .map(|(_, name)| format!("`{name}`"))
        .collect();
    names.join(", ")
}

fn directives() -> String {
    let mut out = format!(
        "# Directives\n\n{GENERATED}\n\
         Every directive that Portway reads, by module. Where a value may hold variables, that is \
         as in nginx. What differs from nginx is in [nginx-compat.md](nginx-compat.md), what `$names` \
         there are in [variables.md](variables.md).\n"
    );
    for section in sections() {
        let _ = write!(out, "\n## {}\n", section.title);
        for entry in &section.entries {
            out.push_str(&directive(entry));
        }
    }
    out
}

fn directive(entry: &Entry) -> String {
    let Doc {
        syntax,
        default,
        text,
    } = entry.doc;
    let default = match default {
        "" => String::new(),
        default => format!("- default: `{default}`\n"),
    };
    let contexts = context_names(entry.contexts);
    let effect = match entry.support {
        Support::Full => String::new(),
        Support::Different(how) => format!("\nDiffers from nginx: {how}.\n"),
        Support::Inert(reason) => format!("\nChecked for form, without effect: {reason}.\n"),
        Support::Unsupported(reason) => format!("\nNot supported: {reason}.\n"),
    };
    let about = match entry.support {
        // Some of these have nothing to say but the reason.
        Support::Inert(reason) if reason == text => String::new(),
        _ => format!("\n{text}\n"),
    };
    format!(
        "\n### {name}\n\n```nginx\n{syntax}\n```\n\n{default}- context: {contexts}\n{about}{effect}",
        name = entry.name
    )
}

fn variables() -> String {
    let mut out = format!(
        "# Variables\n\n{GENERATED}\n\
         Every built-in variable, by module. A name that ends with *name* stands for many: \
         `$arg_token` is the argument `token`, `$http_user_agent` the header field `User-Agent`. \
         `set`, `map` and named groups of regular expressions define others.\n"
    );
    for module in MODULES.iter().filter(|module| !module.variables.is_empty()) {
        let _ = write!(
            out,
            "\n## `{}`\n\n| variable | value |\n|---|---|\n",
            module.name
        );
        for variable in module.variables {
            let rest = if variable.is_prefix() { "*name*" } else { "" };
            let text = variable.doc.replace('|', "\\|");
            let _ = writeln!(out, "| `${}`{rest} | {text} |", variable.name);
        }
    }
    out
}

/// The part of the compatibility page that the sources know.
fn compatibility() -> String {
    let mut out = format!("{GENERATED}\n");
    out.push_str(&nginx::tables());
    out.push_str("\n## Modules of nginx's default build that are missing\n\n");
    for module in version::missing() {
        let _ = writeln!(out, "- `{module}`");
    }
    out.push_str("\n## Deliberate differences\n\n");
    for (file, note) in differences() {
        let _ = writeln!(out, "- {note} (`{file}`)");
    }
    out
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The comments that mark a difference from nginx, with the file that each is in.
fn differences() -> Vec<(String, String)> {
    let mut notes = Vec::new();
    for file in rust_files(&root().join("crates")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        let mut lines = text.lines().map(str::trim_start);
        while let Some(line) = lines.next() {
            let Some(first) = line.strip_prefix(concat!("// DIFF", "ERS: ")) else {
                continue;
            };
            let more = lines.by_ref().map_while(|line| line.strip_prefix("// "));
            let note: Vec<_> = std::iter::once(first).chain(more).collect();
            notes.push((name.clone(), note.join(" ")));
        }
    }
    notes
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

/// `page` with what is between the marks replaced.
fn with_generated_part(page: &str, part: &str) -> String {
    let [begin, end] = COMPAT_MARKS;
    let (before, rest) = page
        .split_once(begin)
        .expect("invariant: the page has the first mark");
    let (_, after) = rest
        .split_once(end)
        .expect("invariant: the page has the second mark");
    format!("{before}{begin}{part}{end}{after}")
}

mod tests {
    use super::*;

    fn check(name: &str, render: impl FnOnce(&str) -> String) {
        let path = root().join("docs").join(name);
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        let wanted = render(&there);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, wanted).unwrap();
            return;
        }
        assert!(
            there == wanted,
            "docs/{name} is not what the tables say: UPDATE_DOCS=1 cargo test -p portway reference"
        );
    }

    #[test]
    fn the_list_of_directives_is_fresh() {
        check("directives.md", |_| directives());
    }

    #[test]
    fn the_list_of_variables_is_fresh() {
        check("variables.md", |_| variables());
    }

    #[test]
    fn the_compatibility_page_is_fresh() {
        check("nginx-compat.md", |page| {
            with_generated_part(page, &compatibility())
        });
    }

    #[test]
    fn no_directive_is_defined_twice_for_a_context() {
        let mut seen: Vec<Entry> = Vec::new();
        for entry in sections().into_iter().flat_map(|section| section.entries) {
            let twin =
                |other: &&Entry| other.name == entry.name && other.contexts.meets(entry.contexts);
            assert!(!seen.iter().any(|other| twin(&other)), "{}", entry.name);
            seen.push(entry);
        }
    }

    #[test]
    fn no_variable_is_defined_twice() {
        let mut names: Vec<_> = MODULES
            .iter()
            .flat_map(|module| module.variables)
            .map(|variable| variable.name)
            .collect();
        names.sort_unstable();
        let twin = names.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(twin, None);
    }

    #[test]
    fn every_directive_says_its_form_and_what_it_does() {
        let mut wrong = Vec::new();
        for entry in sections().into_iter().flat_map(|section| section.entries) {
            let Doc {
                syntax,
                default,
                text,
            } = entry.doc;
            let begins = |form: &str| {
                let rest = form.strip_prefix(entry.name);
                rest.is_some_and(|rest| rest.starts_with([' ', ';']))
            };
            let reason = match entry.support {
                Support::Full => true,
                Support::Different(reason)
                | Support::Inert(reason)
                | Support::Unsupported(reason) => !reason.is_empty(),
            };
            let said = !text.is_empty() && reason;
            let formed = begins(syntax) && syntax.ends_with([';', '}']);
            if !said || !formed || !(default.is_empty() || begins(default)) {
                wrong.push(format!("{}: {syntax} / {default}", entry.name));
            }
            assert!(!context_names(entry.contexts).is_empty(), "{}", entry.name);
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn every_variable_says_what_it_is() {
        for variable in MODULES.iter().flat_map(|module| module.variables) {
            assert!(!variable.doc.is_empty(), "${}", variable.name);
        }
    }
}
