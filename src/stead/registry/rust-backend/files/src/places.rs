//! Places read from CSV text, and the search among them.

use std::fmt;

/// The mean radius of the Earth in kilometres (IUGG).
const RADIUS: f64 = 6371.0088;

/// What was given cannot be used; the text names what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError(pub String);

impl fmt::Display for InputError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl std::error::Error for InputError {}

/// One place. `more` holds the other columns: name and text.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub id: String,
    pub name: String,
    pub latitude: f64,
    pub longitude: f64,
    pub more: Vec<(String, String)>,
}

/// A place that was found, and how far away it is on the great circle.
#[derive(Debug, Clone, PartialEq)]
pub struct Near<'a> {
    pub place: &'a Place,
    pub kilometres: f64,
}

/// All places, each with its point on the unit sphere.
#[derive(Debug, Clone)]
pub struct Places {
    places: Vec<Place>,
    points: Vec<[f64; 3]>,
}

impl Places {
    /// The airports of the United States, compiled in.
    pub fn airports() -> Places {
        Places::from_csv(include_str!("../data/airports.csv")).expect("the data are tested")
    }

    /// Reads CSV text with a header row. The error names the line and what is expected.
    pub fn from_csv(text: &str) -> Result<Places, InputError> {
        let mut rows = rows(text.strip_prefix('\u{feff}').unwrap_or(text))?.into_iter();
        let (_, header) = rows.next().ok_or_else(|| wrong("the text is empty"))?;
        let column = |name: &str| {
            let mut found = header.iter().enumerate().filter(|(_, one)| *one == name);
            match (found.next(), found.next()) {
                (Some((index, _)), None) => Ok(index),
                _ => Err(wrong(&format!("there is not one column {:?}", name))),
            }
        };
        let (id, name) = (column("id")?, column("name")?);
        let (latitude, longitude) = (column("latitude")?, column("longitude")?);
        let mut places = Vec::new();
        for (line, row) in rows {
            if row.len() != header.len() {
                let (found, wanted) = (row.len(), header.len());
                return Err(wrong(&format!(
                    "line {line} has {found} cells, not {wanted}"
                )));
            }
            places.push(Place {
                id: row[id].clone(),
                name: row[name].clone(),
                latitude: degrees(&row[latitude], 90.0)
                    .ok_or_else(|| wrong(&format!("line {line}: latitude {:?}", row[latitude])))?,
                longitude: degrees(&row[longitude], 180.0).ok_or_else(|| {
                    wrong(&format!("line {line}: longitude {:?}", row[longitude]))
                })?,
                more: (0..row.len())
                    .filter(|index| ![id, name, latitude, longitude].contains(index))
                    .map(|index| (header[index].clone(), row[index].clone()))
                    .collect(),
            });
        }
        if places.is_empty() {
            return Err(wrong("there is no row below the header"));
        }
        let points = places
            .iter()
            .map(|one| point(one.latitude, one.longitude))
            .collect();
        Ok(Places { places, points })
    }

    /// How many there are; at least one.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// The `count` places nearest to a point in degrees, nearest first; fewer if there are fewer.
    /// Of two equally near the one that stands first in the data comes first.
    pub fn nearest(&self, latitude: f64, longitude: f64, count: usize) -> Vec<Near<'_>> {
        let from = point(latitude, longitude);
        let mut found: Vec<(f64, usize)> = self
            .points
            .iter()
            .enumerate()
            .map(|(index, to)| (chord_squared(&from, to), index))
            .collect();
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if count == 0 {
            return Vec::new();
        }
        if count < found.len() {
            found.select_nth_unstable_by(count - 1, order);
            found.truncate(count);
        }
        found.sort_unstable_by(order);
        found
            .into_iter()
            .map(|(squared, index)| Near {
                place: &self.places[index],
                // Exact for near points, where the arc cosine of a product is not.
                kilometres: 2.0 * RADIUS * (squared.sqrt() / 2.0).min(1.0).asin(),
            })
            .collect()
    }
}

/// Degrees between `-most` and `most`.
pub(crate) fn degrees(text: &str, most: f64) -> Option<f64> {
    let value: f64 = text.trim().parse().ok()?;
    if value.abs() <= most {
        Some(value)
    } else {
        None // also what is not a number
    }
}

fn wrong(what: &str) -> InputError {
    InputError(format!(
        "{what}. Expected: CSV text with a header row and the columns id, name, \
         latitude (-90 to 90) and longitude (-180 to 180)."
    ))
}

fn point(latitude: f64, longitude: f64) -> [f64; 3] {
    let (sin, cos) = latitude.to_radians().sin_cos();
    let (east, ahead) = longitude.to_radians().sin_cos();
    [cos * ahead, cos * east, sin]
}

fn chord_squared(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum()
}

/// The rows of CSV text (RFC 4180), each with the number of its first line; empty lines are none.
fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, InputError> {
    let mut found = Vec::new();
    let (mut row, mut cell) = (Vec::new(), String::new());
    let (mut line, mut first, mut quoted) = (1, 1, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\n' {
            line += 1;
        }
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted && letters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                if row.len() > 1 || !row[0].is_empty() {
                    found.push((first, std::mem::take(&mut row)));
                }
                row.clear();
                first = line;
            }
            other => cell.push(other),
        }
    }
    if quoted {
        return Err(wrong(&format!(
            "the quotation that begins at line {first} does not end"
        )));
    }
    if !row.is_empty() || !cell.is_empty() {
        row.push(cell);
        found.push((first, row));
    }
    Ok(found)
}
