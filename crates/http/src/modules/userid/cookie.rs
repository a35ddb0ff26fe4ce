//! The cookie itself: read, made, written.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use net::clock;
use net::log::Level as LogLevel;
use net::log::time::seconds;
use proto::h1::{FieldName, format_http_date};

use super::{Conf, Expires, Mode};
use crate::filters::BodyFilter;
use crate::request::Request;
use crate::response::Response;

/// The four numbers of a cookie, as bytes on the wire.
type Id = [u8; 16];

/// What a request has of it, once anybody asked.
#[derive(Debug, Default)]
pub struct UserId(RefCell<Option<Box<Known>>>);

#[derive(Debug, Clone, Default)]
struct Known {
    /// `$uid_reset`
    reset: Bytes,
    /// What came and what goes.
    cookies: Option<Cookies>,
}

impl UserId {
    /// Appends `$uid_reset`.
    pub fn append_reset(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.known().reset);
    }

    /// Sets `$uid_reset`.
    pub fn set_reset(&self, value: &[u8]) {
        self.known().reset = Bytes::copy_from_slice(value);
    }

    fn known(&self) -> RefMut<'_, Known> {
        RefMut::map(self.0.borrow_mut(), |known| {
            &mut **known.get_or_insert_default()
        })
    }
}

/// The cookie that came and the one that goes.
#[derive(Debug, Clone, Default)]
struct Cookies {
    got: Option<Id>,
    /// As it came.
    text: Bytes,
    set: Option<Id>,
    reset: bool,
}

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    _body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    let conf = &request.conf().userid;
    if matches!(conf.mode, Mode::Off | Mode::Log) || !request.is_main() {
        return;
    }
    let cookies = cookies(request, conf, true);
    let Some(id) = cookies.set else {
        return;
    };
    let value = set_cookie(conf, &cookies, &id, seconds(clock::wall()));
    response.head.push("Set-Cookie", value);
    if !conf.p3p.is_empty() {
        response.head.push("P3P", conf.p3p.clone());
    }
}

fn set_cookie(conf: &Conf, cookies: &Cookies, id: &Id, now: i64) -> Vec<u8> {
    let mut out = conf.name.to_vec();
    out.push(b'=');
    if cookies.got.is_none() || cookies.reset {
        let at = out.len();
        out.extend_from_slice(STANDARD.encode(id).as_bytes());
        if let Some(mark) = conf.mark {
            out[at + 22] = mark;
        }
    } else {
        // Nobody sends it again without a mark.
        out.extend_from_slice(&cookies.text[..22]);
        out.extend([conf.mark.unwrap_or(b'='), b'=']);
    }
    match conf.expires {
        Expires::Session => {}
        Expires::Max => out.extend_from_slice(b"; expires=Thu, 31-Dec-37 23:55:55 GMT"),
        Expires::After(time) => {
            out.extend_from_slice(b"; expires=");
            out.extend_from_slice(&cookie_date(now + time.as_secs() as i64));
        }
    }
    if !conf.domain.is_empty() {
        out.extend_from_slice(b"; domain=");
        out.extend_from_slice(&conf.domain);
    }
    out.extend_from_slice(b"; path=");
    out.extend_from_slice(&conf.path);
    out.extend_from_slice(&conf.flags);
    out
}

/// `Sun, 06-Nov-94 08:49:37 GMT`; Netscape 3 wants four digits of a year from 2038 on.
fn cookie_date(at: i64) -> Vec<u8> {
    let mut date = format_http_date(at).to_vec();
    date[7] = b'-';
    date[11] = b'-';
    if date[12..16] < b"2038"[..] {
        date.drain(12..14);
    }
    date
}

/// What came, and what goes if `makes`; both are found out once for a request.
fn cookies(request: &Request, conf: &Conf, makes: bool) -> Cookies {
    let known = request.user_id.known().cookies.clone();
    let mut cookies = known.unwrap_or_else(|| read(request, conf));
    if makes && cookies.set.is_none() {
        make(request, conf, &mut cookies);
    }
    request.user_id.known().cookies = Some(cookies.clone());
    cookies
}

