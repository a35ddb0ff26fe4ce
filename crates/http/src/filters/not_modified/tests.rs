//! What conditions come to, by time and by tag.

use super::*;

const THEN: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &[u8] = b"Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &[u8] = b"Sun, 06 Nov 1994 08:49:38 GMT";
const CURRENT: Validators<'_> = Validators {
    etag: Some(b"\"a,b\""),
    last_modified: Some(784_111_777),
};
const NOTHING: Validators<'_> = Validators {
    etag: None,
    last_modified: None,
};

fn judge(conditions: Conditions<'_>, current: Validators<'_>) -> Verdict {
    conditions.judge(&current, IfModifiedSince::Exact)
}

fn if_match(list: &[u8]) -> Conditions<'_> {
    Conditions {
        if_match: Some(list),
        ..Conditions::default()
    }
}

fn if_none_match(list: &[u8]) -> Conditions<'_> {
    Conditions {
        if_none_match: Some(list),
        ..Conditions::default()
    }
}

#[test]
fn times_are_compared_as_the_directive_says() {
    let verdict = |since, how| {
        let conditions = Conditions {
            if_modified_since: Some(since),
            ..Conditions::default()
        };
        conditions.judge(&CURRENT, how)
    };
    assert_eq!(verdict(THEN, IfModifiedSince::Exact), Verdict::NotModified);
    assert_eq!(verdict(AFTER, IfModifiedSince::Exact), Verdict::Send);
    assert_eq!(
        verdict(AFTER, IfModifiedSince::Before),
        Verdict::NotModified
    );
    assert_eq!(verdict(BEFORE, IfModifiedSince::Before), Verdict::Send);
    assert_eq!(verdict(THEN, IfModifiedSince::Off), Verdict::Send);
    assert_eq!(
        verdict(b"yesterday", IfModifiedSince::Before),
        Verdict::Send
    );
}

#[test]
fn if_none_match_compares_weakly() {
    for list in [
        &b"\"a,b\""[..],
        b"W/\"a,b\"",
        b"*",
        b"\"x\", \t\"a,b\" ,\"y\"",
        b"\"x\",,W/\"a,b\"",
    ] {
        assert_eq!(judge(if_none_match(list), CURRENT), Verdict::NotModified);
    }
    for list in [
        &b"\"x\""[..],
        b"a",
        b"",
        b"\"a,b\"x",
        b"\"a",
        b"\"x,\"a,b\"\"",
    ] {
        assert_eq!(judge(if_none_match(list), CURRENT), Verdict::Send);
    }
    let weak = Validators {
        etag: Some(b"W/\"a\""),
        ..NOTHING
    };
    assert_eq!(judge(if_none_match(b"\"a\""), weak), Verdict::NotModified);
    assert_eq!(judge(if_none_match(b"\"a\""), NOTHING), Verdict::Send);
    assert_eq!(judge(if_none_match(b"*"), NOTHING), Verdict::NotModified);
}

#[test]
fn if_match_compares_strongly() {
    for list in [&b"\"a,b\""[..], b"*", b"\"x\", \t\"a,b\" , \"y\""] {
        assert_eq!(judge(if_match(list), CURRENT), Verdict::Send);
    }
    for list in [&b"\"x\""[..], b"W/\"a,b\"", b""] {
        assert_eq!(judge(if_match(list), CURRENT), Verdict::Failed);
    }
    assert_eq!(judge(if_match(b"\"a\""), NOTHING), Verdict::Failed);
}

#[test]
fn what_is_newer_or_has_no_time_fails_if_unmodified_since() {
    let verdict = |since, current| {
        let conditions = Conditions {
            if_unmodified_since: Some(since),
            ..Conditions::default()
        };
        judge(conditions, current)
    };
    assert_eq!(verdict(THEN, CURRENT), Verdict::Send);
    assert_eq!(verdict(AFTER, CURRENT), Verdict::Send);
    assert_eq!(verdict(BEFORE, CURRENT), Verdict::Failed);
    assert_eq!(verdict(b"?", CURRENT), Verdict::Failed);
    assert_eq!(verdict(AFTER, NOTHING), Verdict::Failed);
}

#[test]
fn time_and_tag_must_both_be_unchanged() {
    let both = |since, list| Conditions {
        if_modified_since: Some(since),
        if_none_match: Some(list),
        ..Conditions::default()
    };
    assert_eq!(judge(both(THEN, b"\"a,b\""), CURRENT), Verdict::NotModified);
    assert_eq!(judge(both(THEN, b"\"x\""), CURRENT), Verdict::Send);
    assert_eq!(judge(both(AFTER, b"\"a,b\""), CURRENT), Verdict::Send);
    let failed = Conditions {
        if_match: Some(b"\"x\""),
        ..both(THEN, b"\"a,b\"")
    };
    assert_eq!(judge(failed, CURRENT), Verdict::Failed);
}
