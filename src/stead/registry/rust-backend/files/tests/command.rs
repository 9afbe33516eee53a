use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rust-backend"))
}

#[test]
fn it_prints_the_nearest() {
    let ran = command()
        .args(["nearest", "47.45", "-122.31", "2"])
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.starts_with(r#"{"id":"SEA","#), "{text}");
}

#[test]
fn it_reads_places_of_ones_own() {
    let path = std::env::temp_dir().join(format!("places-{}.csv", std::process::id()));
    std::fs::write(&path, "id,name,latitude,longitude\nA,Here,1,2\n").unwrap();
    let ran = command()
        .args(["nearest", "1", "2", "--data"])
        .arg(&path)
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    let here = r#"{"id":"A","name":"Here","latitude":1,"longitude":2,"kilometres":0.000}"#;
    assert_eq!(text.trim_end(), here);
}

/// Starts a server, asks whether it is well, and ends it; gives where it was.
fn served(server: &mut Command) -> String {
    let mut server = server
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut address = String::new();
    out.read_line(&mut address).unwrap();
    let mut connection = TcpStream::connect(address.trim().trim_start_matches("http://")).unwrap();
    connection
        .write_all(b"GET /health HTTP/1.0\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let (mut rest, mut errors) = (String::new(), String::new());
    out.read_to_string(&mut rest).unwrap();
    server
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert!(text.ends_with(r#"{"status":"ok","places":3364}"#), "{text}");
    assert_eq!((rest, errors), (String::new(), String::new()));
    address.trim().to_string()
}

#[test]
fn it_serves_where_variables_say_and_says_nothing_else() {
    let address = served(
        command()
            .arg("run")
            .env("HOST", "127.0.0.2")
            .env("PORT", "0"),
    );
    assert!(address.starts_with("http://127.0.0.2:"), "{address}");
    assert_ne!(address, "http://127.0.0.2:8000");
}

#[test]
fn options_go_before_variables() {
    let address = served(
        command()
            .args(["run", "--host", "127.0.0.2", "--port", "0"])
            .env("HOST", "nowhere")
            .env("PORT", "none"),
    );
    assert!(address.starts_with("http://127.0.0.2:"), "{address}");
}

#[test]
fn bad_input_is_told_with_what_is_expected() {
    for arguments in [
        &["run", "--port", "http"][..],
        &["run", "--port"],
        &["run", "--data", "absent.csv"],
        &["nearest", "91", "0"],
        &["nearest", "0", "0", "many"],
        &["dance"],
        &[],
    ] {
        let ran = command().args(arguments).output().unwrap();
        let text = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        assert!(
            text.starts_with("rust-backend: ") && text.contains("Expected:"),
            "{text}"
        );
    }
}
