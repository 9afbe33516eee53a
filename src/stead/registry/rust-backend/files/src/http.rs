//! HTTP/1.1 for requests without a body: bounded in bytes, time, connections and requests.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, TrySendError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A request: the query's names and values are decoded, the path is as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn new(status: u16, kind: &str, body: impl Into<String>) -> Response {
        let headers = vec![("Content-Type".into(), kind.into())];
        Response {
            status,
            headers,
            body: body.into(),
        }
    }

    /// The same with one more header.
    pub fn with(mut self, name: &str, value: &str) -> Response {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// How much a client may ask of the server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections served at once.
    pub workers: usize,
    /// Connections that wait; more are refused with 503.
    pub waiting: usize,
    /// Bytes of a request's head.
    pub head: usize,
    /// For a whole request head to arrive, and for the answer to be taken.
    pub time: Duration,
    /// Without a request on an open connection.
    pub idle: Duration,
    /// Requests on one connection.
    pub requests: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            workers: 16,
            waiting: 256,
            head: 8192,
            time: Duration::from_secs(10),
            idle: Duration::from_secs(5),
            requests: 1000,
        }
    }
}

/// A server that listens and does not answer yet.
pub struct Server {
    listener: TcpListener,
    limits: Limits,
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// What the workers share.
struct Shared {
    answer: Box<Handler>,
    limits: Limits,
    waiting: AtomicUsize,
}

/// Why a request is not handed on.
enum Refused {
    /// The connection is over: closed, broken, or idle for too long.
    Gone,
    Because(u16, &'static str),
}

impl From<io::Error> for Refused {
    fn from(_: io::Error) -> Refused {
        Refused::Gone
    }
}

impl Server {
    /// Listens; port 0 is one that the system chooses.
    pub fn bind(address: impl ToSocketAddrs, limits: Limits) -> io::Result<Server> {
        Ok(Server {
            listener: TcpListener::bind(address)?,
            limits,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until the process ends. A panic of `answer` is answered with 500.
    pub fn serve(self, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) {
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            limits: self.limits,
            waiting: AtomicUsize::new(0),
        });
        let (queue, taken) = sync_channel::<TcpStream>(shared.limits.waiting);
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..shared.limits.workers {
            let (shared, taken) = (Arc::clone(&shared), Arc::clone(&taken));
            thread::spawn(move || work(&shared, &taken));
        }
        let (refused, turned) = sync_channel(64);
        thread::spawn(move || refuse(turned));
        for connection in self.listener.incoming() {
            let connection = match connection {
                Ok(connection) => connection,
                Err(_) => {
                    // Out of descriptors, say: others may end meanwhile.
                    thread::sleep(Duration::from_millis(10));
                    continue;
                }
            };
            shared.waiting.fetch_add(1, Ordering::Relaxed);
            if let Err(TrySendError::Full(one) | TrySendError::Disconnected(one)) =
                queue.try_send(connection)
            {
                shared.waiting.fetch_sub(1, Ordering::Relaxed);
                let _ = refused.try_send(one); // closed unanswered where even these are many
            }
        }
    }
}

/// Tells those who find no place in the queue; apart from the thread that accepts, which must
/// not wait for anyone.
fn refuse(taken: Receiver<TcpStream>) {
    let busy = plain(503, "too many connections").with("Retry-After", "1");
    for mut connection in taken {
        let _ = connection.set_write_timeout(Some(Duration::from_millis(100)));
        if send(&mut connection, &busy, true, false).is_ok() {
            let _ = drain(&mut connection);
        }
    }
}

fn work(shared: &Shared, taken: &Mutex<Receiver<TcpStream>>) {
    loop {
        let next = match taken.lock() {
            Ok(receiver) => receiver.recv(),
            Err(_) => return,
        };
        match next {
            Ok(connection) => {
                shared.waiting.fetch_sub(1, Ordering::Relaxed);
                let _ = converse(connection, shared);
            }
            Err(_) => return,
        }
    }
}

/// Answers the requests of one connection, one after the other.
fn converse(mut connection: TcpStream, shared: &Shared) -> io::Result<()> {
    let limits = &shared.limits;
    connection.set_nodelay(true)?;
    connection.set_write_timeout(Some(limits.time))?;
    let mut pending = Vec::new();
    for number in 1..=limits.requests {
        let head = match read_head(&mut connection, &mut pending, limits) {
            Ok(head) => head,
            Err(Refused::Gone) => return Ok(()),
            Err(Refused::Because(status, text)) => {
                send(&mut connection, &plain(status, text), true, false)?;
                return drain(&mut connection);
            }
        };
        let (request, keep) = match parse(&head) {
            Ok(parsed) => parsed,
            Err(Refused::Gone) => return Ok(()),
            Err(Refused::Because(status, text)) => {
                send(&mut connection, &plain(status, text), true, false)?;
                return drain(&mut connection);
            }
        };
        let response = catch_unwind(AssertUnwindSafe(|| (shared.answer)(&request)))
            .unwrap_or_else(|_| plain(500, "the server failed at this request"));
        // Who waits for a worker goes before who only might ask again.
        let last = !keep || number == limits.requests || shared.waiting.load(Ordering::Relaxed) > 0;
        send(&mut connection, &response, last, request.method == "HEAD")?;
        if last {
            return Ok(());
        }
    }
    Ok(())
}

/// Takes what a refused client still sends, so that it can read the refusal; for a moment only.
fn drain(connection: &mut TcpStream) -> io::Result<()> {
    connection.shutdown(std::net::Shutdown::Write)?;
    connection.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut part = [0; 8192];
    for _ in 0..32 {
        if connection.read(&mut part)? == 0 {
            break;
        }
    }
    Ok(())
}

/// Gives the next request's head without its empty line; `pending` keeps what came after it.
fn read_head(
    connection: &mut TcpStream,
    pending: &mut Vec<u8>,
    limits: &Limits,
) -> Result<Vec<u8>, Refused> {
    let mut until = Instant::now()
        + if pending.is_empty() {
            limits.idle
        } else {
            limits.time
        };
    let mut searched = 0;
    loop {
        // Empty lines before a request are passed over, as the standard asks.
        while searched == 0 && pending.starts_with(b"\r\n") {
            pending.drain(..2);
        }
        if let Some(found) = pending[searched..]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        {
            let end = searched + found;
            if end > limits.head {
                return Err(Refused::Because(431, "the request's head is too long"));
            }
            let rest = pending.split_off(end + 4);
            let mut head = std::mem::replace(pending, rest);
            head.truncate(end);
            return Ok(head);
        }
        if pending.len() > limits.head + 4 {
            return Err(Refused::Because(431, "the request's head is too long"));
        }
        searched = pending.len().saturating_sub(3);
        let left = until.saturating_duration_since(Instant::now());
        let late = if pending.is_empty() {
            Refused::Gone
        } else {
            Refused::Because(408, "the request did not arrive in time")
        };
        if left.is_zero() {
            return Err(late);
        }
        connection.set_read_timeout(Some(left))?;
        let mut part = [0; 4096];
        match connection.read(&mut part) {
            Ok(0) => return Err(Refused::Gone),
            Ok(count) => {
                if pending.is_empty() {
                    until = Instant::now() + limits.time;
                }
                pending.extend_from_slice(&part[..count]);
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Err(late),
                _ => return Err(Refused::Gone),
            },
        }
    }
}

/// Reads a head: the request, and whether the connection stays open after it.
fn parse(head: &[u8]) -> Result<(Request, bool), Refused> {
    let bad = |text| Refused::Because(400, text);
    let text = std::str::from_utf8(head).map_err(|_| bad("the request's head is not UTF-8"))?;
    if text.contains('\0') || text.replace("\r\n", "").contains(['\r', '\n']) {
        return Err(bad("the request's head holds a line end or NUL of its own"));
    }
    let mut lines = text.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or("").split(' ').collect();
    let (method, target, version) = match words[..] {
        [method, target, version] if !method.is_empty() => (method, target, version),
        _ => return Err(bad("the request line is not: METHOD /PATH HTTP/1.1")),
    };
    let modern = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => {
            return Err(Refused::Because(
                505,
                "only HTTP/1.1 and HTTP/1.0 are spoken",
            ))
        }
    };
    if !target.starts_with('/') {
        return Err(bad("the target does not begin with /"));
    }
    let (mut hosts, mut keep) = (0, modern);
    for line in lines {
        let (name, value) = match line.split_once(':') {
            Some((name, value)) if !name.is_empty() && !name.contains([' ', '\t']) => (name, value),
            _ => return Err(bad("a header is not: NAME: VALUE")),
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "host" => hosts += 1,
            "connection" => {
                for word in value.split(',').map(|one| one.trim().to_ascii_lowercase()) {
                    keep = match word.as_str() {
                        "close" => false,
                        "keep-alive" => true,
                        _ => keep,
                    };
                }
            }
            "content-length" if value == "0" => {}
            "content-length" | "transfer-encoding" => {
                return Err(Refused::Because(413, "a request has no body here"));
            }
            _ => {}
        }
    }
    if hosts > 1 || (modern && hosts == 0) {
        return Err(bad("there is not one Host header"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| bad("the query is not encoded as %XX"))?;
    Ok((
        Request {
            method: method.into(),
            path: path.into(),
            query,
        },
        keep,
    ))
}

fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut found, mut index) = (Vec::new(), 0);
    while index < bytes.len() {
        match bytes[index] {
            b'%' => {
                let digit = |at: usize| (*bytes.get(at)? as char).to_digit(16);
                found.push((digit(index + 1)? * 16 + digit(index + 2)?) as u8);
                index += 2;
            }
            b'+' => found.push(b' '),
            other => found.push(other),
        }
        index += 1;
    }
    String::from_utf8(found).ok()
}

fn plain(status: u16, text: &str) -> Response {
    Response::new(
        status,
        "application/json",
        format!("{{\"error\":\"{text}\"}}"),
    )
}

fn send(to: &mut TcpStream, answer: &Response, last: bool, bare: bool) -> io::Result<()> {
    let reason = match answer.status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    };
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", answer.status);
    for (name, value) in &answer.headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("Content-Length: {}\r\n", answer.body.len());
    text += if last {
        "Connection: close\r\n\r\n"
    } else {
        "\r\n"
    };
    if !bare {
        text += &answer.body;
    }
    to.write_all(text.as_bytes())
}
