//! `-v`, `-V` and `-h`: who this is, which of nginx's modules it has, how it is called.

use crate::defaults;

/// The version of nginx whose behaviour is followed.
pub const NGINX_VERSION: &str = "1.31.5";

/// `portway/0.1.0`.
pub const PRODUCT: &str = concat!("portway/", env!("CARGO_PKG_VERSION"));

/// The modules of nginx's default build: each is here if the tables have a module of that name.
const DEFAULT: &[&str] = &[
    "http_charset_module",
    "http_ssi_module",
    "http_userid_module",
    "http_mirror_module",
    "http_autoindex_module",
    "http_geo_module",
    "http_split_clients_module",
    "http_referer_module",
    "http_fastcgi_module",
    "http_uwsgi_module",
    "http_scgi_module",
    "http_grpc_module",
    "http_tunnel_module",
    "http_memcached_module",
    "http_limit_conn_module",
    "http_limit_req_module",
    "http_empty_gif_module",
    "http_browser_module",
    "http_upstream_hash_module",
    "http_upstream_ip_hash_module",
    "http_upstream_least_conn_module",
    "http_upstream_least_time_module",
    "http_upstream_random_module",
    "http_upstream_zone_module",
    "http_upstream_sticky_module",
];

/// The modules that nginx is built with when it is told so.
const OPTIONAL: &[&str] = &[
    "http_ssl_module",
    "http_realip_module",
    "http_addition_module",
    "http_sub_module",
    "http_gunzip_module",
    "http_gzip_static_module",
    "http_auth_request_module",
    "http_random_index_module",
    "http_secure_link_module",
    "http_stub_status_module",
];

/// Whether a module is here, by its name without `ngx_`; that of a filter says so in its name, and
/// not in its switch.
pub fn has_module(name: &str) -> bool {
    let is = |module: &&http::module::Module| {
        let known = module.name.strip_prefix("ngx_").unwrap_or_default();
        known == name || known.replace("_filter_module", "_module") == name
    };
    http::modules::MODULES.iter().any(is)
}

/// nginx's default modules that are missing here, by the end of `--without-`.
pub fn missing() -> impl Iterator<Item = &'static str> {
    let default = DEFAULT.iter().copied().filter(|name| !has_module(name));
    std::iter::once("http-cache").chain(default)
}

/// nginx's optional modules that are here, by the end of `--with-`.
fn present() -> impl Iterator<Item = &'static str> {
    OPTIONAL.iter().copied().filter(|name| has_module(name))
}

/// The lines of `-v`, or of `-V`.
pub fn version(with_arguments: bool) -> String {
    let mut text = format!("portway version: {PRODUCT}\nnginx version: nginx/{NGINX_VERSION}\n");
    if with_arguments {
        text.push_str("TLS SNI support enabled\n");
        text.push_str(&configure_arguments());
        text.push('\n');
    }
    text
}

/// nginx's way to say which modules there are; test suites and scripts read it.
fn configure_arguments() -> String {
    let paths = [
        format!("--prefix={}", defaults::PREFIX),
        format!("--conf-path={}", defaults::CONF_FILE),
        format!("--error-log-path={}", defaults::ERROR_LOG),
        format!("--pid-path={}", defaults::PID_FILE),
        format!("--user={}", defaults::USER),
    ];
    let with = present().map(|name| format!("--with-{name}"));
    let without = missing().map(|name| format!("--without-{name}"));
    let arguments: Vec<_> = paths.into_iter().chain(with).chain(without).collect();
    format!("configure arguments: {}", arguments.join(" "))
}

/// The text of `-h`.
pub fn help() -> String {
    format!(
        "\
Usage: portway [-?hvVtTq] [-s signal] [-p prefix]
               [-e filename] [-c filename] [-g directives]
       portway demo  [--listen ADDRESS]
       portway vnc   HOST:PORT [--listen ADDRESS]
       portway proxy URL       [--listen ADDRESS]
       portway recording --help

A web server, reverse proxy and gateway to remote desktops that reads nginx.conf.

Without options it serves {conf}
or, if there is no such file, a demo desktop on this machine only.

Options, as nginx has them:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and what nginx would call configure options
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a running master process:
                  stop    now
                  quit    when the requests that run have been answered
                  reload  the configuration; connections and desktops stay
                  reopen  the log files, after they were rotated
  -p prefix     : where relative paths of logs and pages begin (default: {prefix})
  -e filename   : set error log file (default: {error_log})
  -c filename   : set configuration file (default: {conf})
  -g directives : set global directives out of configuration file

Common jobs without a file:
  demo          : a desktop to try things on
  vnc HOST:PORT : the desktop of a VNC server, in a browser
  proxy URL     : another web server, WebSockets included
  --listen ADDR : PORT, ADDRESS:PORT or unix:PATH (default: this machine only,
                  port 6080 for desktops and 8080 for proxy)
  --print-config: print the configuration that the job stands for, and exit
  recording     : list, check, export and remove recorded sessions

First aid:
  portway -t                       what is wrong with my configuration?
  portway -s reload                use the new one
  tail {error_log}
",
        conf = defaults::CONF_FILE,
        prefix = defaults::PREFIX,
        error_log = defaults::ERROR_LOG,
    )
}
