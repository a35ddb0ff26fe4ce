//! The modules, each a file: its directives, variables and settings.
//!
//! The lists here decide nothing about the order of execution: phases and filters have lists of
//! their own (`phases.rs`, `filters.rs`).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use conf::{Diagnostic, Directive};

use crate::module::{Module, Set};
use crate::settings::{LevelKind, Written};

pub mod access;
pub mod addition;
pub mod auth_basic;
pub mod auth_jwt;
pub mod auth_request;
pub mod autoindex;
pub mod brotli;
pub mod charset;
pub mod core;
pub mod empty_gif;
pub mod geo;
pub mod gunzip;
pub mod gzip;
pub mod headers;
pub mod health_check;
pub mod http2;
pub mod index;
pub mod limit_conn;
pub mod limit_req;
pub mod listen;
pub mod location;
pub mod log;
pub mod map;
pub mod mirror;
pub mod open_file_cache;
pub mod precompressed;
pub mod proxy;
pub mod proxy_protocol;
pub mod random_index;
pub mod realip;
pub mod referer;
pub mod rewrite;
pub mod secure_link;
pub mod server;
pub mod split_clients;
pub mod ssi;
pub mod ssl;
pub mod static_files;
pub mod stub_status;
pub mod sub;
pub mod try_files;
pub mod tunnel;
pub mod types;
pub mod upstream;
pub mod userid;
pub mod variables;
pub mod vnc;
pub mod zstd;

pub use proxy::ssl as proxy_ssl;

/// All modules.
pub static MODULES: &[&Module] = &[
    &core::MODULE,
    &server::MODULE,
    &listen::MODULE,
    &proxy_protocol::MODULE,
    &location::MODULE,
    &types::MODULE,
    &open_file_cache::MODULE,
    &variables::MODULE,
    &static_files::MODULE,
    &index::MODULE,
    &random_index::MODULE,
    &autoindex::MODULE,
    &empty_gif::MODULE,
    &try_files::MODULE,
    &rewrite::MODULE,
    &map::MODULE,
    &geo::MODULE,
    &split_clients::MODULE,
    &headers::MODULE,
    &log::MODULE,
    &access::MODULE,
    &auth_basic::MODULE,
    &auth_jwt::MODULE,
    &realip::MODULE,
    &referer::MODULE,
    &secure_link::MODULE,
    &stub_status::MODULE,
    &auth_request::MODULE,
    &mirror::MODULE,
    &addition::MODULE,
    &limit_conn::MODULE,
    &limit_req::MODULE,
    &ssi::MODULE,
    &gzip::MODULE,
    &gunzip::MODULE,
    &precompressed::GZIP,
    &brotli::MODULE,
    &precompressed::BROTLI,
    &zstd::MODULE,
    &precompressed::ZSTD,
    &sub::MODULE,
    &charset::MODULE,
    &userid::MODULE,
    &proxy::MODULE,
    &proxy_ssl::MODULE,
    &tunnel::MODULE,
    &upstream::MODULE,
    &upstream::keepalive::MODULE,
    &upstream::methods::LEAST_CONN,
    &upstream::methods::IP_HASH,
    &upstream::methods::HASH,
    &upstream::methods::RANDOM,
    &upstream::methods::LEAST_TIME,
    &upstream::zone::MODULE,
    &upstream::sticky::MODULE,
    &health_check::MODULE,
    &ssl::MODULE,
    &http2::MODULE,
    &vnc::MODULE,
    &vnc::credentials::MODULE,
    &vnc::tls::MODULE,
    &vnc::record::MODULE,
    &vnc::recordings::MODULE,
];

