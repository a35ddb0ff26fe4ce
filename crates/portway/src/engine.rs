//! A stand-in for the HTTP engine with the same interface; it answers every request with one text.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use conf::{Bundle, Diagnostic, Item};
use net::listen::{Listen, ListenOptions, Listener};
use net::log::{ErrorLog, Files, Level, LogFile, Target};
use net::{Addr, Stream};

/// A compiled `http` block.
#[derive(Debug, Default)]
pub struct Config {
    listens: Vec<Listen>,
    texts: Vec<String>,
    logs: Vec<PathBuf>,
    log: OnceLock<Arc<LogFile>>,
}

impl Config {
    /// The sockets to listen on.
    pub fn listens(&self) -> Vec<Listen> {
        self.listens.clone()
    }

    /// The log files to open.
    pub fn log_paths(&self) -> Vec<PathBuf> {
        self.logs.clone()
    }

    /// Connects the logs with their open files.
    pub fn attach_logs(&self, files: &Files) {
        if let Some(file) = self.logs.first().and_then(|path| files.get(path)) {
            self.log.get_or_init(|| file);
        }
    }
}

/// Compiles an `http` block.
pub fn compile(
    item: &Item,
    bundle: &Bundle,
    _: &[(Level, Target)],
) -> (Option<Config>, Vec<Diagnostic>) {
    let (mut config, mut errors) = (Config::default(), Vec::new());
    for item in item.entries().iter().flat_map(|item| item.entries()) {
        match (item.name(), item.args.as_slice()) {
            ("listen", [addr, rest @ ..]) => match addr.display().parse() {
                Ok(ip) => {
                    let reuseport = !rest.is_empty();
                    let options = ListenOptions {
                        reuseport,
                        ..ListenOptions::default()
                    };
                    config.listens.push(Listen {
                        addr: Addr::Ip(ip),
                        options,
                    });
                }
                Err(_) => errors.push(item.invalid(addr)),
            },
            ("return", [_, text]) => config.texts.push(text.display()),
            ("access_log", [path]) => config.logs.push(bundle.prefix_path(&path.text)),
            _ => errors.push(item.error(format!("unknown directive \"{}\"", item.name()))),
        }
    }
    (errors.is_empty().then_some(config), errors)
}

/// What the threads of a worker share.
#[derive(Debug)]
pub struct Shared;

impl Shared {
    /// For so many threads.
    pub fn new(_: usize) -> Arc<Self> {
        Arc::new(Self)
    }

    /// Limits the connections of each thread.
    pub fn set_connections_max(&self, _: usize) {}
}

type Callback = Rc<RefCell<Box<dyn Fn()>>>;

/// One thread of the worker.
pub struct Thread {
    accepting: RefCell<Vec<tokio::task::JoinHandle<()>>>,
    current: RefCell<Option<Rc<Generation>>>,
    live: Rc<Cell<usize>>,
    drained: Callback,
}

struct Generation {
    config: Arc<Config>,
    live: Rc<Cell<usize>>,
    drained: Callback,
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.live.set(self.live.get() - 1);
        (self.drained.borrow())();
    }
}

impl Thread {
    /// A thread that serves nothing yet.
    pub fn new(_: usize, _: Arc<Shared>) -> Rc<Self> {
        Rc::new(Self {
            accepting: RefCell::default(),
            current: RefCell::default(),
            live: Rc::default(),
            drained: Rc::new(RefCell::new(Box::new(|| {}))),
        })
    }

    /// Serves a configuration; the one before drains.
    pub fn install(&self, config: Arc<Config>, sockets: Vec<(Addr, OwnedFd)>) {
        self.live.set(self.live.get() + 1);
        let generation = Rc::new(Generation {
            config,
            live: self.live.clone(),
            drained: self.drained.clone(),
        });
        self.current.replace(Some(generation.clone()));
        self.stop_accepting();
        for (index, (addr, fd)) in sockets.into_iter().enumerate() {
            let Ok(listener) = Listener::new(fd, addr) else {
                continue;
            };
            let generation = generation.clone();
            let task = tokio::task::spawn_local(async move {
                loop {
                    let (fd, _) = listener.accept(&ErrorLog::default()).await;
                    tokio::task::spawn_local(serve(generation.clone(), index, fd));
                }
            });
            self.accepting.borrow_mut().push(task);
        }
    }

    fn stop_accepting(&self) {
        self.accepting
            .borrow_mut()
            .drain(..)
            .for_each(|task| task.abort());
    }

    /// Stops gracefully.
    pub async fn drain(&self, limit: Option<Duration>) {
        self.stop_accepting();
        self.current.take();
        let start = Instant::now();
        while self.live.get() > 0 && limit.is_none_or(|limit| start.elapsed() < limit) {
            net::timer::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Calls `f` each time an old generation has drained.
    pub fn on_generation_drained(&self, f: impl Fn() + 'static) {
        *self.drained.borrow_mut() = Box::new(f);
    }
}

async fn serve(generation: Rc<Generation>, index: usize, fd: OwnedFd) {
    let Ok(stream) = Stream::new(fd) else {
        return;
    };
    let (mut head, mut buf) = (Vec::new(), vec![0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buf).await {
            Ok(n) if n > 0 => head.extend_from_slice(&buf[..n]),
            _ => return,
        }
    }
    let text = generation.config.texts[index].replace("$pid", &std::process::id().to_string());
    let length = text.len();
    let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}");
    if let Some(log) = generation.config.log.get() {
        log.write(b"request\n");
    }
    let _ = stream.write_all(reply.as_bytes()).await;
}
