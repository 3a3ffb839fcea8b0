//! A PostgreSQL server, started by the first test that needs one.

use std::{
    env,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use xtask::{
    interrupt::Interrupt,
    postgres::{Programs, Server},
    process::Launcher,
};

use super::run_folder;

static SERVER: OnceLock<Mutex<Option<Held>>> = OnceLock::new();

/// The thread that owns the server, and the channel by which databases are ordered. It ends with the channel.
struct Held {
    owner: thread::JoinHandle<()>,
    orders: mpsc::Sender<Order>,
}

/// A database is to be made, by this name, empty or as a copy; its address is the answer.
struct Order {
    name: String,
    copied_from: Option<String>,
    answer: mpsc::Sender<String>,
}

/// Whether tests that need it can run. Under continuous integration they have to.
pub(crate) fn is_here() -> bool {
    Programs::find().is_ok() || env::var_os("CI").is_some()
}

/// The address of a new database.
pub(crate) fn new_database() -> String {
    order(None)
}

/// The address of a copy of a database that nobody is connected to.
pub(crate) fn copy_of(url: &str) -> String {
    let name = url.split('?').next().and_then(|url| url.rsplit('/').next());
    order(name.map(str::to_owned))
}

fn order(copied_from: Option<String>) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let name = format!("e2e_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let (answer, answered) = mpsc::channel();
    let mut held = SERVER
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let orders = &held.get_or_insert_with(start).orders;
    // If its thread is gone, so is the other end of the answer.
    let _ = orders.send(Order {
        name,
        copied_from,
        answer,
    });
    answered
        .recv()
        .expect("PostgreSQL starts; the thread above says why not")
}

/// Ends it, if it was ever started.
pub(crate) fn end() {
    let held = SERVER
        .get()
        .and_then(|server| server.lock().unwrap_or_else(PoisonError::into_inner).take());
    if let Some(Held { owner, orders }) = held {
        drop(orders);
        let _ = owner.join();
    }
}

fn start() -> Held {
    let (orders, ordered) = mpsc::channel::<Order>();
    let owner = thread::spawn(move || {
        let programs = Programs::find().unwrap_or_else(|missing| panic!("{missing}"));
        // What is started belongs to one thread.
        let launcher = Launcher::new(Interrupt::default());
        let logs = run_folder::new_folder("postgres");
        let server = Server::start(&programs, &launcher, &logs).unwrap();
        while let Ok(order) = ordered.recv() {
            let Order {
                name,
                copied_from,
                answer,
            } = order;
            server.create_database(&name, copied_from.as_deref()).unwrap();
            let _ = answer.send(server.url(&name));
        }
    });
    Held { owner, orders }
}