/// The directives of that name, one for each set of contexts; of any other name, all directives.
pub fn directives(name: &str) -> impl Iterator<Item = &'static Directive<Set>> + Clone {
    type ByName = HashMap<&'static str, Vec<&'static Directive<Set>>>;
    static BY_NAME: LazyLock<ByName> = LazyLock::new(|| {
        let mut by_name = ByName::new();
        for directive in all_directives() {
            by_name.entry(directive.name).or_default().push(directive);
        }
        by_name
    });
    let known = BY_NAME.get(name);
    let all = known.is_none().then(all_directives).into_iter().flatten();
    known.into_iter().flatten().copied().chain(all)
}

fn all_directives() -> impl Iterator<Item = &'static Directive<Set>> + Clone {
    MODULES.iter().flat_map(|module| module.directives)
}

/// Declares the drafts and the settings of a level from the modules that have some.
macro_rules! level_settings {
    ($($module:ident),* $(,)?) => {
        /// What was written at a level, by module.
        #[derive(Debug, Default)]
        pub struct Drafts {
            $(
                #[doc = concat!("Of `", stringify!($module), "`.")]
                pub $module: Written<$module::Draft>,
            )*
        }

        /// What holds at a level, by module.
        #[derive(Debug, Clone, Default)]
        pub struct Settings {
            $( #[doc = concat!("Of `", stringify!($module), "`.")] pub $module: Arc<$module::Conf>, )*
        }

        impl Drafts {
            /// Compiles a level inside `outer`.
            pub(crate) fn compile(self, outer: &Settings, kind: LevelKind) -> Settings {
                Settings { $( $module: self.$module.compile(&outer.$module, kind), )* }
            }
        }
    };
}

level_settings! {
    core,
    access,
    addition,
    auth_basic,
    auth_jwt,
    auth_request,
    autoindex,
    brotli,
    charset,
    gunzip,
    gzip,
    headers,
    health_check,
    index,
    limit_conn,
    limit_req,
    log,
    mirror,
    open_file_cache,
    precompressed,
    proxy,
    proxy_ssl,
    random_index,
    realip,
    referer,
    secure_link,
    ssi,
    sub,
    try_files,
    tunnel,
    types,
    userid,
    vnc,
    zstd,
}

impl Settings {
    /// What deserves a warning because whoever reaches the location may do it.
    /// That the server asks its clients for certificates is not known here.
    pub(crate) fn open_to_all(&self, desktops: &vnc::desktops::Desktops) -> Option<Diagnostic> {
        let asks = self.auth_request.uri.is_some() || self.auth_jwt.is_on();
        if self.access.has_rules() || self.auth_basic.is_on() || asks {
            return None;
        }
        let (what, remedy) = match self.core.handler {
            core::Handler::Vnc
                if self.vnc.stores_credentials(desktops) && !self.vnc.says_roles() =>
            {
                (
                    "stored credentials without access control open the desktop to whoever comes",
                    "add \"auth_basic\", \"allow\" and \"deny\", \"auth_request\" or \"vnc_role\"",
                )
            }
            core::Handler::Tunnel if self.tunnel.goes_anywhere() => (
                "\"tunnel_pass\" without access control makes an open proxy",
                "add \"auth_basic\", or \"allow\" and \"deny\", or name where it may go",
            ),
            core::Handler::VncRecordings if !self.vnc.says_roles() => (
                "\"vnc_recordings\" without access control shows recorded sessions to whoever comes",
                "add \"auth_basic\", \"allow\" and \"deny\", or \"vnc_role\"",
            ),
            core::Handler::VncStatus if !self.vnc.says_roles() => (
                "\"vnc_status\" without access control lets whoever comes cut sessions",
                "add \"auth_basic\", \"allow\" and \"deny\", or \"vnc_role\"",
            ),
            _ => return None,
        };
        Some(Diagnostic::warn(what).help(remedy))
    }

    /// Whether a prefix location that ends with a slash answers its name without the slash by a
    /// redirect: those that hand requests on do.
    pub(crate) fn redirects_to_slash(&self) -> bool {
        !matches!(
            self.core.handler,
            core::Handler::Static | core::Handler::EmptyGif
        )
    }
}
