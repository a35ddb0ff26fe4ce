//! The tables of the main and `events` contexts.

use conf::{Arity, Bundle, Contexts, Diagnostic, Directive, Doc, Item};
use net::sys::user::User;

use http::error_log;

use super::{Affinity, Draft};
use crate::cli::version;

/// The top of the configuration.
pub const MAIN: Contexts = Contexts(1 << 30);

/// The `events` block.
pub const EVENTS: Contexts = Contexts(1 << 31);

/// What a directive does.
pub type Setter = fn(&Item, &mut Draft, &Bundle) -> Result<(), Diagnostic>;

/// Every directive of the two contexts.
pub const DIRECTIVES: &[Directive<Setter>] = &[
    Directive::new(
        "daemon",
        MAIN,
        Arity::Flag,
        |item, draft, _| item.once(&mut draft.daemon, item.flag()?),
        Doc {
            syntax: "daemon on | off;",
            default: "daemon on;",
            text: "Whether the program leaves the terminal that started it.",
        },
    ),
    Directive::new(
        "master_process",
        MAIN,
        Arity::Flag,
        |item, draft, _| item.once(&mut draft.master, item.flag()?),
        Doc {
            syntax: "master_process on | off;",
            default: "master_process on;",
            text: "Whether a master process keeps the sockets and the privileges and restarts \
                   the worker. Without one a single process does everything.",
        },
    ),
    Directive::new(
        "user",
        MAIN,
        Arity::Between(1, 2),
        user,
        Doc {
            syntax: "user user [group];",
            default: "user nobody;",
            text: "Whom the worker runs as when the master is root.",
        },
    ),
    Directive::new(
        "worker_processes",
        MAIN,
        Arity::Exactly(1),
        worker_processes,
        Doc {
            syntax: "worker_processes number | auto;",
            default: "worker_processes 1;",
            text: "How many threads the worker has. One process holds them all, so that upstream \
                   state and limits are exact.",
        },
    ),
    Directive::new(
        "worker_cpu_affinity",
        MAIN,
        Arity::AtLeast(1),
        |item, draft, _| item.once(&mut draft.affinity, Affinity::parse(item)?),
        Doc {
            syntax: "worker_cpu_affinity auto [mask] | mask ...;",
            default: "",
            text: "Which processors each thread of the worker runs on.",
        },
    ),
    Directive::new(
        "worker_priority",
        MAIN,
        Arity::Exactly(1),
        worker_priority,
        Doc {
            syntax: "worker_priority number;",
            default: "worker_priority 0;",
            text: "The scheduling priority of the worker, as `nice` has it.",
        },
    ),
    Directive::new(
        "worker_rlimit_nofile",
        MAIN,
        Arity::Exactly(1),
        |item, draft, _| item.once(&mut draft.open_files_max, item.number(0)?),
        Doc {
            syntax: "worker_rlimit_nofile number;",
            default: "",
            text: "How many files and connections the worker may have open.",
        },
    ),
    Directive::new(
        "worker_rlimit_core",
        MAIN,
        Arity::Exactly(1),
        |item, draft, _| item.once(&mut draft.core_bytes_max, item.offset(0)?),
        Doc {
            syntax: "worker_rlimit_core size;",
            default: "",
            text: "How large a core file of the worker may be.",
        },
    ),
    Directive::new(
        "worker_shutdown_timeout",
        MAIN,
        Arity::Exactly(1),
        |item, draft, _| item.once(&mut draft.shutdown_timeout, item.time(0)?),
        Doc {
            syntax: "worker_shutdown_timeout time;",
            default: "",
            text: "How long connections of an old configuration may go on after a reload or a \
                   graceful stop.",
        },
    ),
    Directive::new(
        "ssl_certificate_watch",
        MAIN,
        Arity::Exactly(1),
        certificate_watch,
        Doc {
            syntax: "ssl_certificate_watch time | off;",
            default: "ssl_certificate_watch 1m;",
            text: "How often certificates, keys, revocation lists and other files of TLS are \
                   looked at. Changed ones are taken without a reload of the configuration, as \
                   soon as they fit together. Not a directive of nginx.",
        },
    ),
    Directive::new(
        "pid",
        MAIN,
        Arity::Exactly(1),
        |item, draft, bundle| {
            let path = bundle.prefix_path(&item.arg(0)?.text);
            item.once(&mut draft.pid, path)
        },
        Doc {
            syntax: "pid file;",
            default: "pid /run/portway.pid;",
            text: "The file that holds the id of the master process.",
        },
    ),
    Directive::new(
        "error_log",
        MAIN,
        Arity::AtLeast(1),
        |item, draft, bundle| {
            draft.error_log.push(error_log::parse(item, bundle)?);
            Ok(())
        },
        Doc {
            syntax: "error_log file | stderr | syslog:server=address[,parameter=value] [level];",
            default: "error_log /var/log/portway/error.log error;",
            text: "Where messages of this level and graver ones go. May be given several times.",
        },
    ),
    Directive::new(
        "env",
        MAIN,
        Arity::Exactly(1),
        env,
        Doc {
            syntax: "env variable[=value];",
            default: "env TZ;",
            text: "A variable of the environment that the worker keeps or gets; the others are \
                   removed.",
        },
    ),
    Directive::new(
        "working_directory",
        MAIN,
        Arity::Exactly(1),
        |item, draft, _| {
            let path = item.text(0)?.into();
            item.once(&mut draft.directory, path)
        },
        Doc {
            syntax: "working_directory directory;",
            default: "",
            text: "Where the worker runs, and so where a core file goes.",
        },
    ),
    Directive::new(
        "load_module",
        MAIN,
        Arity::Exactly(1),
        load_module,
        Doc {
            syntax: "load_module file;",
            default: "",
            text: "Has no effect for a module that is built in; any other is an error.",
        },
    ),
    Directive::block(
        "events",
        MAIN,
        Arity::Exactly(0),
        |item, draft, _| match std::mem::replace(&mut draft.events, true) {
            true => Err(item.duplicate()),
            false => Ok(()),
        },
        Doc {
            syntax: "events { ... }",
            default: "",
            text: "How connections are processed.",
        },
    ),
    Directive::new(
        "worker_connections",
        EVENTS,
        Arity::Exactly(1),
        |item, draft, _| {
            let count = usize::try_from(item.number(0)?).unwrap_or(usize::MAX);
            item.once(&mut draft.worker_connections, count)
        },
        Doc {
            syntax: "worker_connections number;",
            default: "worker_connections 512;",
            text: "How many connections each thread of the worker holds, to clients and to \
                   upstreams.",
        },
    ),
    Directive::block(
        "stream",
        MAIN,
        Arity::Exactly(0),
        not_supported as Setter,
        Doc {
            syntax: "stream { ... }",
            default: "",
            text: "Known by name only: there is no stream proxying yet.",
        },
    )
    .unsupported("there is no stream proxying yet"),
    Directive::block(
        "mail",
        MAIN,
        Arity::Exactly(0),
        not_supported as Setter,
        Doc {
            syntax: "mail { ... }",
            default: "",
            text: "Known by name only: there is no mail proxying.",
        },
    )
    .unsupported("there is no mail proxying"),
    Directive::new(
        "ssl_engine",
        MAIN,
        Arity::Exactly(1),
        not_supported as Setter,
        Doc {
            syntax: "ssl_engine device;",
            default: "",
            text: "Known by name only: there are no engines; keys are files.",
        },
    )
    .unsupported("there are no engines; keys are files"),
    inert(
        "timer_resolution",
        "timer_resolution interval;",
        MAIN,
        Arity::Exactly(1),
        "the time is read once per turn",
    ),
    inert(
        "pcre_jit",
        "pcre_jit on | off;",
        MAIN,
        Arity::Flag,
        "expressions are always compiled",
    ),
    inert(
        "lock_file",
        "lock_file file;",
        MAIN,
        Arity::Exactly(1),
        "threads of one process need no lock file",
    ),
    inert(
        "debug_points",
        "debug_points abort | stop;",
        MAIN,
        Arity::Exactly(1),
        "there are none",
    ),
    inert(
        "thread_pool",
        "thread_pool name threads=number [max_queue=number];",
        MAIN,
        Arity::AtLeast(1),
        "pools are sized by need",
    ),
    inert(
        "quic_bpf",
        "quic_bpf on | off;",
        MAIN,
        Arity::Flag,
        "connections are found without it",
    ),
    inert(
        "ssl_object_cache_inheritable",
        "ssl_object_cache_inheritable on | off;",
        MAIN,
        Arity::Flag,
        "files are compared at reload",
    ),
    inert(
        "use",
        "use method;",
        EVENTS,
        Arity::Exactly(1),
        "epoll is always used",
    ),
    inert(
        "epoll_events",
        "epoll_events number;",
        EVENTS,
        Arity::Exactly(1),
        "the runtime takes as many events as there are",
    ),
    inert(
        "worker_aio_requests",
        "worker_aio_requests number;",
        EVENTS,
        Arity::Exactly(1),
        "files are read in short slices",
    ),
    inert(
        "multi_accept",
        "multi_accept on | off;",
        EVENTS,
        Arity::Flag,
        "waiting connections are taken in small batches",
    ),
    inert(
        "accept_mutex",
        "accept_mutex on | off;",
        EVENTS,
        Arity::Flag,
        "threads do not take turns",
    ),
    inert(
        "accept_mutex_delay",
        "accept_mutex_delay time;",
        EVENTS,
        Arity::Exactly(1),
        "threads do not take turns",
    ),
    inert(
        "debug_connection",
        "debug_connection address | CIDR | unix:;",
        EVENTS,
        Arity::Exactly(1),
        "debugging is not by connection",
    ),
];

