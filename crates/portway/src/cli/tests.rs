//! Command lines and what they mean.

use super::*;

fn parsed(line: &str) -> Result<Command, String> {
    let args = line.split_whitespace().map(OsString::from);
    parse(args).map_err(|error| error.0)
}

fn options(line: &str) -> Options {
    match parsed(line) {
        Ok(Command::Serve(options)) => options,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_value_follows_its_letter_or_is_the_next_argument() {
    let apart = options("-p /srv/ -c nginx.conf -e error.log");
    assert_eq!(apart.prefix, Some("/srv/".into()));
    assert_eq!(apart.conf_file, Some("nginx.conf".into()));
    assert_eq!(
        apart.error_log,
        Some(ErrorLogFile::File("error.log".into()))
    );
    assert_eq!(options("-p/srv/ -cnginx.conf -eerror.log"), apart);
    assert_eq!(options("-e stderr").error_log, Some(ErrorLogFile::Stderr));
}

#[test]
fn letters_may_share_a_dash_and_the_last_may_take_a_value() {
    let Ok(Command::Test {
        options,
        dump,
        quiet,
    }) = parsed("-qtc a.conf")
    else {
        panic!("not a test");
    };
    assert_eq!(
        (options.conf_file, dump, quiet),
        (Some("a.conf".into()), false, true)
    );
    assert!(matches!(parsed("-T"), Ok(Command::Test { dump: true, .. })));
}

#[test]
fn directives_of_the_command_line_are_one_argument() {
    let args = ["-g", "daemon off; pid x;"].map(OsString::from);
    let Ok(Command::Serve(options)) = parse(args) else {
        panic!("not served");
    };
    assert_eq!(options.globals.as_deref(), Some("daemon off; pid x;"));
}

#[test]
fn errors_are_in_nginx_s_words() {
    for (line, error) in [
        ("-x", "invalid option: \"x\""),
        ("-tx", "invalid option: \"x\""),
        ("-t word", "invalid option: \"word\""),
        ("word", "invalid option: \"word\""),
        ("-s", "option \"-s\" requires parameter"),
        ("-s restart", "invalid option: \"-s restart\""),
        ("-p", "option \"-p\" requires directory name"),
        ("-c", "option \"-c\" requires file name"),
        ("-e", "option \"-e\" requires file name"),
        ("-g", "option \"-g\" requires parameter"),
        ("vnc", "usage: portway vnc HOST:PORT [--listen ADDRESS]"),
        ("demo x", "usage: portway demo [--listen ADDRESS]"),
        ("proxy http://a/;", "\"http://a/;\" is not an address"),
    ] {
        assert_eq!(parsed(line), Err(error.to_owned()), "{line}");
    }
}

#[test]
fn signals_have_nginx_s_names() {
    for (name, expected) in [
        ("stop", Signal::Term),
        ("quit", Signal::Quit),
        ("reopen", Signal::Usr1),
        ("reload", Signal::Hup),
    ] {
        let Ok(Command::Signal { signal, .. }) = parsed(&format!("-s {name}")) else {
            panic!("{name} is no signal");
        };
        assert_eq!(signal, expected);
    }
}

#[test]
fn the_version_is_followed_by_a_test_only() {
    let alone = |help, configure| Command::Version {
        help,
        configure,
        then: None,
    };
    assert_eq!(parsed("-v"), Ok(alone(false, false)));
    assert_eq!(parsed("-V"), Ok(alone(false, true)));
    assert_eq!(parsed("-?"), Ok(alone(true, false)));
    assert_eq!(parsed("--help"), Ok(alone(true, false)));
    assert_eq!(parsed("-v -s stop"), Ok(alone(false, false)));
    let Ok(Command::Version {
        then: Some(then), ..
    }) = parsed("-Vt")
    else {
        panic!("no test follows");
    };
    assert!(matches!(*then, Command::Test { .. }));
}

#[test]
fn a_job_names_its_target_and_where_it_listens() {
    let job = options("vnc box --listen 0.0.0.0:80").job.unwrap();
    assert_eq!(job.listen, "0.0.0.0:80");
    let text = job.configuration();
    assert!(text.contains("            vnc_pass box:5900;\n"), "{text}");
    assert!(text.contains("        listen 0.0.0.0:80;\n"), "{text}");
    let greeting = job.greeting("portway");
    assert_eq!(
        greeting.runs,
        "The desktop of box:5900 is at http://127.0.0.1:80/\n\
         Open it in a browser of the network. Ctrl-C ends it.\n"
    );
    assert!(greeting.fails.contains("portway vnc … --listen "));
    let demo = options("demo")
        .job
        .unwrap()
        .greeting("target/release/portway");
    for said in [
        "A demo desktop is at http://127.0.0.1:6080/\n",
        "on this machine; nothing is open to the network",
        "  target/release/portway vnc HOST:PORT  ",
    ] {
        assert!(demo.runs.contains(said), "{said} in {}", demo.runs);
    }

    let job = options("proxy example.com").job.unwrap();
    assert!(
        job.configuration()
            .contains("proxy_pass http://example.com;")
    );
    assert_eq!(
        options("vnc [::1]:1").job.unwrap().kind,
        Kind::Vnc {
            target: "[::1]:1".into()
        }
    );
    assert!(matches!(
        parsed("demo --print-config"),
        Ok(Command::Print(_))
    ));
}

use super::builtin::Kind;

#[test]
fn the_version_names_the_followed_nginx_and_its_missing_modules() {
    let text = version::version(true);
    assert!(text.starts_with("portway version: portway/"));
    assert!(text.contains("\nnginx version: nginx/1.31.5\n"));
    assert!(text.contains(" --without-http_fastcgi_module"));
    for word in ["OpenSSL", "LibreSSL", "BoringSSL", "AWS-LC", "--with-debug"] {
        assert!(!text.contains(word), "{word}");
    }
    assert!(!version::version(false).contains("configure"));
}
