//! A depot: what a component in Rust does with its standard library, WASI 0.2 and Golem's API.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use golem::api::host;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

wit_bindgen::generate!({ world: "depot", path: "wit", generate_all });

struct Depot;

export!(Depot);

/// Everything that was ever counted, and the number of counters: what a snapshot carries over.
static COUNTED: AtomicU64 = AtomicU64::new(0);
static TALLIES: AtomicU32 = AtomicU32::new(0);

fn told(problem: impl std::fmt::Debug) -> String {
    format!("{problem:?}")
}

/// Posts in two pieces and reads the answer in pieces of eight bytes.
fn post(server: &str, label: &str) -> Result<String, String> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Post).map_err(told)?;
    request.set_scheme(Some(&Scheme::Http)).map_err(told)?;
    request.set_authority(Some(server)).map_err(told)?;
    request.set_path_with_query(Some(&format!("/{label}"))).map_err(told)?;
    let body = request.body().map_err(told)?;
    let future = outgoing_handler::handle(request, None).map_err(told)?;
    {
        let stream = body.write().map_err(told)?;
        stream.blocking_write_and_flush(b"one piece, ").map_err(told)?;
        stream.blocking_write_and_flush(b"another").map_err(told)?;
    }
    OutgoingBody::finish(body, None).map_err(told)?;
    future.subscribe().block();
    let response = future.get().ok_or("no answer")?.map_err(told)?.map_err(told)?;
    let body = response.consume().map_err(told)?;
    let mut answer = Vec::new();
    {
        let stream = body.stream().map_err(told)?;
        loop {
            match stream.blocking_read(8) {
                Ok(piece) => answer.extend(piece),
                Err(StreamError::Closed) => break,
                Err(problem) => return Err(told(problem)),
            }
        }
    }
    drop(IncomingBody::finish(body));
    if response.status() >= 400 {
        return Err(format!("{label}: status {}", response.status()));
    }
    String::from_utf8(answer).map_err(told)
}

/// Too deep for any stack where `depth` is large.
fn down(depth: u64) -> u64 {
    if depth == 0 { 0 } else { std::hint::black_box(down(depth - 1)) + 1 }
}

impl Guest for Depot {
    fn order(server: String) -> Result<String, String> {
        post(&server, "reserve")?;
        let begin = host::mark_begin_operation();
        post(&server, "charge")?;
        post(&server, "ship")?;
        host::mark_end_operation(begin);
        host::set_idempotence_mode(false);
        post(&server, "mail")?;
        host::set_idempotence_mode(true);
        let here = host::get_oplog_index();
        let answer = post(&server, "poll")?;
        if answer.trim() == "1" {
            host::set_oplog_index(here);
        }
        Ok(answer)
    }

    fn notes() -> String {
        fs::create_dir_all("/notes/old").unwrap();
        fs::write("/notes/a", "one").unwrap();
        fs::OpenOptions::new().append(true).open("/notes/a").unwrap().write_all(b" and two").unwrap();
        fs::rename("/notes/a", "/notes/old/b").unwrap();
        fs::write("/notes/c", "gone soon").unwrap();
        fs::remove_file("/notes/c").unwrap();
        let time = fs::metadata("/notes/old/b").unwrap().modified().unwrap();
        let order: HashMap<u8, ()> = (0..20).map(|key| (key, ())).collect();
        println!("noted");
        let text = fs::read_to_string("/notes/old/b").unwrap();
        let escape = fs::read("/notes/../../secret").is_err();
        format!("{text} {escape} {time:?} {:?}", order.keys().collect::<Vec<_>>())
    }

    fn nap(ms: u64) -> u64 {
        let start = Instant::now();
        std::thread::sleep(Duration::from_millis(ms));
        start.elapsed().as_millis() as u64
    }

    fn ask() -> String {
        let promise = host::create_promise();
        String::from_utf8(host::await_promise(&promise)).unwrap()
    }

    fn reversed(mut data: Vec<u8>) -> Vec<u8> {
        data.reverse();
        data
    }

    fn fails(how: String) -> Result<(), String> {
        match how.as_str() {
            "panic" => panic!("the shelf is empty"),
            "exit" => {
                eprintln!("closing early");
                std::process::exit(3)
            }
            "memory" => drop(std::hint::black_box(vec![1u8; 1 << 30])),
            "recursion" => drop(down(u64::MAX)),
            "socket" => drop(std::net::TcpStream::connect("127.0.0.1:9").map_err(|refused| refused.to_string())?),
            _ => return Err(format!("no such way: {how}")),
        }
        Ok(())
    }
}

struct Tally(Cell<u64>);

impl exports::judge::depot::stock::Guest for Depot {
    type Tally = Tally;
}

impl exports::judge::depot::stock::GuestTally for Tally {
    fn new(_article: String) -> Self {
        TALLIES.fetch_add(1, Ordering::Relaxed);
        Tally(Cell::new(0))
    }

    fn add(&self, count: u64) -> u64 {
        COUNTED.fetch_add(count, Ordering::Relaxed);
        self.0.set(self.0.get() + count);
        self.0.get()
    }

    fn all() -> u32 {
        TALLIES.load(Ordering::Relaxed)
    }
}

impl exports::golem::api::save_snapshot::Guest for Depot {
    fn save() -> Vec<u8> {
        format!("{} {}", COUNTED.load(Ordering::Relaxed), TALLIES.load(Ordering::Relaxed)).into_bytes()
    }
}

impl exports::golem::api::load_snapshot::Guest for Depot {
    fn load(bytes: Vec<u8>) -> Result<(), String> {
        let text = String::from_utf8(bytes).map_err(told)?;
        let (counted, tallies) = text.split_once(' ').ok_or("not a snapshot of a depot")?;
        COUNTED.store(counted.parse().map_err(told)?, Ordering::Relaxed);
        TALLIES.store(tallies.parse().map_err(told)?, Ordering::Relaxed);
        Ok(())
    }
}
