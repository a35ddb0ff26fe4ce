//! `location` and `limit_except`: levels with a condition.

use conf::{Arity, Diagnostic, Directive, Doc, Item};
use proto::h1::Method;
use script::{Regex, VarId};

use crate::compile::{Place, walk};
use crate::draft::{Level, Matcher};
use crate::module::{Cx, Done, LIMIT_EXCEPT, LOCATION, Module, SERVER, Set};
use crate::settings::LevelKind;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module (location)",
    directives: &[
        Directive::block(
            "location",
            SERVER.or(LOCATION),
            Arity::Between(1, 2),
            Set::Level(location),
            Doc {
                syntax: "location [ = | ~ | ~* | ^~ ] uri { … }  location @name { … }",
                default: "",
                text: "What holds for requests with this path: exactly (=), beginning so (nothing, \
                       ^~), matching an expression (~, ~* without case), or by name (@) for \
                       error_page and try_files.",
            },
        ),
        Directive::block(
            "limit_except",
            LOCATION,
            Arity::AtLeast(1),
            Set::Level(limit_except),
            Doc {
                syntax: "limit_except method … { … }",
                default: "",
                text: "What holds for requests with other methods; GET includes HEAD.",
            },
        ),
    ],
    variables: &[],
};

fn location(item: &Item, outer: &mut Level, cx: &mut Cx<'_>) -> Done {
    let (matcher, name) = matcher(item, cx)?;
    check_nesting(item, outer, &matcher, name)?;
    let by_regex = matches!(matcher, Matcher::Regex(..));
    let mut level = Level {
        matcher,
        by_regex,
        name: name.to_vec(),
        span: item.span(),
        ..Level::default()
    };
    walk(item.entries(), LOCATION, &mut Place::Level(&mut level), cx);
    outer.levels.push(level);
    Ok(())
}

fn matcher<'i>(item: &'i Item, cx: &mut Cx<'_>) -> Result<(Matcher, &'i [u8]), Diagnostic> {
    let first = &item.args[0].text[..];
    if let Some(second) = item.args.get(1) {
        let name = &second.text[..];
        return match first {
            b"=" => Ok((Matcher::Exact, name)),
            b"^~" => Ok((Matcher::Prefix { final_: true }, name)),
            b"~" => regex_matcher(item, name, false, cx),
            b"~*" => regex_matcher(item, name, true, cx),
            _ => {
                let message = format!("invalid location modifier \"{}\"", item.args[0].display());
                Err(item.error(message).at(item.args[0].span))
            }
        };
    }
    match first {
        [b'=', name @ ..] => Ok((Matcher::Exact, name)),
        [b'^', b'~', name @ ..] => Ok((Matcher::Prefix { final_: true }, name)),
        [b'~', b'*', pattern @ ..] => regex_matcher(item, pattern, true, cx),
        [b'~', pattern @ ..] => regex_matcher(item, pattern, false, cx),
        [b'@', ..] => Ok((Matcher::Named, first)),
        name => Ok((Matcher::Prefix { final_: false }, name)),
    }
}

fn regex_matcher<'i>(
    item: &Item,
    pattern: &'i [u8],
    caseless: bool,
    cx: &mut Cx<'_>,
) -> Result<(Matcher, &'i [u8]), Diagnostic> {
    let (regex, names) = regex(item, pattern, caseless, cx)?;
    Ok((Matcher::Regex(regex, names), pattern))
}

/// Compiles an expression; its named groups become variables.
pub fn regex(
    item: &Item,
    pattern: &[u8],
    caseless: bool,
    cx: &mut Cx<'_>,
) -> Result<(Regex, Vec<(VarId, usize)>), Diagnostic> {
    let regex = Regex::new(pattern, caseless).map_err(|error| {
        let pattern = String::from_utf8_lossy(pattern);
        item.error(format!("invalid regular expression \"{pattern}\": {error}"))
    })?;
    let mut names = Vec::new();
    for (name, index) in regex.names() {
        names.push((cx.define(item, &name.to_ascii_lowercase())?, *index));
    }
    Ok((regex, names))
}

fn check_nesting(item: &Item, outer: &Level, matcher: &Matcher, name: &[u8]) -> Done {
    let wrong = |message: &str| {
        let (name, outer) = (
            String::from_utf8_lossy(name),
            String::from_utf8_lossy(&outer.name),
        );
        Err(item.error(format!("location \"{name}\" {message} \"{outer}\"")))
    };
    match (&outer.matcher, matcher) {
        (Matcher::None, _) => Ok(()),
        (Matcher::Exact, _) => wrong("cannot be inside the exact location"),
        (Matcher::Named, _) => wrong("cannot be inside the named location"),
        (_, Matcher::Named) => wrong("can be on the server level only, not inside"),
        (Matcher::Prefix { .. }, Matcher::Exact | Matcher::Prefix { .. })
            if !name.starts_with(&outer.name) =>
        {
            wrong("is outside location")
        }
        _ => Ok(()),
    }
}

fn limit_except(item: &Item, outer: &mut Level, cx: &mut Cx<'_>) -> Done {
    if outer.limit_except.is_some() {
        return Err(item.duplicate());
    }
    let mut methods = Vec::new();
    for word in &item.args {
        match Method::from_bytes(&word.text.to_ascii_uppercase()) {
            Method::Other => {
                let message = format!("invalid method \"{}\"", word.display());
                return Err(item.error(message).at(word.span));
            }
            Method::Get => methods.extend([Method::Get, Method::Head]),
            method => methods.push(method),
        }
    }
    let mut level = Level {
        kind: LevelKind::Unnamed,
        by_regex: outer.by_regex,
        name: outer.name.clone(),
        span: item.span(),
        ..Level::default()
    };
    walk(
        item.entries(),
        LIMIT_EXCEPT,
        &mut Place::Level(&mut level),
        cx,
    );
    outer.limit_except = Some((methods, outer.levels.len()));
    outer.levels.push(level);
    Ok(())
}
