//! The cookie that tells a client of its peer (`sticky cookie`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use conf::{Diagnostic, Item, value};
use proto::h1::format_http_date;
use script::Template;

use super::wrong;
use crate::module::Cx;
use crate::request::Request;

/// What `sticky cookie` says.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// Its name.
    pub name: Bytes,
    expires: Option<Expires>,
    domain: Option<Template>,
    samesite: Option<Template>,
    path: Option<Bytes>,
    httponly: bool,
    secure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expires {
    /// As late as a cookie can.
    Max,
    /// So long from now.
    After(Duration),
}

impl Cookie {
    /// Reads `sticky cookie name …`.
    pub fn parse(item: &Item, cx: &mut Cx<'_>) -> Result<Self, Diagnostic> {
        let name = Bytes::copy_from_slice(&item.arg(1)?.text);
        if name.is_empty() {
            return Err(wrong(item, "empty cookie name"));
        }
        let mut cookie = Self {
            name,
            expires: None,
            domain: None,
            samesite: None,
            path: None,
            httponly: false,
            secure: false,
        };
        for word in &item.args[2..] {
            let text = word.display();
            let (name, value) = text
                .split_once('=')
                .map_or((&text[..], None), |(name, value)| (name, Some(value)));
            cookie.parameter(item, name, value, cx)?;
        }
        Ok(cookie)
    }

    fn parameter(
        &mut self,
        item: &Item,
        name: &str,
        value: Option<&str>,
        cx: &mut Cx<'_>,
    ) -> Result<(), Diagnostic> {
        let set = match (name, value) {
            ("domain", Some(_)) => self.domain.is_some(),
            ("path", Some(_)) => self.path.is_some(),
            ("expires", Some(_)) => self.expires.is_some(),
            ("samesite", Some(_)) => self.samesite.is_some(),
            ("httponly", None) => self.httponly,
            ("secure", None) => self.secure,
            (name, value) => {
                let value = value.map_or(String::new(), |value| format!("={value}"));
                return Err(item.error(format!("unknown parameter \"{name}{value}\"")));
            }
        };
        if set {
            let what = format!("parameter \"{name}\" is duplicate");
            return Err(wrong(item, &what));
        }
        let value = value.unwrap_or_default();
        if matches!(name, "domain" | "path") && value.is_empty() {
            return Err(wrong(item, &format!("no value for \"{name}\"")));
        }
        match name {
            "domain" => self.domain = Some(cx.template_of(item, value.as_bytes())?),
            "path" => self.path = Some(Bytes::copy_from_slice(value.as_bytes())),
            "httponly" => self.httponly = true,
            "secure" => self.secure = true,
            "expires" => self.expires = Some(expires(item, value)?),
            _ => {
                let template = cx.template_of(item, value.as_bytes())?;
                if let Some(text) = template.as_constant()
                    && !is_samesite(&text)
                {
                    return Err(wrong(item, "invalid \"samesite\" parameter value"));
                }
                self.samesite = Some(template);
            }
        }
        Ok(())
    }

    /// The value of `Set-Cookie` for a peer.
    pub fn text(&self, request: &Request, peer: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(&self.name);
        out.push(b'=');
        out.extend_from_slice(peer);
        match self.expires {
            None => {}
            Some(Expires::Max) => {
                out.extend_from_slice(b"; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000")
            }
            Some(Expires::After(time)) => {
                let at = SystemTime::now().duration_since(UNIX_EPOCH);
                let at = at.unwrap_or_default().as_secs() + time.as_secs();
                let seconds = time.as_secs();
                let text = format!("; expires={}; max-age={seconds}", cookie_time(at as i64));
                out.extend_from_slice(text.as_bytes());
            }
        }
        let mut part = |name: &[u8], value: &[u8]| {
            if !value.is_empty() {
                out.extend_from_slice(name);
                let harmless = |byte: &&u8| !matches!(byte, b'\r' | b'\n' | 0);
                out.extend(value.iter().filter(harmless));
            }
        };
        if let Some(domain) = &self.domain {
            part(b"; domain=", &request.eval(domain));
        }
        if self.httponly {
            part(b"; ", b"httponly");
        }
        if self.secure {
            part(b"; ", b"secure");
        }
        if let Some(samesite) = &self.samesite {
            let value = request.eval(samesite);
            // As nginx: the strictest in place of what no browser knows.
            let known = value.is_empty() || is_samesite(&value);
            part(b"; samesite=", if known { &value } else { b"strict" });
        }
        if let Some(path) = &self.path {
            part(b"; path=", path);
        }
        out.into()
    }
}

fn expires(item: &Item, text: &str) -> Result<Expires, Diagnostic> {
    if text == "max" {
        return Ok(Expires::Max);
    }
    value::time(text.as_bytes())
        .map(Expires::After)
        .ok_or_else(|| wrong(item, "invalid \"expires\" parameter value"))
}

fn is_samesite(text: &[u8]) -> bool {
    ["strict", "lax", "none"]
        .iter()
        .any(|known| text.eq_ignore_ascii_case(known.as_bytes()))
}

/// `Thu, 01-Jan-26 00:00:00 GMT`, with all digits of the year from 2038 on, as nginx.
fn cookie_time(unix_seconds: i64) -> String {
    let date = format_http_date(unix_seconds);
    let date = String::from_utf8_lossy(&date).into_owned();
    let part = |from: usize, to: usize| date.get(from..to).unwrap_or_default();
    let year = match part(12, 16) {
        year if year > "2037" => year,
        year => year.get(2..).unwrap_or_default(),
    };
    let (weekday, day, month, time) = (part(0, 4), part(5, 7), part(8, 11), part(17, 29));
    format!("{weekday} {day}-{month}-{year} {time}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_have_dates_of_their_own_form() {
        assert_eq!(cookie_time(0), "Thu, 01-Jan-70 00:00:00 GMT");
        assert_eq!(cookie_time(784111777), "Sun, 06-Nov-94 08:49:37 GMT");
        assert_eq!(cookie_time(2524608000), "Sat, 01-Jan-2050 00:00:00 GMT");
    }
}
