use rust_backend::{api, respond, Limits, Near, Place, Places, Request, Response, Server};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

fn limits() -> Limits {
    Limits {
        workers: 2,
        waiting: 2,
        head: 1000,
        time: Duration::from_secs(30),
        idle: Duration::from_secs(30),
        requests: 3,
    }
}

fn served(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> SocketAddr {
    served_within(limits(), answer)
}

fn served_within(
    limits: Limits,
    answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
) -> SocketAddr {
    let server = Server::bind("127.0.0.1:0", limits).unwrap();
    let address = server.address().unwrap();
    thread::spawn(move || server.serve(answer));
    address
}

fn airports() -> SocketAddr {
    let places = Places::airports();
    served(move |request| respond(&places, request))
}

/// Sends bytes and gives all that comes back.
fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(bytes).unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

fn get(address: SocketAddr, target: &str) -> (u16, String) {
    let text = exchange(
        address,
        format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
    );
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_string())
}

#[test]
fn it_says_that_it_is_well() {
    let health = (200, r#"{"status":"ok","places":3364}"#.to_string());
    assert_eq!(get(airports(), "/health"), health);
}

#[test]
fn it_finds_the_nearest() {
    let (status, body) = get(
        airports(),
        "/nearest?latitude=47.45&longitude=%2D122.31&count=1",
    );
    assert_eq!(status, 200);
    assert!(
        body.starts_with(r#"{"places":[{"id":"SEA","name":"Seattle-Tacoma Intl","#),
        "{body}"
    );
    assert!(
        body.contains(r#""state":"WA""#) && body.contains(r#""kilometres":0."#),
        "{body}"
    );
    let (_, body) = get(airports(), "/nearest?latitude=0&longitude=0");
    assert_eq!(body.matches("kilometres").count(), 5);
}

#[test]
fn a_request_that_cannot_be_answered_names_what_is_expected() {
    let address = airports();
    for (target, status, problem) in [
        ("/nearest", 400, "latitude is missing"),
        ("/nearest?latitude=0", 400, "longitude is missing"),
        (
            "/nearest?latitude=91&longitude=0",
            400,
            r#"latitude is \"91\""#,
        ),
        (
            "/nearest?latitude=0&longitude=NaN",
            400,
            r#"longitude is \"NaN\""#,
        ),
        ("/nearest?latitude=0&longitude=0&count=101", 400, "count is"),
        ("/nearest?latitude=0&latitude=0", 400, "twice"),
        ("/nearest?%22=0", 400, r#"is unknown"#),
        ("/other", 404, "nothing at /other"),
    ] {
        let (found, body) = get(address, target);
        assert_eq!(found, status, "{target}");
        assert!(body.contains(problem), "{body}");
        assert!(
            body.contains(r#""expected":["latitude: degrees, -90 to 90","#),
            "{body}"
        );
    }
}

#[test]
fn what_is_no_such_request_is_refused() {
    let address = airports();
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(5000)
    );
    for (bytes, status) in [
        ("nonsense\r\n\r\n", "400"),
        ("GET  HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "400"),
        ("GET /?%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /?%ff HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/2\r\nHost: a\r\n\r\n", "505"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            "413",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "413",
        ),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "405",
        ),
        (&long, "431"),
    ] {
        let text = exchange(address, bytes.as_bytes());
        assert_eq!(&text[9..12], status, "{bytes:?}: {text}");
    }
}

#[test]
fn a_method_that_is_not_answered_is_told_which_are() {
    let text = exchange(
        airports(),
        b"PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(text.contains("\r\nAllow: GET, HEAD\r\n"), "{text}");
}

#[test]
fn a_place_is_written_as_json_whatever_its_name_holds() {
    let place = Place {
        id: "1".into(),
        name: "a \"b\" \\ \n ü".into(),
        latitude: -0.5,
        longitude: 2.0,
        more: vec![],
    };
    let found = Near {
        place: &place,
        kilometres: 1.23456,
    };
    let name = r#""name":"a \"b\" \\ \u000a ü""#;
    let rest = r#""latitude":-0.5,"longitude":2,"kilometres":1.235"#;
    assert_eq!(api::near(&found), format!(r#"{{"id":"1",{name},{rest}}}"#));
}

#[test]
fn requests_follow_one_another_on_a_connection_up_to_a_bound() {
    let one = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let text = exchange(airports(), one.repeat(5).as_bytes());
    assert_eq!(text.matches("200 OK").count(), 3);
    assert_eq!(text.matches("Connection: close").count(), 1);
}

#[test]
fn a_head_is_answered_without_a_body_and_an_old_client_is_let_go() {
    let text = exchange(airports(), b"HEAD /health HTTP/1.0\r\n\r\n");
    assert!(
        text.contains("Content-Length: 29\r\n") && text.ends_with("\r\n\r\n"),
        "{text}"
    );
}

#[test]
fn who_is_slow_or_silent_is_let_go() {
    let short = Duration::from_millis(200);
    let nothing = |_: &Request| Response::new(200, "text/plain", "");
    let silent = served_within(
        Limits {
            idle: short,
            ..limits()
        },
        nothing,
    );
    assert_eq!(exchange(silent, b""), "");
    let slow = served_within(
        Limits {
            time: short,
            ..limits()
        },
        nothing,
    );
    assert_eq!(&exchange(slow, b"GET / HT")[9..12], "408");
}

#[test]
fn a_handler_that_panics_costs_one_answer() {
    std::panic::set_hook(Box::new(|_| {}));
    let address = served(|request| match request.path.as_str() {
        "/bad" => panic!("as the test wants it"),
        _ => Response::new(200, "text/plain", format!("{:?}", request.query)).with("X-Seen", "1"),
    });
    for _ in 0..5 {
        assert_eq!(get(address, "/bad").0, 500);
    }
    assert_eq!(
        get(address, "/?a+b=%C3%BC&c"),
        (200, r#"[("a b", "ü"), ("c", "")]"#.to_string())
    );
}

#[test]
fn more_connections_than_can_wait_are_refused() {
    // Two are answered and two wait, at most: at least eight of twelve are refused at once.
    let refused = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&refused);
    let address = served(move |_| {
        while seen.load(Ordering::SeqCst) < 8 {
            thread::sleep(Duration::from_millis(5));
        }
        Response::new(200, "text/plain", "")
    });
    let ask = |refused: Arc<AtomicUsize>| {
        move || {
            let (status, _) = get(address, "/");
            if status == 503 {
                refused.fetch_add(1, Ordering::SeqCst);
            }
            status
        }
    };
    let asked: Vec<_> = (0..12)
        .map(|_| thread::spawn(ask(Arc::clone(&refused))))
        .collect();
    let answers: Vec<u16> = asked.into_iter().map(|one| one.join().unwrap()).collect();
    assert!(answers.contains(&200), "{answers:?}");
    assert!(
        answers.iter().all(|status| [200, 503].contains(status)),
        "{answers:?}"
    );
}
