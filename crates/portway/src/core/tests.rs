//! The main and `events` contexts: defaults, values, errors.

use std::path::Path;

use super::*;

fn bundle(text: &str) -> Bundle {
    let file = conf::bundle::File {
        text: text.as_bytes().into(),
        mode: 0o644,
    };
    let mut bundle = Bundle {
        prefix: "/srv/".into(),
        conf_file: "/etc/p/nginx.conf".into(),
        ..Bundle::default()
    };
    bundle.files.insert("/etc/p/nginx.conf".into(), Ok(file));
    let ids = conf::bundle::UserIds { uid: 33, gid: 33 };
    bundle.users.insert("www-data".into(), Some(ids));
    bundle.users.insert("ghost".into(), None);
    bundle.groups.insert("www-data".into(), Some(33));
    bundle.groups.insert("adm".into(), Some(4));
    bundle
}

fn compile_text(text: &str) -> (Core, Vec<String>) {
    let bundle = bundle(text);
    let tree = conf::parse(&bundle);
    let mut errors = tree.errors.clone();
    let default_log = Target::File("/var/log/default".into());
    let core = compile(&tree.items, &bundle, &default_log, &mut errors);
    let lines = errors
        .iter()
        .filter(|found| found.severity != conf::Severity::Notice)
        .map(|error| error.line(&tree.sources))
        .collect();
    (core, lines)
}

fn core(text: &str) -> Core {
    let (core, errors) = compile_text(text);
    assert_eq!(errors, Vec::<String>::new());
    core
}

fn error(text: &str) -> String {
    let (_, errors) = compile_text(&format!("{text} events {{ }}"));
    assert_eq!(errors.len(), 1, "{errors:?}");
    let place = " in /etc/p/nginx.conf:1";
    errors[0]
        .strip_suffix(place)
        .unwrap_or(&errors[0])
        .to_owned()
}

#[test]
fn an_almost_empty_configuration_has_nginx_s_defaults() {
    let core = core("events { }");
    assert!(core.daemon && core.master);
    assert_eq!(core.pid, None);
    assert_eq!(core.worker.threads, Some(1));
    assert_eq!(core.worker_connections, 512);
    let default_log = Target::File("/var/log/default".into());
    assert_eq!(core.error_log, [(Level::Error, default_log)]);
}

#[test]
fn the_main_part_of_a_distribution_s_file_loads() {
    let core = core(
        "user www-data;\nworker_processes auto;\nworker_cpu_affinity auto;\npid /run/nginx.pid;\n\
         error_log /var/log/nginx/error.log;\npcre_jit on;\n\
         events {\n worker_connections 768;\n # multi_accept on;\n use epoll;\n}\n",
    );
    let user = core.worker.user.as_ref().unwrap();
    assert_eq!(
        (user.name.as_str(), user.uid, user.gid),
        ("www-data", 33, 33)
    );
    assert_eq!(core.worker.threads, None);
    assert_eq!(core.pid.as_deref(), Some(Path::new("/run/nginx.pid")));
    assert_eq!(core.worker_connections, 768);
}

#[test]
fn paths_of_logs_and_pid_files_begin_at_the_prefix() {
    let core = core("pid run/pid; error_log logs/e warn; error_log stderr info; events { }");
    assert_eq!(core.pid.as_deref(), Some(Path::new("/srv/run/pid")));
    let file = Target::File("/srv/logs/e".into());
    assert_eq!(
        core.error_log,
        [(Level::Warn, file), (Level::Info, Target::Stderr)]
    );
}

#[test]
fn a_syslog_server_alone_is_joined_by_the_default_file() {
    let core = core("error_log syslog:server=127.0.0.1,tag=x debug_http; events { }");
    let [
        (Level::Debug, Target::Syslog(spec, server)),
        (Level::Error, Target::File(_)),
    ] = core.error_log.as_slice()
    else {
        panic!("{:?}", core.error_log);
    };
    assert_eq!(spec.tag, "x");
    assert_eq!(server.to_string(), "127.0.0.1:514");
}