const fn inert(
    name: &'static str,
    syntax: &'static str,
    contexts: Contexts,
    arity: Arity,
    reason: &'static str,
) -> Directive<Setter> {
    let doc = Doc {
        syntax,
        default: "",
        text: reason,
    };
    Directive::inert(name, contexts, arity, |_, _, _| Ok(()), doc, reason)
}

/// The table refuses it before.
fn not_supported(item: &Item, _: &mut Draft, _: &Bundle) -> Result<(), Diagnostic> {
    Err(item.duplicate())
}

fn certificate_watch(item: &Item, draft: &mut Draft, _: &Bundle) -> Result<(), Diagnostic> {
    let every = match item.text(0)? {
        "off" => None,
        _ => Some(item.time(0)?),
    };
    if every.is_some_and(|every| every.is_zero()) {
        return Err(item.invalid(item.arg(0)?));
    }
    item.once(&mut draft.certificate_watch, every)
}

fn user(item: &Item, draft: &mut Draft, bundle: &Bundle) -> Result<(), Diagnostic> {
    let name = item.text(0)?.to_owned();
    let ids = bundle.user(&name);
    let ids = ids.ok_or_else(|| item.error(format!("getpwnam(\"{name}\") failed")))?;
    // As nginx: without a group it is the group that has the user's name.
    let group = item
        .args
        .get(1)
        .map_or_else(|| name.clone(), |word| word.display());
    let gid = bundle.group(&group);
    let gid = gid.ok_or_else(|| item.error(format!("getgrnam(\"{group}\") failed")))?;
    let uid = ids.uid;
    item.once(&mut draft.user, User { name, uid, gid })
}

