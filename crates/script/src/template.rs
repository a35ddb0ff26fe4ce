//! Complex values: text with `$variables` and `$1` in it (`ngx_http_compile_complex_value`).

use bytes::Bytes;

use crate::variables::{Context, Names, VarId};

/// A compiled value. Cheap to clone; most are constants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    parts: std::sync::Arc<[Part]>,
}

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(Bytes),
    /// A variable.
    Variable(VarId),
    /// A group of the last match.
    Capture(usize),
}

impl Template {
    /// A value without variables.
    pub fn constant(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let parts = if text.is_empty() {
            Vec::new()
        } else {
            vec![Part::Text(text)]
        };
        Self {
            parts: parts.into(),
        }
    }

    /// Compiles text; the error is nginx's message.
    pub fn compile<C: ?Sized>(text: &[u8], names: &mut Names<C>) -> Result<Self, String> {
        if !text.contains(&b'$') {
            return Ok(Self::constant(Bytes::copy_from_slice(text)));
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut plain: Vec<u8> = Vec::new();
        let mut rest = text;
        while let Some((&byte, tail)) = rest.split_first() {
            if byte != b'$' {
                plain.push(byte);
                rest = tail;
                continue;
            }
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain).into()));
            }
            let (part, tail) = variable(tail, names)?;
            parts.push(part);
            rest = tail;
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain.into()));
        }
        Ok(Self {
            parts: parts.into(),
        })
    }

    /// Its pieces.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text, if it has no variables.
    pub fn as_constant(&self) -> Option<Bytes> {
        match &*self.parts {
            [] => Some(Bytes::new()),
            [Part::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }

    /// Whether it is the empty text.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The value as a whole.
    pub fn value<C: Context + ?Sized>(&self, cx: &C) -> Bytes {
        if let Some(text) = self.as_constant() {
            return text;
        }
        let mut out = Vec::new();
        self.append(cx, &mut out);
        out.into()
    }

    /// Appends the value.
    pub fn append<C: Context + ?Sized>(&self, cx: &C, out: &mut Vec<u8>) {
        for part in &*self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Variable(id) => {
                    cx.variable(*id, out);
                }
                Part::Capture(index) => cx.capture(*index, out),
            }
        }
    }
}

/// Reads `name`, `{name}` or a digit behind a `$`.
fn variable<'t, C: ?Sized>(
    text: &'t [u8],
    names: &mut Names<C>,
) -> Result<(Part, &'t [u8]), String> {
    let (name, rest) = match text.split_first() {
        Some((digit @ b'1'..=b'9', rest)) => {
            return Ok((Part::Capture(usize::from(digit - b'0')), rest));
        }
        Some((b'{', inner)) => {
            let end = inner.iter().position(|&byte| byte == b'}').ok_or_else(|| {
                let name = String::from_utf8_lossy(inner);
                format!("the closing bracket in \"{name}\" variable is missing")
            })?;
            let (name, rest) = (&inner[..end], &inner[end + 1..]);
            if let [digit @ b'1'..=b'9'] = name {
                return Ok((Part::Capture(usize::from(digit - b'0')), rest));
            }
            (name, rest)
        }
        _ => {
            let end = text
                .iter()
                .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
            text.split_at(end.unwrap_or(text.len()))
        }
    };
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if name.is_empty() || !name.iter().all(valid) {
        return Err("invalid variable name".to_owned());
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    Ok((Part::Variable(names.use_name(&name)), rest))
}
