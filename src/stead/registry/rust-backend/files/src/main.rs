//! The command `rust-backend`.

use rust_backend::{api, respond, InputError, Limits, Places, Server};
use std::env;
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "\
usage: rust-backend run [--host HOST] [--port PORT] [--data CSV]
       rust-backend nearest LATITUDE LONGITUDE [COUNT] [--data CSV]

HOST and PORT may be variables of the environment too (default: 127.0.0.1, 8000).";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args_os()
        .skip(1)
        .map(|one| one.to_string_lossy().into_owned())
        .collect();
    if arguments.iter().any(|one| one == "--help" || one == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match execute(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(InputError(text)) => {
            eprintln!("rust-backend: {text}");
            ExitCode::from(2)
        }
    }
}

fn execute(mut arguments: Vec<String>) -> Result<(), InputError> {
    let host = taken(&mut arguments, "--host")?.or_else(|| variable("HOST"));
    let port = taken(&mut arguments, "--port")?.or_else(|| variable("PORT"));
    let data = taken(&mut arguments, "--data")?;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["run"] => run(
            &places(data)?,
            &host.unwrap_or_else(|| "127.0.0.1".into()),
            &port.unwrap_or_else(|| "8000".into()),
        ),
        ["nearest", latitude, longitude] => nearest(&places(data)?, latitude, longitude, "5"),
        ["nearest", latitude, longitude, count] => {
            nearest(&places(data)?, latitude, longitude, count)
        }
        _ => Err(InputError(format!("Not a command. Expected:\n{USAGE}"))),
    }
}

fn run(places: &Places, host: &str, port: &str) -> Result<(), InputError> {
    let number: u16 = port.parse().map_err(|_| {
        InputError(format!(
            "The port is {port:?}. Expected: a number from 0 to 65535."
        ))
    })?;
    let listening = |error| {
        InputError(format!(
            "Cannot listen on {host}:{port}: {error}. Expected: a free port."
        ))
    };
    let server = Server::bind((host, number), Limits::default()).map_err(listening)?;
    end_when_told();
    println!("http://{}", server.address().map_err(listening)?);
    let _ = std::io::stdout().flush();
    let places = places.clone();
    server.serve(move |request| respond(&places, request));
    Ok(())
}

fn nearest(
    places: &Places,
    latitude: &str,
    longitude: &str,
    count: &str,
) -> Result<(), InputError> {
    let degrees = |text: &str, most: f64| {
        text.parse()
            .ok()
            .filter(|value: &f64| value.abs() <= most)
            .ok_or_else(|| {
                InputError(format!(
                    "{text:?} is not degrees. Expected: a number from -{most} to {most}."
                ))
            })
    };
    let (latitude, longitude) = (degrees(latitude, 90.0)?, degrees(longitude, 180.0)?);
    let count = count.parse().map_err(|_| {
        InputError(format!(
            "The count is {count:?}. Expected: how many places to print."
        ))
    })?;
    for found in places.nearest(latitude, longitude, count) {
        println!("{}", api::near(&found));
    }
    Ok(())
}

fn places(data: Option<String>) -> Result<Places, InputError> {
    let path = match data {
        Some(path) => path,
        None => return Ok(Places::airports()),
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| InputError(format!("{path}: {error}. Expected: a CSV file, UTF-8.")))?;
    Places::from_csv(&text).map_err(|InputError(text)| InputError(format!("{path}: {text}")))
}

/// Takes an option and its value out of the arguments.
fn taken(arguments: &mut Vec<String>, name: &str) -> Result<Option<String>, InputError> {
    let place = match arguments.iter().position(|one| one == name) {
        Some(place) => place,
        None => return Ok(None),
    };
    if place + 1 == arguments.len() {
        return Err(InputError(format!(
            "{name} has no value. Expected:\n{USAGE}"
        )));
    }
    arguments.remove(place);
    Ok(Some(arguments.remove(place)))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The first process of a container is not ended by a signal that it does not handle.
#[cfg(unix)]
fn end_when_told() {
    extern "C" {
        fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
        fn _exit(code: i32) -> !;
    }
    extern "C" fn end(_: i32) {
        unsafe { _exit(0) } // safe in a handler; nothing is held that must be written
    }
    for number in [2, 15] {
        unsafe { signal(number, end) };
    }
}

#[cfg(not(unix))]
fn end_when_told() {}
