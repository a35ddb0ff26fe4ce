//! Zones by themselves: what is declared, and what a reload takes over.

use std::sync::Arc;

use conf::{Item, Span, Word};

use super::{Kind, NameAndSize, Zones};

/// A state that knows its size.
#[derive(Debug)]
pub struct Sample(u64);

/// A state of another kind.
#[derive(Debug)]
pub struct Other;

impl Kind for Sample {
    type Conf = String;

    fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    fn conflict(name: &str, old: &String, new: &String) -> Option<String> {
        (old != new).then(|| format!("{name}: {old} became {new}"))
    }
}

impl Kind for Other {
    type Conf = ();

    fn new(_bytes: u64) -> Self {
        Self
    }
}

fn item() -> Item {
    Item {
        name: Word {
            text: b"a_zone"[..].into(),
            span: Span::default(),
        },
        args: Box::default(),
        block: None,
    }
}

fn with(name: &str, bytes: u64, conf: &str) -> Zones {
    let mut zones = Zones::default();
    let id = zones.add::<Sample>(&item(), name, bytes).expect("added");
    zones.bind(id, conf.to_owned()).expect("bound");
    zones
}

#[test]
fn a_zone_may_be_named_before_it_gets_its_size() {
    let mut zones = Zones::default();
    let named = zones.add::<Sample>(&item(), "a", 0).expect("named");
    assert_eq!(zones.finish().len(), 1);
    assert_eq!(
        zones.finish()[0].message,
        "zero size shared memory zone \"a\""
    );
    let declared = zones.add::<Sample>(&item(), "a", 65536).expect("declared");
    assert_eq!(named, declared);
    assert!(zones.finish().is_empty());
    assert_eq!(zones.get(named).state().0, 65536);
}

#[test]
fn a_name_has_one_use_and_one_size() {
    let mut zones = with("a", 65536, "");
    let error = zones.add::<Other>(&item(), "a", 65536).unwrap_err();
    assert_eq!(
        error.message,
        "the shared memory zone \"a\" is already declared for a different use"
    );
    let error = zones.add::<Sample>(&item(), "a", 32768).unwrap_err();
    assert_eq!(
        error.message,
        "the size 32768 of shared memory zone \"a\" conflicts with already declared size 65536"
    );
}

#[test]
fn a_zone_is_bound_once() {
    let mut zones = with("a", 65536, "first");
    let id = zones.add::<Sample>(&item(), "a", 0).expect("named");
    assert_eq!(
        zones.bind(id, "second".to_owned()),
        Err(&"first".to_owned())
    );
    assert_eq!(zones.get(id).conf(), "first");
}

#[test]
fn state_outlives_the_configuration_where_name_kind_and_size_agree() {
    let old = with("a", 65536, "");
    let state = |zones: &Zones| zones.sample[0].state().clone();
    let same = with("a", 65536, "");
    same.take_over(&old);
    assert!(Arc::ptr_eq(&state(&old), &state(&same)));
    for other in [with("a", 32768, ""), with("b", 65536, "")] {
        other.take_over(&old);
        assert!(!Arc::ptr_eq(&state(&old), &state(&other)));
    }
    assert_eq!(with("a", 65536, "").conflict(&old), None);
    let message = with("a", 65536, "x").conflict(&old);
    assert_eq!(message.as_deref(), Some("a:  became x"));
}

#[test]
fn names_and_sizes_are_read_with_nginx_words() {
    let item = item();
    let parse = |text| NameAndSize::parse(&item, "zone=…", text).map_err(|error| error.message);
    let good = NameAndSize {
        name: "a",
        bytes: 1 << 20,
    };
    assert_eq!(parse("a:1m"), Ok(good));
    let size = Err("invalid zone size \"zone=…\"".to_owned());
    assert_eq!(parse("a"), size);
    assert_eq!(parse("a:x"), size);
    assert_eq!(
        parse("a:31k"),
        Err("zone \"zone=…\" is too small".to_owned())
    );
}
