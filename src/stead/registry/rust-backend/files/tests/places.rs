use rust_backend::{InputError, Near, Place, Places};

const TOWNS: &str = "\
id,name,latitude,longitude,note
P,Paris,48.8566,2.3522,\"on the Seine, \"\"Lutetia\"\"\"
L,London,51.5074,-0.1278,
S,Sydney,-33.8688,151.2093,\"two
lines\"
";

fn names(found: &[Near]) -> Vec<String> {
    found.iter().map(|one| one.place.name.clone()).collect()
}

#[test]
fn rows_become_places() {
    let towns = Places::from_csv(TOWNS).unwrap();
    assert_eq!(towns.count(), 3);
    let found = towns.nearest(48.0, 2.0, 1);
    let note = ("note".to_string(), "on the Seine, \"Lutetia\"".to_string());
    let paris = Place {
        id: "P".into(),
        name: "Paris".into(),
        latitude: 48.8566,
        longitude: 2.3522,
        more: vec![note],
    };
    assert_eq!(found[0].place, &paris);
}

#[test]
fn distances_are_those_of_the_globe() {
    let towns = Places::from_csv(TOWNS).unwrap();
    let found = towns.nearest(48.8566, 2.3522, 10);
    assert_eq!(names(&found), ["Paris", "London", "Sydney"]);
    assert_eq!(found[0].kilometres, 0.0);
    assert!(
        (found[1].kilometres - 343.6).abs() < 0.5,
        "{}",
        found[1].kilometres
    );
    assert!(
        (found[2].kilometres - 16960.0).abs() < 20.0,
        "{}",
        found[2].kilometres
    );
}

#[test]
fn the_other_side_of_the_date_line_is_near() {
    let text = "id,name,latitude,longitude\na,West,0,179.9\nb,East,0,170\n";
    let places = Places::from_csv(text).unwrap();
    assert_eq!(names(&places.nearest(0.0, -179.9, 2)), ["West", "East"]);
}

#[test]
fn the_compiled_airports_are_all_found_in_order() {
    let airports = Places::airports();
    assert_eq!(airports.count(), 3364);
    let all = airports.nearest(47.45, -122.31, 10_000);
    assert_eq!(all.len(), 3364);
    assert!(all
        .windows(2)
        .all(|pair| pair[0].kilometres <= pair[1].kilometres));
    assert_eq!(all[0].place.id, "SEA");
    assert_eq!(airports.nearest(47.45, -122.31, 7), all[..7]);
    assert!(airports.nearest(0.0, 0.0, 0).is_empty());
}

#[test]
fn what_cannot_be_read_is_one_error_that_says_what_is_expected() {
    for (text, problem) in [
        ("", "is empty"),
        ("id,name,latitude\n", "\"longitude\""),
        ("id,id,name,latitude,longitude\n", "\"id\""),
        ("id,name,latitude,longitude\n", "no row"),
        (
            "id,name,latitude,longitude\n\na,b,1\n",
            "line 3 has 3 cells, not 4",
        ),
        (
            "id,name,latitude,longitude\na,b,91,0\n",
            "line 2: latitude \"91\"",
        ),
        (
            "id,name,latitude,longitude\na,b,0,east\n",
            "line 2: longitude \"east\"",
        ),
        (
            "id,name,latitude,longitude\na,b,NaN,0\n",
            "line 2: latitude \"NaN\"",
        ),
        (
            "id,name,latitude,longitude\n\"a,b,0,0\n",
            "line 2 does not end",
        ),
    ] {
        let InputError(told) = Places::from_csv(text).unwrap_err();
        assert!(told.contains(problem), "{told}");
        assert!(
            told.contains("Expected: CSV text with a header row"),
            "{told}"
        );
    }
}
