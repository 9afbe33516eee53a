//! What is answered to which request.

use crate::http::{Request, Response};
use crate::places::{degrees, Near, Places};

/// The largest number of places that one answer holds.
const MOST: usize = 100;

const EXPECTED: [&str; 3] = [
    "latitude: degrees, -90 to 90",
    "longitude: degrees, -180 to 180",
    "count: 1 to 100 (5 if it is left out)",
];

/// Answers `GET /health` and `GET /nearest?latitude=…&longitude=…&count=…` with JSON.
pub fn respond(places: &Places, request: &Request) -> Response {
    if request.method != "GET" && request.method != "HEAD" {
        let refused = refusal(405, &format!("{} is not answered here", request.method));
        return refused.with("Allow", "GET, HEAD");
    }
    match request.path.as_str() {
        "/health" => json(
            200,
            format!(r#"{{"status":"ok","places":{}}}"#, places.count()),
        ),
        "/nearest" => match asked(&request.query) {
            Ok((latitude, longitude, count)) => {
                let found = places.nearest(latitude, longitude, count);
                let listed: Vec<String> = found.iter().map(near).collect();
                json(200, format!(r#"{{"places":[{}]}}"#, listed.join(",")))
            }
            Err(problem) => refusal(400, &problem),
        },
        path => refusal(
            404,
            &format!("there is nothing at {path}; ask /nearest or /health"),
        ),
    }
}

fn asked(query: &[(String, String)]) -> Result<(f64, f64, usize), String> {
    let (mut latitude, mut longitude, mut count) = (None, None, None);
    for (name, value) in query {
        let bad = || format!("{name} is {value:?}");
        let again = match name.as_str() {
            "latitude" => latitude
                .replace(degrees(value, 90.0).ok_or_else(bad)?)
                .is_some(),
            "longitude" => longitude
                .replace(degrees(value, 180.0).ok_or_else(bad)?)
                .is_some(),
            "count" => {
                let number = value.parse().ok().filter(|one| (1..=MOST).contains(one));
                count.replace(number.ok_or_else(bad)?).is_some()
            }
            _ => return Err(format!("{name:?} is unknown")),
        };
        if again {
            return Err(format!("{name} is given twice"));
        }
    }
    Ok((
        latitude.ok_or("latitude is missing")?,
        longitude.ok_or("longitude is missing")?,
        count.unwrap_or(5),
    ))
}

/// A refusal: what is wrong, and what is expected.
fn refusal(status: u16, problem: &str) -> Response {
    let expected: Vec<String> = EXPECTED.iter().map(|one| quoted(one)).collect();
    let (problem, expected) = (quoted(problem), expected.join(","));
    json(
        status,
        format!(r#"{{"error":{problem},"expected":[{expected}]}}"#),
    )
}

/// A place that was found, as JSON.
pub fn near(found: &Near<'_>) -> String {
    let place = found.place;
    let mut text = format!(
        r#"{{"id":{},"name":{}"#,
        quoted(&place.id),
        quoted(&place.name)
    );
    for (name, value) in &place.more {
        text += &format!(",{}:{}", quoted(name), quoted(value));
    }
    text += &format!(
        r#","latitude":{},"longitude":{},"kilometres":{:.3}}}"#,
        place.latitude, place.longitude, found.kilometres
    );
    text
}

fn json(status: u16, body: String) -> Response {
    Response::new(status, "application/json", body)
}

fn quoted(text: &str) -> String {
    let mut found = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => found.extend(['\\', letter]),
            control if control < ' ' => found += &format!("\\u{:04x}", control as u32),
            other => found.push(other),
        }
    }
    found + "\""
}
