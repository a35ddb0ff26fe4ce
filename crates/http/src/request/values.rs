//! Variables and captures of a request: what templates and expressions are evaluated for.

use std::net::IpAddr;

use bytes::Bytes;
use proto::h1::FieldName;
use script::{Captures, Context, VarId};

use super::Request;

impl Request {
    /// Evaluates a value.
    pub fn eval(&self, template: &script::Template) -> Bytes {
        template.value(self)
    }

    /// A variable's value as a whole.
    pub fn variable_value(&self, id: VarId) -> Option<Bytes> {
        let mut out = Vec::new();
        self.variable(id, &mut out).then(|| out.into())
    }

    /// The value of a variable that a page names.
    pub fn variable_named(&self, name: &str) -> Option<Bytes> {
        let mut out = Vec::new();
        let variables = &self.config().variables;
        variables
            .append_named(name, self, &self.slots, &mut out)
            .then(|| out.into())
    }

    /// Stores a variable.
    pub fn set_variable(&self, id: VarId, value: Option<Bytes>) {
        self.config().variables.set(id, value, self, &self.slots);
    }

    /// Forgets what maps and the like came to where the request was before: there, they may have
    /// seen a user whom nobody has verified.
    pub fn forget_rules(&self) {
        self.config().variables.forget_rules(&self.slots);
    }
}

impl Context for Request {
    fn variable(&self, id: VarId, out: &mut Vec<u8>) -> bool {
        self.config().variables.append(id, self, &self.slots, out)
    }

    fn capture(&self, index: usize, out: &mut Vec<u8>) {
        if let Some(captures) = &*self.captures.borrow()
            && let Some(text) = captures.get(index)
        {
            out.extend_from_slice(text);
        }
    }

    fn set_captures(&self, captures: Captures) {
        self.captures.replace(Some(Box::new(captures)));
    }

    fn set_named(&self, names: &[(VarId, usize)], captures: &Captures) {
        for &(id, index) in names {
            let value = captures.get(index).map(Bytes::copy_from_slice);
            self.set_variable(id, Some(value.unwrap_or_default()));
        }
    }

    fn client_ip(&self) -> Option<IpAddr> {
        self.client().ip().map(|addr| addr.ip())
    }

    fn forwarded_for(&self) -> Vec<Bytes> {
        let fields = self.head.fields.all(FieldName::XForwardedFor);
        fields.map(|field| self.slice(field.value)).collect()
    }
}
