//! DNS messages as a stub resolver needs them (RFC 1035 §4): one question out, its answer in.
//!
//! What makes an answer worth nothing, and the words for it, are those of `ngx_resolver`: a message
//! that breaks a rule is not an error of the name but noise, and the question stays open.

use std::net::{Ipv4Addr, Ipv6Addr};

mod reader;

use reader::Reader;

/// What is asked of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Kind {
    /// IPv4 addresses.
    A = 1,
    /// The name of an address.
    Ptr = 12,
    /// IPv6 addresses.
    Aaaa = 28,
    /// The servers of a service.
    Srv = 33,
}

impl Kind {
    fn of_code(code: u16) -> Option<Self> {
        [Kind::A, Kind::Ptr, Kind::Aaaa, Kind::Srv]
            .into_iter()
            .find(|&kind| kind as u16 == code)
    }
}

const CNAME: u16 = 5;
const DNAME: u16 = 39;

/// The response code of a name that does not exist.
pub const NXDOMAIN: u8 = 3;

/// An answer to a question of ours, as far as one message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The number of the question.
    pub id: u16,
    /// Not all of it fitted; it has no records then.
    pub truncated: bool,
    /// 0, or why there is no answer.
    pub code: u8,
    /// The name that was asked for, in lower case.
    pub name: String,
    /// What was asked of it.
    pub kind: Kind,
    /// The records that answer, in their order.
    pub records: Vec<Record>,
    /// Seconds that the shortest-lived of all records is good for; `None` without any.
    pub ttl: Option<u32>,
    /// A type of record that has no place in such an answer, if there was one.
    pub unexpected: Option<u16>,
}

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name is another name's alias.
    Cname(String),
    /// The name of an address.
    Ptr(String),
    /// One server of a service.
    Srv(Srv),
}

/// One server of a service (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Servers of a lower number are asked first.
    pub priority: u16,
    /// Share among servers of one priority, at least 1.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its name.
    pub name: String,
}

/// Why a message is no answer, in nginx's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not an answer to a query, or a truncated one over TCP.
    #[error("invalid {transport} DNS response {id} fl:{flags:04X}")]
    Header {
        /// `UDP` or `TCP`.
        transport: &'static str,
        /// Its number.
        id: u16,
        /// Its flags.
        flags: u16,
    },
    /// The server did not understand the question, or says nothing that we know.
    #[error("DNS error ({code}: {}), query id:{id}", describe(*.code))]
    Server {
        /// The response code.
        code: u8,
        /// Its number.
        id: u16,
    },
    /// A class other than that of the Internet.
    #[error("unknown query class {0} in DNS response")]
    Class(u16),
    /// A question that we never ask.
    #[error("unknown query type {0} in DNS response")]
    Type(u16),
    /// A record of another class.
    #[error("unexpected RR class {0} in DNS response")]
    RecordClass(u16),
    /// Bytes that make no sense.
    #[error("{0}")]
    Form(&'static str),
}

/// What a message came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A connection, behind its length.
    Tcp,
}

/// nginx's words for a response code.
pub fn describe(code: u8) -> &'static str {
    match code {
        1 => "Format error",
        2 => "Server failure",
        3 => "Host not found",
        4 => "Unimplemented",
        5 => "Operation refused",
        _ => "Unknown error",
    }
}

/// A question; `None` for a name that cannot be asked for.
pub fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    const RECURSION_DESIRED: u16 = 0x0100;
    let mut out = Vec::with_capacity(12 + name.len() + 6);
    for word in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for label in name.split('.') {
        // DIFFERS: nginx lets labels of up to 255 bytes pass, which servers read as something else.
        let len = u8::try_from(label.len()).ok().filter(|&len| len <= 63)?;
        if len == 0 {
            return None;
        }
        out.push(len);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    for word in [kind as u16, 1] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    Some(out)
}

/// Reads a message that may answer a question.
pub fn parse(data: &[u8], transport: Transport) -> Result<Answer, Invalid> {
    const TRUNCATED: u16 = 0x0200;
    let mut reader = Reader::new(data);
    let [id, flags, questions, answers, _, _] = reader.header()?;
    let truncated = flags & TRUNCATED != 0;
    let is_answer = flags & 0xf870 == 0x8000;
    if !is_answer || (truncated && transport == Transport::Tcp) {
        let transport = match transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        return Err(Invalid::Header {
            transport,
            id,
            flags,
        });
    }
    let code = (flags & 0xf) as u8;
    if code == 1 || code > 5 {
        return Err(Invalid::Server { code, id });
    }
    if questions != 1 {
        return Err(Invalid::Form("invalid number of questions in DNS response"));
    }
    let name = reader.question_name()?;
    let (kind, class) = (reader.u16()?, reader.u16()?);
    if class != 1 {
        return Err(Invalid::Class(class));
    }
    let kind = Kind::of_code(kind).ok_or(Invalid::Type(kind))?;
    let mut answer = Answer {
        id,
        truncated,
        code,
        name,
        kind,
        records: Vec::new(),
        ttl: None,
        unexpected: None,
    };
    if !truncated && code == 0 {
        for _ in 0..answers {
            record(&mut reader, &mut answer)?;
        }
    }
    Ok(answer)
}

fn record(reader: &mut Reader<'_>, answer: &mut Answer) -> Result<(), Invalid> {
    reader.skip_name()?;
    let (kind, class) = (reader.u16()?, reader.u16()?);
    let ttl = reader.u32()?;
    let mut data = reader.record_data()?;
    if class != 1 {
        return Err(Invalid::RecordClass(class));
    }
    // RFC 2181 §8: a time with its highest bit set is none.
    let ttl = if ttl > i32::MAX as u32 { 0 } else { ttl };
    answer.ttl = Some(answer.ttl.map_or(ttl, |least| least.min(ttl)));
    let record = match kind {
        CNAME => Record::Cname(data.name()?),
        DNAME => return Ok(()),
        kind => match (Kind::of_code(kind), answer.kind) {
            (Some(Kind::A), Kind::A) => {
                Record::A(data.array::<4>("invalid A record in DNS response")?.into())
            }
            (Some(Kind::A), Kind::Aaaa) => {
                return Err(Invalid::Form("unexpected A record in DNS response"));
            }
            (Some(Kind::Aaaa), Kind::Aaaa) => {
                let bytes = data.array::<16>("invalid AAAA record in DNS response")?;
                Record::Aaaa(bytes.into())
            }
            (Some(Kind::Aaaa), Kind::A) => {
                return Err(Invalid::Form("unexpected AAAA record in DNS response"));
            }
            (Some(Kind::Srv), Kind::Srv) => Record::Srv(Srv {
                priority: data.u16()?,
                weight: data.u16()?.max(1),
                port: data.u16()?,
                name: data.name()?,
            }),
            (Some(Kind::Ptr), Kind::Ptr) => Record::Ptr(data.name()?),
            _ => {
                answer.unexpected = Some(kind);
                return Ok(());
            }
        },
    };
    answer.records.push(record);
    Ok(())
}

/// The body of the fuzz target: any bytes are an answer or none, and an answer's name can be asked.
#[cfg(any(test, feature = "fuzz"))]
pub fn fuzz(data: &[u8]) {
    for transport in [Transport::Udp, Transport::Tcp] {
        match parse(data, transport) {
            Ok(answer) => drop(question(answer.id, &answer.name, answer.kind)),
            Err(invalid) => assert!(!invalid.to_string().is_empty()),
        }
    }
}

#[cfg(test)]
mod tests;