#[test]
fn a_worker_is_described_by_its_directives() {
    let core = core(
        "user www-data adm; worker_processes 3; worker_priority -5; worker_rlimit_nofile 4096; \
         worker_rlimit_core 1g; working_directory /tmp; env A; env B=1=2; \
         worker_shutdown_timeout 10s; worker_cpu_affinity 01 10; daemon off; master_process off; \
         ssl_certificate_watch 5m; events { }",
    );
    let worker = &core.worker;
    assert_eq!(worker.user.as_ref().unwrap().gid, 4);
    assert_eq!(worker.thread_count(), 3);
    assert_eq!((worker.priority, worker.open_files_max), (-5, Some(4096)));
    assert_eq!(worker.core_bytes_max, Some(1 << 30));
    let variables = [
        ("A".to_owned(), None),
        ("B".to_owned(), Some("1=2".to_owned())),
    ];
    assert_eq!(worker.environment, variables);
    assert_eq!(core.shutdown_timeout, Some(Duration::from_secs(10)));
    assert_eq!(core.certificate_watch, Some(Duration::from_secs(300)));
    assert!(!core.daemon && !core.master);
    let processors = |thread| worker.affinity.of_thread(thread, 8);
    assert_eq!(processors(0), Some(vec![0]));
    assert_eq!(processors(1), Some(vec![1]));
    assert_eq!(processors(7), Some(vec![1]));
}

#[test]
fn certificates_are_looked_at_every_minute_unless_told_otherwise() {
    let every = |text: &str| core(&format!("{text} events {{ }}")).certificate_watch;
    assert_eq!(every(""), Some(Duration::from_secs(60)));
    assert_eq!(every("ssl_certificate_watch off;"), None);
}

#[test]
fn automatic_affinity_takes_turns() {
    let auto = core("worker_cpu_affinity auto; events { }").worker.affinity;
    assert_eq!(auto.of_thread(5, 4), Some(vec![1]));
    let some = core("worker_cpu_affinity auto 1010; events { }")
        .worker
        .affinity;
    assert_eq!(some.of_thread(0, 4), Some(vec![1]));
    assert_eq!(some.of_thread(1, 4), Some(vec![3]));
    assert_eq!(some.of_thread(2, 4), Some(vec![1]));
}

#[test]
fn what_is_wrong_is_said_in_nginx_s_words() {
    for (text, expected) in [
        ("user ghost;", "getpwnam(\"ghost\") failed"),
        (
            "daemon maybe;",
            "invalid value \"maybe\" in \"daemon\" directive, it must be \"on\" or \"off\"",
        ),
        (
            "ssl_certificate_watch 0;",
            "invalid value \"0\" in \"ssl_certificate_watch\" directive",
        ),
        ("pid a; pid b;", "\"pid\" directive is duplicate"),
        ("error_log x loud;", "invalid log level \"loud\""),
        ("error_log x warn info;", "duplicate log level \"info\""),
        ("error_log syslog:tag=x;", "no syslog server specified"),
        (
            "worker_processes none;",
            "\"worker_processes\" directive invalid value",
        ),
        (
            "worker_priority --5;",
            "\"worker_priority\" directive invalid number",
        ),
        (
            "worker_cpu_affinity 012;",
            "invalid character \"2\" in \"worker_cpu_affinity\"",
        ),
        (
            "worker_connections 5;",
            "\"worker_connections\" directive is not allowed here",
        ),
        (
            "stream { }",
            "\"stream\" is not supported: there is no stream proxying yet",
        ),
        (
            "load_module modules/ngx_odd.so;",
            "module \"modules/ngx_odd.so\" is not built in, and none can be loaded",
        ),
        (
            "workerprocesses 1;",
            "unknown directive \"workerprocesses\"",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    let (_, errors) = compile_text("daemon off;");
    assert_eq!(errors, ["no \"events\" section in configuration"]);
}

#[test]
fn the_table_has_no_entry_twice_and_every_default_loads() {
    for (index, entry) in DIRECTIVES.iter().enumerate() {
        let again = DIRECTIVES[..index]
            .iter()
            .any(|other| other.name == entry.name && other.contexts.meets(entry.contexts));
        assert!(!again, "{} stands twice", entry.name);
        let default = entry.doc.default;
        if !default.is_empty() && entry.name != "user" {
            core(&match entry.contexts.meets(MAIN) {
                true => format!("{default} events {{ }}"),
                false => format!("events {{ {default} }}"),
            });
        }
    }
}