fn read(request: &Request, conf: &Conf) -> Cookies {
    let mut cookies = Cookies::default();
    let Some((line, text)) = find(request, &conf.name) else {
        return cookies;
    };
    let line = String::from_utf8_lossy(line);
    cookies.text = Bytes::copy_from_slice(text);
    if text.len() < 22 {
        request.log(
            LogLevel::Error,
            format_args!("client sent too short userid cookie \"{line}\""),
        );
        return cookies;
    }
    // Only so much counts: what follows may be a mark, and many cookies have nonsense there.
    match decode(&text[..22]) {
        Some(id) if id[12..] == [0; 4] => {}
        Some(id) => cookies.got = Some(id),
        None => request.log(
            LogLevel::Error,
            format_args!("client sent invalid userid cookie \"{line}\""),
        ),
    }
    cookies
}

/// The `Cookie` field with a cookie in it, and its value.
fn find<'a>(request: &'a Request, name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let fields = request.head.fields.all(FieldName::Cookie);
    fields
        .map(|field| field.value.of(&request.buf))
        .find_map(|line| {
            let mut pairs = line.split(|&byte| byte == b';');
            let value = pairs.find_map(|pair| {
                let at = memchr::memchr(b'=', pair)?;
                let is_it = pair[..at].trim_ascii().eq_ignore_ascii_case(name);
                is_it.then(|| pair[at + 1..].trim_ascii())
            });
            value.map(|value| (line, value))
        })
}

/// 22 characters of base64 are 16 bytes and four bits that do not matter.
fn decode(text: &[u8]) -> Option<Id> {
    let engine = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    engine.decode(text).ok()?.try_into().ok()
}

fn make(request: &Request, conf: &Conf, cookies: &mut Cookies) {
    if let Some(got) = cookies.got {
        let reset = request.eval(&conf.reset);
        if matches!(&reset[..], b"" | b"0") {
            let is_marked =
                |mark: u8| matches!(cookies.text.get(22..24), Some([m, b'=']) if *m == mark);
            if conf.mark.is_some_and(|mark| !is_marked(mark)) {
                cookies.set = Some(got);
            }
            return;
        }
        cookies.reset = true;
        if &reset[..] == b"log" {
            let shown = shown(&conf.name, &got);
            let shown = String::from_utf8_lossy(&shown);
            request.log(
                LogLevel::Notice,
                format_args!("userid cookie \"{shown}\" was reset"),
            );
        }
    }
    cookies.set = Some(new_id(request, conf));
}

fn new_id(request: &Request, conf: &Conf) -> Id {
    /// Numbers of the first kind, in this machine's order of bytes.
    static FIRST_KIND: AtomicU32 = AtomicU32::new(1);
    /// The others begin above all numbers of the first kind that were ever given.
    static SECOND_KIND: AtomicU32 = AtomicU32::new(SECOND_KIND_MIN);
    const SECOND_KIND_MIN: u32 = 0x0303_0302;
    const STEP: u32 = 0x100;
    let now = seconds(clock::wall()) as u32;
    let mut id = [0; 16];
    let mut put = |index: usize, bytes: [u8; 4]| id[4 * index..][..4].copy_from_slice(&bytes);
    if conf.mode == Mode::V1 {
        let number = FIRST_KIND.fetch_add(STEP, Ordering::Relaxed);
        put(0, conf.service.unwrap_or(0).to_ne_bytes());
        put(1, now.to_ne_bytes());
        put(2, start_value().to_ne_bytes());
        put(3, number.to_ne_bytes());
        return id;
    }
    let number = SECOND_KIND.fetch_add(STEP, Ordering::Relaxed);
    if number < SECOND_KIND_MIN {
        // It went round.
        SECOND_KIND.fetch_max(SECOND_KIND_MIN, Ordering::Relaxed);
    }
    put(
        0,
        conf.service
            .map_or_else(|| address(request), u32::to_be_bytes),
    );
    put(1, now.to_be_bytes());
    put(2, start_value().to_be_bytes());
    put(3, number.max(SECOND_KIND_MIN).to_be_bytes());
    id
}

