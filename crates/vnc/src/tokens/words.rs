//! Words between spaces; quotes keep spaces inside of one.

/// The words of a text; `None` if a quote is not closed. `title="Lab 1"` is one word,
/// `title=Lab 1`, with `\"` and `\\` for the characters themselves.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().push(chars.next()?),
            space if space.is_whitespace() && !quoted => words.extend(word.take()),
            char => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_words_together() {
        let read = |text| words(text).map(|words| words.join("|"));
        assert_eq!(read("a  b\tc\n").as_deref(), Some("a|b|c"));
        assert_eq!(
            read(r#"t="Lab \"1\" \\" "" x"#).as_deref(),
            Some("t=Lab \"1\" \\||x")
        );
        assert_eq!(read(""), Some(String::new()));
        assert_eq!(read("a \"b"), None);
        assert_eq!(read("\"\\"), None);
    }
}
