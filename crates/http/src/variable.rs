//! What modules make variables of: their rows, and how values are appended.

use net::Addr;
use proto::h1::argument;
use script::Builtin;
use script::variables::Get;

use crate::digits;
use crate::request::Request;
use crate::response::Field;

/// A variable that only reads.
pub const fn builtin(
    name: &'static str,
    get: fn(&Request, &mut Vec<u8>) -> bool,
    doc: &'static str,
) -> Builtin<Request> {
    Builtin {
        name,
        get: Get::Plain(get),
        set: None,
        doc,
    }
}

/// A variable that can also be set.
pub const fn settable(
    name: &'static str,
    get: fn(&Request, &mut Vec<u8>) -> bool,
    set: fn(&Request, &[u8]),
    doc: &'static str,
) -> Builtin<Request> {
    Builtin {
        name,
        get: Get::Plain(get),
        set: Some(set),
        doc,
    }
}

/// Variables whose names begin alike.
pub const fn prefix(
    name: &'static str,
    get: fn(&Request, &str, &mut Vec<u8>) -> bool,
    doc: &'static str,
) -> Builtin<Request> {
    Builtin {
        name,
        get: Get::Prefix(get),
        set: None,
        doc,
    }
}

/// Appends bytes.
pub fn put(out: &mut Vec<u8>, value: &[u8]) -> bool {
    out.extend_from_slice(value);
    true
}

/// Appends a number.
pub fn number(out: &mut Vec<u8>, value: u64) -> bool {
    digits::decimal(out, value);
    true
}

/// An address without its port.
pub fn address(addr: &Addr, out: &mut Vec<u8>) -> bool {
    match addr {
        Addr::Ip(addr) => put(out, addr.ip().to_string().as_bytes()),
        Addr::Unix(_) => put(out, b"unix:"),
    }
}

/// The port of an address, if it has one.
pub fn port(addr: &Addr, out: &mut Vec<u8>) -> bool {
    match addr {
        Addr::Ip(addr) if addr.port() == 0 => put(out, b""),
        Addr::Ip(addr) => number(out, addr.port().into()),
        Addr::Unix(_) => put(out, b""),
    }
}

/// Appends an argument of the query; false if there is none of that name.
pub fn arg(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    argument(&request.args.borrow(), name.as_bytes()).is_some_and(|value| put(out, value))
}

/// Appends the values of all fields that fit a variable's name.
pub fn join<'f>(
    fields: impl Iterator<Item = &'f Field>,
    name: &str,
    separator: &[u8],
    out: &mut Vec<u8>,
) -> bool {
    let mut found = false;
    for field in fields.filter(|field| fits(&field.name, name)) {
        if std::mem::replace(&mut found, true) {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(&field.value);
    }
    found
}

/// Whether a field's name is the variable's: dashes are underscores, letters have no case.
pub fn fits(field: &[u8], variable: &str) -> bool {
    field.len() == variable.len()
        && field.iter().zip(variable.bytes()).all(|(&a, b)| match a {
            b'-' => b == b'_',
            a => a.to_ascii_lowercase() == b,
        })
}
