import { describe, expect, test } from "vitest";
import {
  type Earthquake,
  EXPECTED_DATA,
  EXPECTED_QUERY,
  InputError,
  ORDERS,
  parseEarthquakes,
  parseQuery,
  select,
} from "../app/earthquakes";

const quake = (id: string, time: string, magnitude: number, depth: number): Earthquake => ({
  id, time, place: "Somewhere", magnitude, depth, latitude: 10, longitude: -170,
});
const A = quake("a", "2018-02-01T00:00:00.000Z", 5, 30);
const B = quake("b", "2018-02-02T00:00:00.000Z", 4.5, 10);
const C = quake("c", "2018-02-03T00:00:00.000Z", 4.4, 300);

test("an InputError is told from others", () => {
  expect(new InputError("x")).toBeInstanceOf(Error);
  expect(new InputError("x").name).toBe("InputError");
});

describe("parseEarthquakes", () => {
  test("reads a list, and brings times to one form", () => {
    const text = JSON.stringify([{ ...A, time: "2018-02-01T01:00:00+01:00", more: 1 }, B]);
    expect(parseEarthquakes(text)).toEqual([A, B]);
  });

  test.each([
    ["", "JSON"],
    ["{}", "no earthquakes"],
    ["[]", "no earthquakes"],
    ["[1]", "Earthquake 1: time"],
    [JSON.stringify([A, A]), "Earthquake 2: id"],
    [JSON.stringify([{ ...A, id: "" }]), "id"],
    [JSON.stringify([{ ...A, time: "yesterday" }]), "time"],
    [JSON.stringify([{ ...A, place: null }]), "place"],
    [JSON.stringify([{ ...A, magnitude: "5" }]), "magnitude"],
    [JSON.stringify([{ ...A, magnitude: 10.1 }]), "magnitude"],
    [JSON.stringify([{ ...A, magnitude: -2.1 }]), "magnitude"],
    [JSON.stringify([{ ...A, depth: 1001 }]), "depth"],
    [JSON.stringify([{ ...A, latitude: 91 }]), "latitude"],
    [JSON.stringify([{ ...A, longitude: -181 }]), "longitude"],
  ])("refuses %s with one error that names the fields", (text, problem) => {
    expect(() => parseEarthquakes(text)).toThrow(InputError);
    expect(() => parseEarthquakes(text)).toThrow(problem);
    expect(() => parseEarthquakes(text)).toThrow(EXPECTED_DATA);
    expect(EXPECTED_DATA).toContain("id, time (ISO 8601), place, magnitude");
  });
});

describe("parseQuery", () => {
  test("has defaults for what is left out", () => {
    expect(parseQuery(new URLSearchParams())).toEqual({ least: 4.5, order: "time" });
    expect(parseQuery(new URLSearchParams("least=&order="))).toEqual({ least: 4.5, order: "time" });
    expect(parseQuery(new URLSearchParams("least=-1.5&order=depth"))).toEqual({
      least: -1.5,
      order: "depth",
    });
    expect(ORDERS).toEqual(["time", "magnitude", "depth"]);
  });

  test.each(["least=strong", "least=11", "least=-3", "least=1e1", "order=size"])("refuses %s", (asked) => {
    expect(() => parseQuery(new URLSearchParams(asked))).toThrow(InputError);
    expect(() => parseQuery(new URLSearchParams(asked))).toThrow(EXPECTED_QUERY);
    expect(EXPECTED_QUERY).toContain("order (time, magnitude, depth)");
  });
});

describe("select", () => {
  const ids = (least: number, order: (typeof ORDERS)[number]) =>
    select([A, B, C], { least, order }).map((one) => one.id).join("");

  test("gives those strong enough, in the order asked for", () => {
    expect(ids(4.5, "time")).toBe("ba");
    expect(ids(0, "time")).toBe("cba");
    expect(ids(0, "magnitude")).toBe("abc");
    expect(ids(0, "depth")).toBe("cab");
    expect(ids(9, "depth")).toBe("");
  });
});
