//! The answer of the index is the answer of trying all.

use super::*;

/// A small generator of numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % end
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }
}

const PLAIN: &[&str] = &[
    "a", "b", "ab", "Ba", "/", "/ab", "\\.", "\\/", "\\w", "\\d", ".", "[ab]", "[^]a]", "^", "$",
    "-",
];
const ODD: &[&str] = &[
    "[\\]b]",
    "\\b",
    "(?i)",
    "\\x61",
    "\\Qab\\E",
    "(?#ab)",
    "\\K",
    "{",
    "}",
    "a{b",
    "\\1",
    "[[:alpha:]]",
    "(?x)",
    "(*ACCEPT)",
    "é",
    "\\ca",
    "(?=ab)",
    "(?!ab)",
    "(?<=a)",
    "(?<!ab)",
];
const QUANTIFIERS: &[&str] = &[
    "", "", "", "", "", "?", "*", "+", "+?", "*+", "{2}", "{0}", "{0,2}", "{1,}", "{,2}", "{ 1 }",
];
const GROUPS: &[&str] = &[
    "(", "(", "(?:", "(?>", "(?<n>", "(?P<n>", "(?'n'", "(?|", "(?i:", "(?=", "(?!",
];

fn pattern(random: &mut Random, depth: usize) -> String {
    let mut out = String::new();
    for _ in 0..=random.below(5) {
        match random.below(12) {
            0 if depth < 3 => {
                let inner = pattern(random, depth + 1);
                out += &format!("{}{inner})", random.of(GROUPS));
            }
            1 => out.push('|'),
            2 if random.below(3) == 0 => out += random.of(ODD),
            _ => out += random.of(PLAIN),
        }
        out += random.of(QUANTIFIERS);
    }
    out
}

fn subject(random: &mut Random) -> Bytes {
    let parts = [
        "a", "b", "A", "B", "ab", "/", ".", "/ab", "-", "é", "{", "aab", "1",
    ];
    let text: String = (0..random.below(9)).map(|_| random.of(&parts)).collect();
    text.into()
}

#[test]
fn a_filtered_list_finds_what_trying_all_finds() {
    let mut random = Random(7);
    let mut filtered = 0;
    let mut found = 0;
    for _ in 0..400 {
        let mut list = RegexList::default();
        while list.entries.len() < 24 {
            let pattern = pattern(&mut random, 0);
            if let Ok(regex) = Regex::new(pattern.as_bytes(), random.below(2) == 0) {
                let number = list.entries.len();
                list.push(Arc::new(regex), number);
            }
        }
        list.finish();
        filtered += usize::from(list.filter.is_some());
        for _ in 0..40 {
            let subject = subject(&mut random);
            let plain = list.first_of(0..list.entries.len() as u32, &subject);
            let plain =
                plain.map(|(number, captures)| (*number, captures.get(0).map(<[u8]>::to_vec)));
            let quick = list.first_match(&subject);
            let quick =
                quick.map(|(number, captures)| (*number, captures.get(0).map(<[u8]>::to_vec)));
            let texts: Vec<_> = list
                .entries
                .iter()
                .map(|(regex, _)| regex.as_str())
                .collect();
            assert_eq!(quick, plain, "{subject:?} with {texts:#?}");
            found += usize::from(plain.is_some());
        }
    }
    assert!(
        filtered > 100 && found > 1_000,
        "{filtered} lists, {found} matches"
    );
}

#[test]
fn texts_are_demanded_only_where_every_match_has_them() {
    let one = |text: &str| Some(vec![text.as_bytes().to_vec()]);
    let demanded = [
        ("^/Shop/(\\d+)$", one("/shop/")),
        ("\\.php$", one(".php")),
        ("(?i)\\.(?:jpe?g)$", one("jp")),
        ("^(?<user>.+)\\.host7\\.example$", one(".host7.example")),
        ("ab+c", one("ab")),
        (
            "(/one/|/two)x",
            Some(vec![b"/one/".to_vec(), b"/two".to_vec()]),
        ),
        (
            "\\.(gif|jpg|png)$",
            Some(vec![b"gif".to_vec(), b"jpg".to_vec(), b"png".to_vec()]),
        ),
        ("abc?", one("ab")),
        ("(abc)?d", None),
        ("abc|.", None),
        ("abc|d", None),
        ("a.b.c", None),
        ("(?x)abc", None),
        ("ab\\x41", None),
        ("a{b|c}bcd", None),
        ("abc(*ACCEPT)def", None),
        ("(?(DEFINE)abc)def", None),
    ];
    for (pattern, wanted) in demanded {
        assert_eq!(literals::demanded(pattern), wanted, "{pattern}");
    }
}

#[test]
fn of_many_expressions_only_those_that_can_match_are_tried() {
    let mut list = RegexList::default();
    for number in 0..5_000 {
        let pattern = format!("^/api/v1/item{number}/(?<rest>.*)$");
        let regex = Regex::new(pattern.as_bytes(), false).expect("a good pattern");
        list.push(Arc::new(regex), number);
    }
    list.finish();
    let filter = list.filter.as_ref().expect("a filter");
    let mut hits = Vec::new();
    assert!(filter.index.find(b"/api/v1/item4321/x", 5_000, &mut hits));
    assert_eq!(hits, [4321]);
    let (number, captures) = list
        .first_match(&Bytes::from_static(b"/api/v1/item4321/x"))
        .expect("a match");
    assert_eq!((*number, captures.get(1)), (4321, Some(&b"x"[..])));
    assert!(
        list.first_match(&Bytes::from_static(b"/api/v1/item/x"))
            .is_none()
    );
}