/// The last four bytes of the address that the request came to.
fn address(request: &Request) -> [u8; 4] {
    match request.conn.local().ip().map(|addr| addr.ip()) {
        Some(std::net::IpAddr::V4(addr)) => addr.octets(),
        Some(std::net::IpAddr::V6(addr)) => {
            let octets = addr.octets();
            [octets[12], octets[13], octets[14], octets[15]]
        }
        None => [0; 4],
    }
}

/// Tells the cookies of this process from those of others of the same second.
fn start_value() -> u32 {
    static START: OnceLock<u32> = OnceLock::new();
    *START.get_or_init(|| {
        let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since_epoch.unwrap_or_default().subsec_micros();
        ((micros / 20) << 16) | (std::process::id() & 0xffff)
    })
}

/// `name=` and the numbers in hexadecimal digits, each in this machine's order of bytes.
fn shown(name: &[u8], id: &Id) -> Vec<u8> {
    let mut out = name.to_vec();
    out.push(b'=');
    for number in id.chunks_exact(4) {
        let number = u32::from_ne_bytes([number[0], number[1], number[2], number[3]]);
        out.extend(format!("{number:08X}").bytes());
    }
    out
}

/// Appends `$uid_got`; false if none came.
pub fn append_got(request: &Request, conf: &Conf, out: &mut Vec<u8>) -> bool {
    let id = cookies(request, conf, false).got;
    out.extend(id.iter().flat_map(|id| shown(&conf.name, id)));
    id.is_some()
}

/// Appends `$uid_set`; false if none goes.
pub fn append_set(request: &Request, conf: &Conf, out: &mut Vec<u8>) -> bool {
    let id = cookies(request, conf, true).set;
    out.extend(id.iter().flat_map(|id| shown(&conf.name, id)));
    id.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_cookies_have_two_digits_of_the_year_while_they_can() {
        assert_eq!(cookie_date(784_111_777), b"Sun, 06-Nov-94 08:49:37 GMT");
        assert_eq!(cookie_date(2_147_483_647), b"Tue, 19-Jan-2038 03:14:07 GMT");
    }

    #[test]
    fn a_cookie_is_decoded_whatever_its_last_bits() {
        let id: Id = *b"0123456789abcdef";
        let text = STANDARD.encode(id);
        assert_eq!(decode(&text.as_bytes()[..22]), Some(id));
        assert_eq!(
            decode(b"MDEyMzQ1Njc4OWFiY2RlZz"),
            Some(*b"0123456789abcdeg")
        );
        assert_eq!(decode(b"MDEyMzQ1Njc4OWFiY2RlZ!"), None);
    }

    #[test]
    fn a_cookie_has_its_attributes_in_order_and_keeps_its_value_for_a_mark() {
        let conf = Conf {
            domain: "example.com".into(),
            expires: Expires::Max,
            flags: "; secure".into(),
            mark: Some(b'Z'),
            ..Conf::default()
        };
        let cookies = Cookies::default();
        let new = set_cookie(&conf, &cookies, &[1; 16], 0);
        let expected = b"uid=AQEBAQEBAQEBAQEBAQEBAQZ=; expires=Thu, 31-Dec-37 23:55:55 GMT; \
            domain=example.com; path=/; secure";
        assert_eq!(new, expected);
        let again = Cookies {
            got: Some([2; 16]),
            text: "AgICAgICAgICAgICAgICAh==".into(),
            ..cookies
        };
        let again = set_cookie(&conf, &again, &[2; 16], 0);
        assert!(again.starts_with(b"uid=AgICAgICAgICAgICAgICAhZ=; "));
    }
}
