//! PROXY headers, byte by byte.

use super::*;

fn done(bytes: &[u8]) -> (Option<Header>, usize) {
    match read(bytes) {
        Ok(Progress::Done { header, bytes }) => (header, bytes),
        other => panic!("{other:?}"),
    }
}

fn end(addr: &str, port: u16) -> End {
    End {
        addr: addr.into(),
        port,
    }
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend(body);
    bytes
}

#[test]
fn a_line_names_both_ends() {
    let (header, bytes) = done(b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\nGET /");
    let header = header.expect("a header");
    assert_eq!(header.source, end("192.0.2.1", 1234));
    assert_eq!(header.destination, end("192.0.2.2", 80));
    assert_eq!(bytes, 40);
    let (header, _) = done(b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n");
    assert_eq!(header.expect("a header").source, end("2001:db8::1", 1));
}

#[test]
fn an_unknown_protocol_says_nothing() {
    assert_eq!(done(b"PROXY UNKNOWN\r\n"), (None, 15));
    assert_eq!(done(b"PROXY UNKNOWN anything else\r\nGET"), (None, 29));
}

#[test]
fn what_no_proxy_says_is_refused_as_soon_as_it_shows() {
    for bad in [
        "GET / HTTP/1.1\r\n",
        "PROXX",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n",
        "PROXY TCP4 host 5.6.7.8 1 2\r\n",
        "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
    ] {
        let line = bad.trim_end_matches(['\r', '\n']);
        let error = read(bad.as_bytes()).expect_err(bad);
        assert_eq!(error.to_string(), format!("broken header: \"{line}\""));
    }
    let endless = [b"PROXY UNKNOWN".to_vec(), vec![b' '; V1_BYTES_MAX]].concat();
    assert!(matches!(read(&endless), Err(Error::Broken(_))));
}

#[test]
fn version_two_has_binary_addresses_and_values() {
    let mut body = vec![192, 0, 2, 1, 192, 0, 2, 2, 4, 210, 0, 80];
    body.extend(b"\x02\0\x04name");
    body.extend(b"\x20\0\x0c\x01\0\0\0\x07\x22\0\x04user");
    let bytes = v2(0x21, 0x11, &body);
    let (header, length) = done(&bytes);
    let header = header.expect("a header");
    assert_eq!(length, bytes.len());
    assert_eq!(header.source, end("192.0.2.1", 1234));
    assert_eq!(header.destination, end("192.0.2.2", 80));
    let get = |name: &str| header.tlvs.get(name).map(|value| value.map(|v| v.to_vec()));
    assert_eq!(get("authority"), Ok(Some(b"name".to_vec())));
    assert_eq!(get("0x02"), Ok(Some(b"name".to_vec())));
    assert_eq!(get("ssl_cn"), Ok(Some(b"user".to_vec())));
    assert_eq!(get("ssl_0x22"), Ok(Some(b"user".to_vec())));
    assert_eq!(get("ssl_verify"), Ok(Some(b"7".to_vec())));
    assert_eq!(get("alpn"), Ok(None));
    assert_eq!(get("0xfff"), Ok(None));
    assert_eq!(get("0xz"), Err(TlvError::Number));
    assert_eq!(get("more"), Err(TlvError::Name));
    body.push(1);
    let (header, _) = done(&v2(0x21, 0x11, &body));
    let tlvs = header.expect("a header").tlvs;
    assert_eq!(tlvs.get("netns"), Err(TlvError::Broken));
}

#[test]
fn version_two_about_anything_but_a_proxied_stream_says_nothing() {
    let body = [0; 36];
    for (command, family) in [(0x20, 0x11), (0x21, 0x12), (0x21, 0x31), (0x21, 0x00)] {
        assert_eq!(done(&v2(command, family, &body)), (None, 52));
    }
    assert_eq!(read(&v2(0x11, 0x11, &body)), Err(Error::Version(1)));
    assert_eq!(read(&v2(0x21, 0x11, &body[..11])), Err(Error::NoAddresses));
    assert_eq!(read(&v2(0x21, 0x21, &body[..35])), Err(Error::NoAddresses));
    assert_eq!(read(&v2(0x21, 0x11, &[0; 4081])), Err(Error::TooLarge));
}

#[test]
fn a_header_in_pieces_is_waited_for() {
    let mut v6 = vec![0; 36];
    v6[15] = 1;
    for whole in [
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n".to_vec(),
        v2(0x21, 0x21, &v6),
    ] {
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Ok(Progress::Partial));
        }
        assert_eq!(done(&whole).1, whole.len());
    }
}

#[test]
fn what_is_written_is_what_is_read() {
    let addrs = |from: &str, to: &str| {
        Some((
            from.parse().expect("an address"),
            to.parse().expect("an address"),
        ))
    };
    let tlvs = [Tlv {
        kind: kind::ALPN,
        value: b"h2",
    }];
    for (from, to) in [
        ("192.0.2.1:5", "192.0.2.2:6"),
        ("[2001:db8::1]:5", "[::1]:6"),
    ] {
        let line = write_v1(addrs(from, to));
        let binary = write_v2(addrs(from, to), &tlvs).expect("short enough");
        let (one, two) = (done(&line).0, done(&binary).0);
        let (one, two) = (one.expect("a header"), two.expect("a header"));
        assert_eq!(
            (&one.source, &one.destination),
            (&two.source, &two.destination)
        );
        assert_eq!(two.tlvs.get("alpn"), Ok(Some(b"h2"[..].into())));
        let ip = from
            .parse::<std::net::SocketAddr>()
            .expect("an address")
            .ip();
        assert_eq!(*one.source.addr, ip.to_string());
    }
    let mixed = write_v2(addrs("1.2.3.4:5", "[::1]:6"), &[]).expect("short enough");
    let source = done(&mixed).0.expect("a header").source;
    assert_eq!(source, end("::ffff:1.2.3.4", 5));
    assert_eq!(done(&write_v1(None)), (None, 15));
    assert_eq!(done(&write_v2(None, &[]).expect("short enough")).0, None);
}

#[test]
fn the_checksum_is_castagnolis() {
    assert_eq!(write::crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn saved_fuzz_inputs_hold() {
    crate::run_saved_inputs("proxy_protocol", fuzz::header);
}
