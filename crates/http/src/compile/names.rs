//! Server names on their way into the tables of addresses.

use std::sync::Arc;

use crate::config::ServerId;
use crate::draft::NameDraft;
use crate::server_names::ServerNames;

/// A server name, ready for the tables of all addresses of its server.
pub(super) enum CompiledName {
    Plain(String, conf::Span),
    Regex(String, Arc<script::Regex>, Vec<(script::VarId, usize)>),
}

impl CompiledName {
    /// Adds it to the names of an address; false if another server has it there.
    pub(super) fn add_to(&self, table: &mut ServerNames, id: ServerId) -> bool {
        match self {
            CompiledName::Plain(name, _) => table.add(name, id),
            CompiledName::Regex(_, regex, groups) => {
                table.add_regex(regex.clone(), groups.clone(), id);
                true
            }
        }
    }
}

impl From<NameDraft> for CompiledName {
    fn from(draft: NameDraft) -> Self {
        match draft.regex {
            Some((regex, names)) => Self::Regex(draft.name, Arc::new(regex), names),
            None => Self::Plain(draft.name, draft.span),
        }
    }
}