fn worker_processes(item: &Item, draft: &mut Draft, _: &Bundle) -> Result<(), Diagnostic> {
    let count = match &item.arg(0)?.text[..] {
        b"auto" => None,
        text => {
            let count = conf::value::number(text).and_then(|count| usize::try_from(count).ok());
            let count = count.filter(|count| (1..=THREADS_MAX).contains(count));
            Some(count.ok_or_else(|| item.error("\"worker_processes\" directive invalid value"))?)
        }
    };
    item.once(&mut draft.threads, count)
}

/// More threads than any machine has processors.
const THREADS_MAX: usize = 1024;

fn worker_priority(item: &Item, draft: &mut Draft, _: &Bundle) -> Result<(), Diagnostic> {
    let text = item.text(0)?;
    let digits = text.trim_start_matches(['-', '+']);
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= digits.len() + 1;
    let priority = text.parse().ok().filter(|_| whole);
    let invalid = || item.error("\"worker_priority\" directive invalid number");
    item.once(&mut draft.priority, priority.ok_or_else(invalid)?)
}

fn env(item: &Item, draft: &mut Draft, _: &Bundle) -> Result<(), Diagnostic> {
    let text = item.text(0)?;
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if name.is_empty() || text.contains('\0') {
        return Err(item.invalid(item.arg(0)?));
    }
    draft.environment.push((name.to_owned(), value));
    Ok(())
}

fn load_module(item: &Item, _: &mut Draft, _: &Bundle) -> Result<(), Diagnostic> {
    let path = item.text(0)?;
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.strip_suffix(".so").unwrap_or(file);
    let built_in = name.strip_prefix("ngx_").is_some_and(version::has_module);
    if built_in {
        return Ok(());
    }
    let message = format!("module \"{path}\" is not built in, and none can be loaded");
    Err(item.error(message))
}
